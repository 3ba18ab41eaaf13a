//! The short forms that nearly all tasks and answers have.
//!
//! A pool is mostly asked for the same thing again and again, and most tasks end
//! well with nothing else to say. What is the same for all of them is not sent
//! each time.

use std::time::Duration;

use super::Violation;
use super::frame::{AnswerHeader, COMPACT, TaskEnd, TaskHeader, put_inline};

/// A task that is, but for these numbers and its arguments, as the last one
/// whose header stood in the ring.
///
/// The host may take tasks back that are not claimed. Then it sends the next
/// header whole, or the worker might never have read the one that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactTask {
    pub task: u64,
    pub index: u64,
    pub attempt: u32,
}

impl CompactTask {
    /// Writes the payload of a task, but for its raw bytes, in place of what is
    /// in a buffer.
    pub fn put(&self, bytes: &mut Vec<u8>) {
        bytes.clear();
        bytes.push(COMPACT);
        bytes.extend_from_slice(&self.task.to_le_bytes());
        bytes.extend_from_slice(&self.index.to_le_bytes());
        bytes.extend_from_slice(&self.attempt.to_le_bytes());
    }

    /// Reads what [`CompactTask::put`] wrote after its first byte, and the raw
    /// bytes behind it.
    pub fn read(bytes: &[u8]) -> Result<(Self, &[u8]), Violation> {
        let mut rest = bytes;
        let wrong = "a task's numbers cannot be read";
        let compact = CompactTask {
            task: u64::from_le_bytes(number(&mut rest, wrong)?),
            index: u64::from_le_bytes(number(&mut rest, wrong)?),
            attempt: u32::from_le_bytes(number(&mut rest, wrong)?),
        };
        Ok((compact, rest))
    }

    /// Makes the header of the last task that of this one.
    pub fn renew(self, header: &mut TaskHeader) {
        header.task = self.task;
        header.index = self.index;
        header.attempt = self.attempt;
    }
}

impl AnswerHeader {
    /// Returns whether the task ended well, and there is nothing to say but its value.
    pub fn is_plain(&self) -> bool {
        self.end == TaskEnd::Ok
            && self.message.is_none()
            && self.fuel.is_none()
            && self.refusals.is_empty()
            && self.stdout_len == 0
            && self.stderr_len == 0
    }
}

/// Writes the payload of an answer, but for its raw parts, in place of what is in
/// a buffer: in short, if it ended well and there is nothing but a value.
pub fn put_answer(bytes: &mut Vec<u8>, header: &AnswerHeader) {
    if !header.is_plain() {
        return put_inline(bytes, header, &[]);
    }
    let nanos = u64::try_from(header.run_time.as_nanos()).unwrap_or(u64::MAX);
    bytes.clear();
    bytes.push(COMPACT);
    bytes.extend_from_slice(&header.task.to_le_bytes());
    bytes.extend_from_slice(&nanos.to_le_bytes());
    bytes.extend_from_slice(&header.peak_memory.to_le_bytes());
}

/// Reads a short answer without its first byte: its header, and the value.
pub fn read_answer(bytes: &[u8]) -> Result<(AnswerHeader, &[u8]), Violation> {
    let mut rest = bytes;
    let wrong = "an answer's numbers cannot be read";
    let task = u64::from_le_bytes(number(&mut rest, wrong)?);
    let nanos = u64::from_le_bytes(number(&mut rest, wrong)?);
    let peak_memory = u64::from_le_bytes(number(&mut rest, wrong)?);
    let header = AnswerHeader {
        task,
        end: TaskEnd::Ok,
        message: None,
        run_time: Duration::from_nanos(nanos),
        peak_memory,
        fuel: None,
        refusals: Vec::new(),
        value_len: rest.len() as u64,
        stdout_len: 0,
        stderr_len: 0,
    };
    Ok((header, rest))
}

fn number<const BYTES: usize>(
    rest: &mut &[u8],
    wrong: &'static str,
) -> Result<[u8; BYTES], Violation> {
    let (number, behind) = rest.split_first_chunk().ok_or(Violation(wrong))?;
    *rest = behind;
    Ok(*number)
}

#[cfg(test)]
mod tests {
    use super::super::frame::{Payload, split};
    use super::*;
    use proptest::prelude::*;

    fn plain(task: u64, value: &[u8]) -> AnswerHeader {
        AnswerHeader {
            task,
            end: TaskEnd::Ok,
            message: None,
            run_time: Duration::from_micros(7),
            peak_memory: 65536,
            fuel: None,
            refusals: Vec::new(),
            value_len: value.len() as u64,
            stdout_len: 0,
            stderr_len: 0,
        }
    }

    #[test]
    fn an_answer_with_more_to_say_is_sent_whole() {
        let mut bytes = Vec::new();
        let header = AnswerHeader {
            stdout_len: 2,
            ..plain(1, b"")
        };
        put_answer(&mut bytes, &header);
        bytes.extend_from_slice(b"ab");
        let Ok(Payload::Inline(frame)) = Payload::read(&bytes) else {
            panic!("whole")
        };
        assert_eq!(split::<AnswerHeader>(frame), Ok((header, &b"ab"[..])));
    }

    proptest! {
        #[test]
        fn what_is_sent_in_short_is_read_back(
            task in any::<u64>(), index in any::<u64>(), attempt in any::<u32>(),
            raw in proptest::collection::vec(any::<u8>(), 0..50),
        ) {
            let mut bytes = Vec::new();
            let compact = CompactTask { task, index, attempt };
            compact.put(&mut bytes);
            bytes.extend_from_slice(&raw);
            let Ok(Payload::Compact(rest)) = Payload::read(&bytes) else { panic!("short") };
            prop_assert_eq!(CompactTask::read(rest), Ok((compact, &raw[..])));

            let header = plain(task, &raw);
            put_answer(&mut bytes, &header);
            bytes.extend_from_slice(&raw);
            let Ok(Payload::Compact(rest)) = Payload::read(&bytes) else { panic!("short") };
            prop_assert_eq!(read_answer(rest), Ok((header, &raw[..])));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = CompactTask::read(&bytes);
            let _ = read_answer(&bytes);
        }
    }
}
