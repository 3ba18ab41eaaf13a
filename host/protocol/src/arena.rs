//! Where in a ring's arena each payload lies.
//!
//! Payloads are freed in the order in which they were placed, or, when tasks
//! are taken back, from the other end. Only the side that writes the arena
//! keeps this book; it lives in that side's private memory.

use std::collections::VecDeque;

/// The book of one arena.
#[derive(Debug)]
pub struct Arena {
    size: usize,
    live: VecDeque<(usize, usize)>,
    /// Bytes of all that is live.
    used: usize,
}

/// Beside so many bytes nothing more is placed. Only a payload that is large by
/// itself takes more, and there is always a place for one: what is live then lies
/// in one piece, or two, and leaves half of an arena free.
pub const MUCH: usize = 8 * 1024 * 1024;

impl Arena {
    pub fn new(size: usize) -> Self {
        Arena {
            size,
            live: VecDeque::new(),
            used: 0,
        }
    }

    /// Finds a place for `len` bytes, at a multiple of 8.
    pub fn place(&mut self, len: usize) -> Option<usize> {
        let len = len.max(1).next_multiple_of(8);
        if self.is_full() {
            return None;
        }
        let offset = match (self.live.front(), self.live.back()) {
            (Some(&(first, _)), Some(&(last, last_len))) => {
                let end = last + last_len;
                if last >= first {
                    // Not wrapped: free are the end of the arena and its start.
                    if self.size - end >= len {
                        end
                    } else if first >= len {
                        0
                    } else {
                        return None;
                    }
                } else if first - end >= len {
                    end
                } else {
                    return None;
                }
            }
            // An empty arena starts over, so a quiet channel keeps touching
            // the same few pages.
            _ if len <= self.size => 0,
            _ => return None,
        };
        self.live.push_back((offset, len));
        self.used += len;
        Some(offset)
    }

    /// Returns whether nothing more is placed, however small.
    pub fn is_full(&self) -> bool {
        self.used >= MUCH
    }

    /// Frees the oldest payload.
    pub fn free_oldest(&mut self) {
        self.used -= self.live.pop_front().map_or(0, |(_, len)| len);
    }

    /// Frees the newest payload.
    pub fn free_newest(&mut self) {
        self.used -= self.live.pop_back().map_or(0, |(_, len)| len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::{ARENA, INLINE};
    use proptest::prelude::*;

    /// Of these, one in three is as long as may be.
    fn any_payload() -> impl Strategy<Value = usize> {
        prop_oneof![Just(INLINE), 0..INLINE, 0..MUCH / 4]
    }

    proptest! {
        #[test]
        fn there_is_a_place_for_any_payload_unless_much_is_placed(
            steps in proptest::collection::vec((0u8..4, any_payload()), 1..400)
        ) {
            let mut arena = Arena::new(ARENA);
            for (step, len) in steps {
                match step {
                    0 | 1 => {
                        let was_full = arena.is_full();
                        prop_assert_eq!(arena.place(len).is_none(), was_full);
                    }
                    2 => arena.free_oldest(),
                    _ => arena.free_newest(),
                }
            }
        }

        #[test]
        fn live_payloads_never_overlap_and_stay_inside(
            steps in proptest::collection::vec((0u8..4, 0usize..300), 1..400)
        ) {
            let mut arena = Arena::new(1024);
            let mut live: VecDeque<(usize, usize)> = VecDeque::new();
            for (step, len) in steps {
                match step {
                    0 | 1 => if let Some(offset) = arena.place(len) {
                        prop_assert!(offset % 8 == 0 && offset + len <= 1024);
                        for &(other, other_len) in &live {
                            prop_assert!(offset + len <= other || other + other_len <= offset);
                        }
                        live.push_back((offset, len));
                    } else {
                        prop_assert!(!live.is_empty());
                    },
                    2 => { arena.free_oldest(); live.pop_front(); }
                    _ => { arena.free_newest(); live.pop_back(); }
                }
            }
        }
    }
}
