//! The cost of processes, and the settings of the runtime.
//!
//! # What a process costs
//!
//! A process is a thread of the operating system. It costs as much as a thread, minus the savings
//! of reusing threads, plus a little bookkeeping. Most of its cost depends on how long a
//! **wake-up** takes on the machine: the time from unparking a parked thread until that thread
//! runs. On the same core it is a microsecond or two; on another core that has gone to sleep it is
//! two to five on bare metal, and 20 to 75 on virtual machines. `cargo run --release --example
//! compare` prints the wake-up time of your machine, and what calls and casts cost there; `cargo
//! bench --bench ratios` prints each cost beside its floor.
//!
//! | | |
//! |---|---|
//! | call a server that has been called lately | a hundredth of a wake-up: neither thread parks |
//! | call a server on the same core | two switches of threads |
//! | call a server that was long idle | one wake-up, two if the reply takes longer than that |
//! | cast | a fraction of a call, in a stream of them; one wake-up to a server that was long idle |
//! | spawn a process on a cached thread | as a call |
//! | start and stop a server | three or four calls |
//! | spawn a process on a new thread | the system's time to start a thread, 10 to 70 µs |
//! | memory of an idle process | 14 KiB, and about as much again in the kernel |
//! | processor time of an idle process | none |
//!
//! # How waiting works
//!
//! A process that waits backs off before it parks: it spins, which finds the messages of threads on
//! other cores, and yields its core, which lets threads on the same core send theirs. It does so
//! for the time of two wake-ups, which the runtime measures. That is long enough to be still awake
//! when a partner that had to be woken answers, so two processes that talk to each other stop
//! parking within a few messages, whatever a wake-up costs. Who waits for a process of another node
//! does so for three times as long, as each message wakes threads that read from the connection,
//! too.
//!
//! Backing off must pay: each thread counts how many messages come within that time, also while it
//! was parked, and one whose messages come later parks at once. If other threads want the core,
//! which shows when yields take long, the process does not yield for a while, as it would give away
//! a time slice each time.
//!
//! So quick answers cost two wake-ups of processor time after the last of a series of messages, for
//! some messages. A process whose messages come milliseconds apart uses as much processor time as
//! if it always parked, and an idle process uses none.
//!
//! # How many processes fit
//!
//! A thread takes four memory maps, and a stock Linux allows a program 65,530 of them: that makes
//! about 16,000 processes. Limits on threads, on pids and on memory may come first. A spawn that
//! finds no room returns [`SpawnError::Limit`](super::SpawnError::Limit), which names the limit and
//! how to raise it; with `vm.max_map_count` at 262,144 there is room for 30,000 and more. An idle
//! process takes 14 KiB of memory, whatever the size of its stack, of which only the part that is
//! used counts.
//!
//! A thousand maps are left to the rest of the program: its own threads, its heap, libraries that
//! it loads. If they ran out while a thread starts, the standard library would abort the program.
//! So before it starts a thread, the runtime ensures that they are free. It notices maps that the
//! program takes itself when these make the program grow, and counts each new page as a map. Where
//! maps do not make it grow, as when it protects or unmaps parts of its memory, the thousand are
//! enough for a second. A program that takes more of these while a thread starts, or takes the last
//! ones itself, is not protected.
//!
//! The room of a process that has ended is free for the next one: a process that has learned of the
//! end, from its link, its monitor or its start, can start another in its place, on a thread of any
//! kind. A spawn that finds no room waits, if necessary, for the threads of processes that have
//! just ended, and for no others; a second at most, as destructors may hold them up.
//!
//! # When to choose threads
//!
//! Threads suit servers that do blocking work (files, sockets, databases, C libraries), that hold
//! values that are not `Send`, or that are called from plain threads: a call costs a fraction of
//! entering an async runtime and returning from it. They suit hundreds or some thousands of
//! processes. And they suit fault tolerance: a process can delay only its clients.
//!
//! They do not suit messages that hop through hundreds of mostly idle processes: each hop costs a
//! switch of threads and a cold stack, several microseconds where an async task takes half of one.
//! Deeply nested calls pay for each level. And tens of thousands of idle processes take memory that
//! tasks, or Erlang's processes, do not. For these an async runtime or the BEAM is the better tool.
//!
//! # What can be set
//!
//! | | default | effect |
//! |---|---|---|
//! | [`Builder::stack_size`] | 2 MiB | how deep it may recurse; others take a thread of its own |
//! | [`Builder::kill_grace`] | 1 s | how long a killed process may take to leave user code |
//! | [`set_spin_budget`] | 2 | for how many wake-ups' time a process backs off before it parks |
//! | [`set_max_cached_threads`] | 256 | how many threads wait for their next process |
//! | [`set_long_message_queue`] | 100,000 | at how many messages a mailbox is reported |
//!
//! [`Builder::stack_size`]: super::Builder::stack_size
//! [`Builder::kill_grace`]: super::Builder::kill_grace
//!
//! # Differences from OTP
//!
//! The BEAM's schedulers, and their flags, have no counterpart: threads are scheduled by the
//! system.

pub use crate::runtime::tuning::{
    WaterMarks, set_long_message_queue, set_max_cached_threads, set_spin_budget,
};
