//! Tasks and answers as they travel through the ring.
//!
//! The first byte of a payload tells its form: the frame follows, or it lies in a memory
//! file of its own, or the short form follows. A frame is a header and then raw bytes
//! (arguments; or value, stdout and stderr), which are never read one by one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Violation;
use crate::limits::LimitName;
use crate::verdict::Refusal;
use sandpool_value::DECODED_LIMIT;

/// A task on its way to a worker. The arguments follow as raw bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskHeader {
    /// The number of the task, unique in its pool.
    pub task: u64,
    pub index: u64,
    pub attempt: u32,
    pub name: Option<String>,
    pub callee: Callee,
    pub limits: WireLimits,
}

/// The code that a task runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Callee {
    /// The function with this index; the raw bytes are its arguments.
    Function(u32),
    /// The command; the raw bytes are standard input.
    Command {
        argv: Vec<String>,
        /// `true` if it is read from the host's own standard input, on demand.
        inherit_stdin: bool,
    },
}

/// The limits that the worker itself keeps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WireLimits {
    pub timeout: Option<Duration>,
    pub memory: Option<u64>,
    pub result: Option<u64>,
    pub stdout: Option<u64>,
    pub stderr: Option<u64>,
    pub log: Option<u64>,
    pub host_calls: Option<u64>,
    pub host_call_arguments: Option<u64>,
    pub fuel: Option<u64>,
}

/// An answer on its way to the host. Value (or payload of `err`), stdout and stderr follow
/// as raw bytes, with the lengths in this header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerHeader {
    pub task: u64,
    pub end: TaskEnd,
    pub message: Option<String>,
    pub run_time: Duration,
    pub peak_memory: u64,
    pub fuel: Option<u64>,
    pub refusals: Vec<Refusal>,
    pub value_len: u64,
    pub stdout_len: u64,
    pub stderr_len: u64,
}

/// A worker's claim about the end of its own task. There is no `internal_error` among
/// them: a worker that ran guest code cannot claim one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskEnd {
    Ok,
    Error,
    Exit(i32),
    Trap,
    Interrupted,
    OutOfFuel,
    MemoryLimit(LimitName),
    OutputLimit(LimitName),
    Denied,
    /// The initializer failed, which breaks the pool.
    Initializer,
    /// A function or a tool of the host failed.
    HostFunction,
}

impl TaskEnd {
    /// Returns `true` if a limit ended the task.
    pub fn is_a_limit(self) -> bool {
        matches!(
            self,
            TaskEnd::Interrupted
                | TaskEnd::OutOfFuel
                | TaskEnd::MemoryLimit(_)
                | TaskEnd::OutputLimit(_)
        )
    }
}

/// A payload as it lies in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// The frame itself.
    Inline(&'a [u8]),
    /// The frame is in the memory file with this number.
    InFile { id: u64, len: u64 },
    /// A short form; see [`compact`](super::compact).
    Compact(&'a [u8]),
}

/// The first byte of a short form.
pub(super) const COMPACT: u8 = 2;

impl<'a> Payload<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self, Violation> {
        match bytes.split_first() {
            Some((0, frame)) => Ok(Payload::Inline(frame)),
            Some((1, rest)) => {
                let (id, len) = rest
                    .split_first_chunk::<8>()
                    .and_then(|(id, len)| Some((*id, <[u8; 8]>::try_from(len).ok()?)))
                    .ok_or(Violation("a payload's number cannot be read"))?;
                Ok(Payload::InFile {
                    id: u64::from_le_bytes(id),
                    len: u64::from_le_bytes(len),
                })
            }
            Some((&COMPACT, rest)) => Ok(Payload::Compact(rest)),
            _ => Err(Violation("a payload is of no known kind")),
        }
    }

    /// Returns the bytes that go into the ring for a frame in a memory file.
    pub fn in_file(id: u64, len: u64) -> Vec<u8> {
        let mut bytes = vec![1];
        bytes.extend(id.to_le_bytes());
        bytes.extend(len.to_le_bytes());
        bytes
    }
}

/// Returns the bytes that [`put_inline`] makes, for tests and the hostile worker.
#[cfg(any(test, debug_assertions))]
pub fn inline_payload<H: Serialize>(header: &H, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_inline(&mut bytes, header, parts);
    bytes
}

/// Replaces the content of a buffer by the bytes that go into the ring for a header and its
/// raw parts: one byte 0, then the frame.
pub fn put_inline<H: Serialize>(bytes: &mut Vec<u8>, header: &H, parts: &[&[u8]]) {
    let raw: usize = parts.iter().map(|part| part.len()).sum();
    bytes.clear();
    bytes.reserve(128 + raw);
    bytes.push(0);
    // Writing into a vector cannot fail, and our headers always encode.
    *bytes = postcard::to_extend(header, std::mem::take(bytes)).unwrap_or_default();
    for part in parts {
        bytes.extend_from_slice(part);
    }
}

/// The largest size of a header in bytes.
const HEADER: usize = 64 * 1024;

/// Splits a frame into its header and the raw bytes after it. A header is never long,
/// however long the frame is: lists in it cannot grow with the bytes after it.
pub fn split<'a, H: Deserialize<'a>>(frame: &'a [u8]) -> Result<(H, &'a [u8]), Violation> {
    let start = &frame[..frame.len().min(HEADER)];
    let (header, rest) = postcard::take_from_bytes(start)
        .map_err(|_| Violation("a frame's header cannot be read"))?;
    Ok((header, &frame[start.len() - rest.len()..]))
}

impl AnswerHeader {
    /// Splits the raw parts of the answer: value, stdout, stderr.
    pub fn parts<'a>(&self, raw: &'a [u8]) -> Result<[&'a [u8]; 3], Violation> {
        let wrong = Violation("an answer's parts do not add up");
        let part = |len: u64, rest: &'a [u8]| {
            usize::try_from(len)
                .ok()
                .and_then(|len| rest.split_at_checked(len))
        };
        let (value, rest) = part(self.value_len, raw).ok_or(wrong.clone())?;
        let (stdout, rest) = part(self.stdout_len, rest).ok_or(wrong.clone())?;
        let (stderr, rest) = part(self.stderr_len, rest).ok_or(wrong.clone())?;
        if rest.is_empty() {
            Ok([value, stdout, stderr])
        } else {
            Err(wrong)
        }
    }
}

/// Returns the memory that a value of `len` bytes may take in the host. A module chooses
/// its types, and some can make gigabytes of a few bytes: a list of tuples of tuples.
/// Values of ordinary types take from once to a hundred times their bytes.
pub fn memory_for_value(len: usize) -> usize {
    const TIMES: usize = 256;
    const LEAST_MEMORY: usize = 1024 * 1024;
    len.saturating_mul(TIMES)
        .saturating_add(LEAST_MEMORY)
        .min(DECODED_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer() -> AnswerHeader {
        AnswerHeader {
            task: 7,
            end: TaskEnd::Exit(3),
            message: Some("left".into()),
            run_time: Duration::from_millis(3),
            peak_memory: 65536,
            fuel: None,
            refusals: vec![],
            value_len: 2,
            stdout_len: 3,
            stderr_len: 0,
        }
    }

    #[test]
    fn an_answer_is_read_back_with_its_parts() {
        let payload = inline_payload(&answer(), &[b"ab", b"cde", b""]);
        let Ok(Payload::Inline(frame)) = Payload::read(&payload) else {
            panic!("inline")
        };
        let (header, raw) = split::<AnswerHeader>(frame).expect("header");
        assert_eq!(header, answer());
        assert_eq!(header.parts(raw), Ok([&b"ab"[..], b"cde", b""]));
    }

    #[test]
    fn parts_that_do_not_add_up_are_a_violation() {
        assert!(answer().parts(b"abcd").is_err());
        assert!(answer().parts(b"abcdef").is_err());
        let huge = AnswerHeader {
            value_len: u64::MAX,
            ..answer()
        };
        assert!(huge.parts(b"abcde").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(Payload::Inline(frame)) = Payload::read(&bytes)
                && let Ok((header, raw)) = split::<AnswerHeader>(frame)
            {
                let _ = header.parts(raw);
            }
            let _ = crate::control::decode::<crate::control::FromChild>(&bytes);
        }
    }
}
