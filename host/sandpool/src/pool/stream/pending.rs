//! The inputs of a stream that were pulled and that the pool has not taken over yet.
//!
//! Submitting a task costs the pool's lock, and often a wake-up, which takes longer than a
//! small task does. So inputs wait for one another as long as the workers have enough to
//! do; `stream_state` decides how long and how many.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::pool::tasks::{Batch, Inputs, Rest, Sink, Template};

/// The size in bytes above which an input is not copied to others.
const SMALL: u64 = 4 * 1024;

/// The inputs that wait, in their order.
#[derive(Default)]
pub(super) struct Pending {
    chunks: VecDeque<InputChunk>,
    len: usize,
    bytes: u64,
}

/// Inputs that follow one another, and become one batch.
pub(super) struct InputChunk {
    inputs: Inputs,
    /// The index of the first input.
    first: u64,
    /// The time since when the first input waits.
    since: Instant,
    /// `true` if further inputs may join these.
    is_open: bool,
}

impl InputChunk {
    /// Returns the tasks for these inputs.
    pub(super) fn tasks(
        self,
        template: &Arc<Template>,
        sink: Arc<dyn Sink>,
        cancelled: &Arc<AtomicBool>,
    ) -> Rest {
        let batch = Batch::since(self.since, template, self.inputs, sink, cancelled);
        Rest::all(batch, self.first)
    }
}

impl Pending {
    /// Appends a single input, which may `join` those before it. `input` keeps only its
    /// buffers.
    pub(super) fn push(&mut self, input: &mut Inputs, index: u64, join: bool) {
        self.len += 1;
        self.bytes += input.bytes();
        let join = join && input.is_function() && input.bytes() <= SMALL;
        let last = self
            .chunks
            .back_mut()
            .filter(|last| last.is_open && last.first + last.inputs.len() as u64 == index);
        match last {
            Some(last) if join => last.inputs.append(input),
            _ => self.chunks.push_back(InputChunk {
                inputs: match join {
                    true => Inputs::copy_of(input),
                    false => input.take(),
                },
                first: index,
                since: Instant::now(),
                is_open: join,
            }),
        }
    }

    /// Takes out the first chunks, whole ones only, with `most` inputs at most.
    pub(super) fn take(&mut self, most: usize) -> VecDeque<InputChunk> {
        let mut count = 0;
        let fits = |chunk: &&InputChunk| {
            count += chunk.inputs.len();
            count <= most
        };
        let chunks = self.chunks.iter().take_while(fits).count();
        if chunks == self.chunks.len() {
            return std::mem::take(self).chunks;
        }
        let taken: VecDeque<InputChunk> = self.chunks.drain(..chunks).collect();
        for chunk in &taken {
            self.len -= chunk.inputs.len();
            self.bytes -= chunk.inputs.bytes();
        }
        taken
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the time since when the oldest input waits.
    pub(super) fn since(&self) -> Option<Instant> {
        Some(self.chunks.front()?.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the number of inputs of each chunk.
    fn lengths(chunks: &VecDeque<InputChunk>) -> Vec<usize> {
        chunks.iter().map(|chunk| chunk.inputs.len()).collect()
    }

    #[test]
    fn only_small_inputs_that_follow_one_another_join() {
        let mut pending = Pending::default();
        let input = |bytes: u64| Inputs::of_bytes(vec![7; bytes as usize]);
        let sizes = [1, SMALL, 2, SMALL + 1, 3, 4];
        for (index, size) in (0..).zip(sizes) {
            pending.push(&mut input(size), index, true);
        }
        // The input in between was refused, so this one may not join.
        pending.push(&mut input(5), 7, true);
        pending.push(&mut input(6), 8, false);
        let bytes = sizes.iter().sum::<u64>() + 11;
        assert_eq!((pending.len(), pending.bytes()), (8, bytes));
        assert!(pending.since().is_some());
        assert_eq!(lengths(&pending.take(4)), [3, 1]);
        assert_eq!((pending.len(), pending.bytes()), (4, 18));
        assert!(pending.take(1).is_empty(), "a chunk is not parted");
        let rest = pending.take(usize::MAX);
        assert_eq!(lengths(&rest), [2, 1, 1]);
        assert_eq!(rest[0].first, 4);
        assert_eq!((pending.len(), pending.bytes()), (0, 0));
        assert!(pending.since().is_none());
    }
}
