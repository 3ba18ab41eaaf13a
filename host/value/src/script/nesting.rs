//! The containers that are open while a text is read, in memory of a fixed size.

use super::MAX_DEPTH;

/// The kind of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bracket {
    Array,
    Object,
}

/// The brackets that are open, a bit for each.
#[derive(Default)]
pub(super) struct Nesting {
    objects: [u64; MAX_DEPTH.div_ceil(64)],
    depth: usize,
}

impl Nesting {
    /// Opens a container. Returns `false` if no more may be open.
    pub(super) fn push(&mut self, bracket: Bracket) -> bool {
        if self.depth == MAX_DEPTH {
            return false;
        }
        let bit = 1 << (self.depth % 64);
        match bracket {
            Bracket::Array => self.objects[self.depth / 64] &= !bit,
            Bracket::Object => self.objects[self.depth / 64] |= bit,
        }
        self.depth += 1;
        true
    }

    /// Closes the innermost container, if one is open.
    pub(super) fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Returns the kind of the innermost container that is open.
    pub(super) fn innermost(&self) -> Option<Bracket> {
        let index = self.depth.checked_sub(1)?;
        Some(match self.objects[index / 64] >> (index % 64) & 1 {
            0 => Bracket::Array,
            _ => Bracket::Object,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_remembered_up_to_the_limit() {
        let mut open = Nesting::default();
        assert_eq!(open.innermost(), None);
        let kind = |depth: usize| match depth % 3 {
            0 => Bracket::Object,
            _ => Bracket::Array,
        };
        for round in 0..2 {
            for depth in 0..MAX_DEPTH {
                assert!(open.push(kind(depth + round)));
            }
            assert!(!open.push(Bracket::Array));
            for depth in (0..MAX_DEPTH).rev() {
                assert_eq!(open.innermost(), Some(kind(depth + round)));
                open.pop();
            }
        }
        open.pop();
        assert_eq!(open.innermost(), None);
    }
}
