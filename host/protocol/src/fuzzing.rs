//! Everything that the host reads from a child process, as functions that take
//! any bytes and must not panic, hang or use much memory.
//!
//! The fuzz targets in `host/fuzz` call these, and so do the property tests
//! below, with bytes that are random and with honest ones that were damaged.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use crate::Violation;
use crate::compact;
use crate::control::{FromChild, decode, encode};
use crate::description::Description;
use crate::frame::{AnswerHeader, Payload, memory_for_value, split};
use crate::handshake::Hello;
use crate::host_end::{HostEnd, SendError};
use crate::ring::{INLINE, Lane, RING_SIZE, Ring};
use crate::sleep::Spin;
use crate::worker_end::WorkerEnd;
use sandpool_sys::{EventFd, Mapping, memfd_sized};
use sandpool_value::{Type, decode_result_within, encode_args, raw, to_json};

mod exchange;
mod http;

#[cfg(fuzzing)]
pub use exchange::{exchange, request};
#[cfg(fuzzing)]
pub use http::http;

/// The result type of a function, then a payload from the ring.
pub fn frames(mut bytes: &[u8]) {
    let ty = Type::decode(&mut bytes).ok();
    let read = match Payload::read(bytes) {
        Ok(Payload::Inline(frame)) => split::<AnswerHeader>(frame),
        Ok(Payload::Compact(bytes)) => compact::read_answer(bytes),
        Ok(Payload::InFile { .. }) | Err(_) => return,
    };
    let Ok((header, rest)) = read else {
        return;
    };
    if let Ok([bytes, _, _]) = header.parts(rest) {
        value(&ty, bytes);
    }
}

/// A result of a type.
fn value(ty: &Option<Type>, bytes: &[u8]) {
    let Ok(value) = decode_result_within(ty, bytes, memory_for_value(bytes.len())) else {
        return;
    };
    // The value is of its type, and no byte was passed over.
    if let Some(ty) = ty {
        assert!(value.check(ty).is_ok());
        assert_eq!(encode_args(std::slice::from_ref(&value)), bytes);
    }
    let _ = (raw(&value), to_json(&value));
}

/// A message on the control socket.
pub fn control(bytes: &[u8]) {
    if let Ok(message) = decode::<FromChild>(bytes) {
        assert!(decode::<FromChild>(&encode(&message)).is_ok());
    }
    if let Some(hello) = Hello::decode(bytes) {
        assert_eq!(hello.encode(), bytes);
        let _ = hello.check();
    }
}

/// Reads a compiler's description of a module.
pub fn description(bytes: &[u8]) {
    let Ok(description) = Description::decode(bytes) else {
        return;
    };
    let again = Description::decode(&description.encode());
    assert_eq!(again.as_ref(), Ok(&description));
    for function in &description.functions {
        let _ = (function.signature(), function.unsupported());
    }
}

/// Plays steps, one byte each and what it needs, until one breaks the rules: each
/// asserts what must hold, and a violation ends the worker.
fn play(bytes: &[u8], mut play: impl FnMut(u8, u64) -> Result<(), Violation>) {
    let mut steps = bytes.iter().copied();
    while let Some(step) = steps.next() {
        let mut word = [0; 8];
        // Only what a worker writes at will takes bytes of its own.
        if step % 16 >= 10 {
            word.iter_mut()
                .for_each(|byte| *byte = steps.next().unwrap_or(0));
        }
        if play(step, u64::from_le_bytes(word)).is_err() {
            return;
        }
    }
}

/// Steps of a host and of a worker that may do anything.
pub fn ring(bytes: &[u8]) {
    let Some(mut fixture) = RingFixture::new() else {
        return;
    };
    play(bytes, |step, word| fixture.step(step, word));
}

/// A ring with both ends, the ring itself for a worker that writes at will, and
/// the tasks that the host has not got back.
struct RingFixture {
    host: HostEnd,
    worker: WorkerEnd,
    ring: Ring,
    sent: VecDeque<Vec<u8>>,
    /// The word that an honest worker would have claimed.
    claimed: Option<Vec<u8>>,
    /// True if it has kept the rules so far.
    honest: bool,
    next: u8,
}

impl RingFixture {
    fn new() -> Option<Self> {
        let file = memfd_sized("sandpool-ring", RING_SIZE as u64).ok()?;
        let ring = || Some(Ring::new(Mapping::new(&file, RING_SIZE).ok()?));
        Some(RingFixture {
            host: HostEnd::new(ring()?),
            worker: WorkerEnd::new(ring()?, EventFd::new().ok()?.into(), Spin::new(false)),
            ring: ring()?,
            sent: VecDeque::new(),
            claimed: None,
            honest: true,
            next: 0,
        })
    }

    fn step(&mut self, step: u8, word: u64) -> Result<(), Violation> {
        let done = match step % 16 {
            0..=2 => self.send(),
            3 => self.take_back(),
            4 | 5 => self.take_answer(),
            6 => self.look(),
            7 => self.claim(),
            8 | 9 => self.publish(),
            wild => {
                self.honest = false;
                self.write_at_will(wild, word);
                Ok(())
            }
        };
        assert!(!self.honest || done.is_ok(), "an honest worker is believed");
        done
    }

    fn send(&mut self) -> Result<(), Violation> {
        let payload = vec![self.next; usize::from(self.next) * 97];
        self.next = self.next.wrapping_add(1);
        match self.host.send(&payload) {
            Ok(()) => self.sent.push_back(payload),
            Err(SendError::Full | SendError::Unread) => assert!(!self.sent.is_empty()),
            Err(SendError::Violation(violation)) => return Err(violation),
        }
        self.host.wake();
        Ok(())
    }

    fn take_back(&mut self) -> Result<(), Violation> {
        let count = self.host.take_back()? as usize;
        assert!(count <= self.sent.len(), "more came back than was sent");
        self.sent.truncate(self.sent.len() - count);
        Ok(())
    }

    fn take_answer(&mut self) -> Result<(), Violation> {
        self.host.announce_awake();
        let mut answer = Vec::new();
        if self.host.take_answer(&mut answer, || u64::MAX)? {
            assert!(answer.len() <= INLINE + 64);
            let task = self.sent.pop_front();
            let task = task.unwrap_or_else(|| panic!("an answer to nothing"));
            let answered = !self.honest || answer == answer_to(&task);
            assert!(answered, "answers come in order");
        }
        self.host.announce_sleep(1);
        Ok(())
    }

    fn look(&mut self) -> Result<(), Violation> {
        let outstanding = self.host.outstanding()?;
        let all = outstanding.answered + outstanding.unclaimed + u32::from(outstanding.running);
        assert_eq!(all as usize, self.sent.len(), "{outstanding:?}");
        let _ = self.host.has_answer();
        Ok(())
    }

    fn claim(&mut self) -> Result<(), Violation> {
        // One that broke the rules does not use an honest worker's end, which
        // trusts the host.
        if self.honest && self.claimed.is_none() {
            let mut payload = Vec::new();
            let claimed = self.worker.claim(&mut payload);
            self.claimed = claimed.then_some(payload);
        }
        Ok(())
    }

    fn publish(&mut self) -> Result<(), Violation> {
        if self.honest
            && let Some(payload) = self.claimed.take()
        {
            self.worker.publish(&[answer_to(&payload)]);
        }
        Ok(())
    }

    fn write_at_will(&self, how: u8, word: u64) {
        let claim = self.ring.claim();
        let small = word % 4;
        match how {
            10 => claim.store(word, Ordering::Relaxed),
            // Near what is right, where the checks are fine.
            11 => drop(claim.fetch_add(small, Ordering::Relaxed)),
            12 => drop(claim.fetch_sub(small << 32 | small, Ordering::Relaxed)),
            13 => self.ring.published().store(word as u32, Ordering::Relaxed),
            14 => drop(
                self.ring
                    .published()
                    .fetch_add(small as u32, Ordering::Relaxed),
            ),
            _ => {
                let sequence = (word >> 40) as u32;
                self.ring.write_slot(Lane::Answers, sequence, word);
                let place = (word >> 16) as usize % (RING_SIZE / 8);
                self.ring.write_word(place * 8, word);
            }
        }
    }
}

/// Returns an honest worker's answer: the start of the task, so short that its arena is
/// never full, or it would wait for the host, which is itself.
fn answer_to(task: &[u8]) -> &[u8] {
    &task[..task.len().min(2000)]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::control::Says;
    use crate::description::{Import, ImportKind};
    use crate::frame::{TaskEnd, inline_payload};
    use crate::settings::LogLevel;
    use crate::strategies::{any_function, any_type, typed_value};

    /// Changes some bytes of an honest text.
    fn damaged(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
        let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
        (bytes, damage, any::<prop::sample::Index>(), any::<bool>()).prop_map(
            |(mut bytes, damage, end, cut)| {
                for (place, byte) in damage {
                    if !bytes.is_empty() {
                        let place = place.index(bytes.len());
                        bytes[place] = byte;
                    }
                }
                if cut {
                    bytes.truncate(end.index(bytes.len() + 1));
                }
                bytes
            },
        )
    }

    fn answer() -> impl Strategy<Value = Vec<u8>> {
        (typed_value(), any::<u64>()).prop_map(|((ty, value), task)| {
            let value = encode_args(&[value]);
            let header = AnswerHeader {
                task,
                end: TaskEnd::Ok,
                message: Some("done".into()),
                run_time: Duration::from_millis(1),
                peak_memory: task,
                fuel: None,
                refusals: Vec::new(),
                value_len: value.len() as u64,
                stdout_len: 2,
                stderr_len: 0,
            };
            let mut bytes = Vec::new();
            ty.encode(&mut bytes);
            bytes.extend(inline_payload(&header, &[&value, b"ab"]));
            bytes
        })
    }

    fn message() -> impl Strategy<Value = Vec<u8>> {
        (any::<u64>(), any::<String>()).prop_map(|(task, message)| {
            let level = LogLevel::Info;
            let says = Says::Log { level, message };
            encode(&FromChild::Task { task, says })
        })
    }

    fn described() -> impl Strategy<Value = Vec<u8>> {
        let functions = || prop::collection::vec(any_function(), 0..4);
        let kind = prop_oneof![
            Just(ImportKind::Provided),
            Just(ImportKind::Withheld),
            Just(ImportKind::Functions),
            any::<String>().prop_map(ImportKind::Other),
        ];
        let import = (any::<String>(), kind, functions());
        let import = import.prop_map(|(name, kind, functions)| Import {
            name,
            kind,
            granted_by: None,
            functions,
        });
        let imports = prop::collection::vec(import, 0..4);
        (functions(), imports).prop_map(|(functions, imports)| {
            let description = Description {
                component: true,
                command: false,
                is_interpreter: false,
                functions,
                resources: Vec::new(),
                others: Vec::new(),
                imports,
                unlinked: Some("why".into()),
            };
            description.encode()
        })
    }

    /// Bytes as they come, and small ones, which are tags and counts.
    fn random() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop_oneof![0u8..24, any::<u8>()], 0..300)
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_refused(bytes in prop_oneof![random(), damaged(answer())]) {
            frames(&bytes);
        }

        #[test]
        fn any_value_of_any_type_is_read_or_refused(ty in any_type(), bytes in random()) {
            value(&Some(ty), &bytes);
            value(&None, &bytes);
        }

        #[test]
        fn any_message_is_read_or_refused(bytes in prop_oneof![random(), damaged(message())]) {
            control(&bytes);
            control(&[Hello::of_this_build().encode(), bytes].concat());
        }

        #[test]
        fn any_description_is_read_or_refused(
            bytes in prop_oneof![random(), damaged(described())],
        ) {
            description(&bytes);
        }

        #[test]
        fn whatever_steps_a_worker_takes_the_host_counts_right(
            steps in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            ring(&steps);
        }

        #[test]
        fn an_honest_worker_is_believed_through_any_sequence_of_steps(
            steps in prop::collection::vec(0u8..10, 0..1500),
        ) {
            ring(&steps);
        }
    }
}
