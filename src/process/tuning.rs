//! What processes cost, and what can be set.
//!
//! # What a process costs
//!
//! A process is a thread of the operating system. Its price is that of a thread, less what is saved
//! by using threads again, plus a little bookkeeping. What decides most of it is what the machine
//! takes for a **wake-up**: from when somebody unparks a parked thread until that thread runs. On
//! the same core it is a microsecond or two; on another that has gone to sleep it is two to five on
//! bare metal, and 20 to 75 on virtual machines. `cargo run --release --example compare` prints
//! that of yours, and what calls and casts cost there; `cargo bench --bench ratios` prints each
//! cost beside its floor.
//!
//! | | |
//! |---|---|
//! | call a server that has been called lately | a hundredth of a wake-up: neither thread parks |
//! | call a server on the same core | two switches of threads |
//! | call a server that was long idle | one wake-up, two if the reply takes longer than that |
//! | cast | a fraction of a call, in a stream of them; one wake-up to a server that was long idle |
//! | spawn a process on a cached thread | as a call |
//! | start and stop a server | three or four calls |
//! | spawn a process on a new thread | what the system takes for a thread, 10 to 70 µs |
//! | memory of an idle process | 14 KiB, and about as much again in the kernel |
//! | processor time of an idle process | none |
//!
//! # How waiting works
//!
//! A process that waits backs off before it parks: it spins, which finds what a thread on another
//! core sends, and yields its core, which lets a thread on the same core send it. It does so for
//! two wake-ups, which it measures itself. That is long enough to be still awake when a partner
//! answers that had to be woken, so two processes that talk to each other stop parking within a few
//! messages, whatever a wake-up costs.
//!
//! Backing off has to pay: each thread keeps count of whether messages come within that time, also
//! of those for which it has parked, and one whose messages come later parks at once. If others
//! want the core for work of their own, which shows when yields take long, the process does not
//! yield for a while, as it would give away a time slice each time.
//!
//! So the price of being quick is two wake-ups of processor time after the last of a row of
//! messages, for some messages. A process whose messages come milliseconds apart uses as much
//! processor time as if it always parked, and one that is idle uses none.
//!
//! # How many processes fit
//!
//! A thread takes four memory maps, and a stock Linux allows a program 65,530 of them: that makes
//! about 16,000 processes. Limits on threads, on pids and on memory may come first. A spawn that
//! finds no room returns [`SpawnError::Limit`](super::SpawnError::Limit), which names the limit and
//! how to raise it; with `vm.max_map_count` at 262,144 there is room for 30,000 and more. Memory is
//! 14 KiB for each that is idle, whatever the size of its stack, of which only what is touched
//! counts.
//!
//! A thousand maps are left to the rest of the program: its own threads, its heap, libraries that
//! it loads. If they ran out while a thread starts, the standard library would abort the program.
//! So before each thread it is made sure that they are there. Maps that the program takes itself
//! are seen when that makes it grow, each page taken for a map; where it does not, as when it
//! protects or unmaps parts of what it has, up to a thousand of them are borne within a second. One
//! that takes more in that way while a thread starts, or takes the last ones itself, is not saved.
//!
//! A place that was free for a process is free for the one that follows it: whoever has heard of
//! the end of one, from its link, its monitor or its start, can start another in its place, on a
//! thread of any kind. A spawn that finds no room waits, if need be, for the threads of processes
//! that have just ended, and for no other; a second at most, as destructors may hold them up.
//!
//! # When to choose threads
//!
//! For servers that do blocking work (files, sockets, databases, C libraries), that hold what is
//! not `Send`, or that are called from plain threads: a call costs a fraction of what it costs to
//! get into an async runtime and back out of it. For hundreds or some thousands of processes. For
//! fault tolerance: what one process does can delay nobody but its clients.
//!
//! When not: a message that hops through hundreds of mostly idle processes pays a switch of threads
//! and a cold stack for each, several microseconds where an async task pays half of one. Calls that
//! are nested deeply pay for each level. And tens of thousands of idle processes take memory that
//! tasks, or Erlang's processes, do not. For these an async runtime or the BEAM is the better tool.
//!
//! # What can be set
//!
//! | | default | effect |
//! |---|---|---|
//! | [`Builder::stack_size`] | 2 MiB | how deep it may recurse; another takes a thread of its own |
//! | [`Builder::kill_grace`] | 1 s | how long it may take to leave user code, once killed |
//! | [`set_spin_budget`] | 2 | for how many wake-ups a process backs off before it parks |
//! | [`set_max_cached_threads`] | 256 | how many threads wait for their next process |
//!
//! [`Builder::stack_size`]: super::Builder::stack_size
//! [`Builder::kill_grace`]: super::Builder::kill_grace
//!
//! # Differences from OTP
//!
//! The BEAM's schedulers, and their flags, have no counterpart: threads are scheduled by the
//! system.

pub use crate::runtime::tuning::{set_max_cached_threads, set_spin_budget};
