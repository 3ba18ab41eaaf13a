//! Using up one thing at a time: the processor, memory, the two stacks, output.
//!
//! The optimiser removes what has no effect, so each function leaves a trace
//! that it cannot prove to be unused.

use std::hint::{black_box, spin_loop};
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

/// Loops without end.
pub fn processor() -> ! {
    loop {
        spin_loop();
    }
}

/// Takes a mebibyte after another; the allocator aborts when it is refused one.
pub fn memory() -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1u8; 1 << 20]));
    }
}

/// Writes to all of a vector's capacity, so that its pages are really there,
/// and returns how large it is.
pub fn touch(mut memory: Vec<u8>) -> u32 {
    memory.resize(memory.capacity(), 1);
    black_box(memory).len() as u32
}

/// The depth of the recursion: what keeps it from being optimised away.
static DEPTH: AtomicU32 = AtomicU32::new(0);

/// Overflows the stack that wasm code keeps its return addresses and locals
/// on. No frame has anything in linear memory.
pub fn wasm_stack() {
    black_box(dive(0));
}

/// The result of the call is used, so this is no tail call, and no accumulator could do
/// it: the recursion cannot become a loop.
#[inline(never)]
#[expect(unconditional_recursion, reason = "it is there to overflow the stack")]
fn dive(depth: u32) -> u32 {
    DEPTH.store(depth, Ordering::Relaxed);
    dive(depth.wrapping_add(1)).rotate_left(5) ^ depth
}

/// Overflows the stack that compilers of C and Rust keep in linear memory, for
/// what has an address.
#[inline(never)]
#[expect(unconditional_recursion, reason = "it is there to overflow the stack")]
pub fn shadow_stack() {
    let mut buffer = [0u8; 4096];
    black_box(&mut buffer);
    shadow_stack();
    black_box(&mut buffer);
}

/// Writes so many bytes, as lines of 64. Whoever reads the other end may well
/// stop to listen; that is no reason to panic.
pub fn output(mut to: impl Write, bytes: u64) {
    const LINE: &[u8; 64] = b"this task has been asked to shout, and it does so, line by line\n";
    let mut left = bytes;
    while left > 0 {
        let now = left.min(LINE.len() as u64);
        if to.write_all(&LINE[..now as usize]).is_err() {
            return;
        }
        left -= now;
    }
    // An error here has nobody left who could be told.
    let _ = to.flush();
}
