//! How much stack the calling thread has left: a term is read only where there is room for its
//! depth.

use std::cell::Cell;
use std::hint::black_box;
use std::ptr;

/// How much stack a container in another one takes at most, when a term is built, copied, compared,
/// printed or dropped. So much was measured, and a fourth more is for other compilers: in a release
/// build it is a third of that.
const PER_LEVEL: usize = 2048;

/// The stack of a thread.
#[derive(Clone, Copy)]
struct Stack {
    /// Where it was when the thread began; from there on it goes down.
    top: usize,
    size: usize,
}

thread_local! {
    /// Nothing on threads that others have started: theirs are large enough.
    static STACK: Cell<Option<Stack>> = const { Cell::new(None) };
}

/// Says that the calling thread has begun, with a stack of so many bytes.
pub(crate) fn thread_begins(size: usize) {
    STACK.set(Some(Stack { top: here(), size }));
}

/// Whether there is room for so many containers in one another.
pub(super) fn has_room_for(depth: usize) -> bool {
    let Some(Stack { top, size }) = STACK.get() else { return true };
    depth * PER_LEVEL <= size.saturating_sub(top.abs_diff(here()))
}

#[inline(never)]
fn here() -> usize {
    let local = 0_u8;
    ptr::from_ref(black_box(&local)).addr()
}
