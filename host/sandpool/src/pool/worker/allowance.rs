//! The requests that a worker's running task has made of the host beside its answer: room
//! for a large answer, standard input, lines of log. Each of them is bounded.

use std::fs::File;

use sandpool_protocol::Violation;
use sandpool_sys::memfd_read_at;

/// Bytes of log beyond a task's limit that the host takes: the worker keeps the limit.
const LOG_SLACK: u64 = 64 * 1024;

/// The requests of a worker's oldest sent task to the host.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    log_bytes: u64,
    /// The memory file that the task was given for its answer.
    room: Option<File>,
    has_stdin: bool,
}

impl Allowance {
    /// Resets the books for the next task.
    #[inline]
    pub(super) fn reset(&mut self) {
        *self = Allowance::default();
    }

    /// Counts a message of `bytes` bytes against the task's limit.
    pub(super) fn spend_log(&mut self, bytes: usize, limit: Option<u64>) -> Result<(), Violation> {
        self.log_bytes += bytes as u64 + 16;
        match limit {
            Some(limit) if self.log_bytes > limit.saturating_add(LOG_SLACK) => {
                Err(Violation("it logs more than its task may"))
            }
            _ => Ok(()),
        }
    }

    /// Notes that the task asked for standard input.
    pub(super) fn ask_for_stdin(&mut self) -> Result<(), Violation> {
        match std::mem::replace(&mut self.has_stdin, true) {
            true => Err(Violation("it wants stdin twice")),
            false => Ok(()),
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.room.is_some()
    }

    /// Notes the memory file that the task was given.
    pub(super) fn give_room(&mut self, room: File) {
        self.room = Some(room);
    }

    /// Reads an answer of `len` bytes from the memory file that the task was given.
    pub(super) fn take_room(&mut self, len: u64) -> Result<Vec<u8>, Violation> {
        let file = self
            .room
            .take()
            .ok_or(Violation("it answered in room it was not given"))?;
        let fits = file.metadata().is_ok_and(|metadata| metadata.len() == len);
        if !fits {
            return Err(Violation("it answered in room of another size"));
        }
        memfd_read_at(&file, len).map_err(|_| Violation("the answer's room cannot be read"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_logs_its_limit_and_little_more() {
        let mut allowance = Allowance::default();
        assert!(allowance.spend_log(1000, Some(0)).is_ok());
        assert!(allowance.spend_log(LOG_SLACK as usize, Some(0)).is_err());
        allowance.reset();
        assert!(allowance.spend_log(1000, Some(0)).is_ok());
        assert!(allowance.spend_log(usize::MAX / 2, None).is_ok());
    }

    #[test]
    fn stdin_is_asked_for_once_a_task() {
        let mut allowance = Allowance::default();
        assert!(allowance.ask_for_stdin().is_ok());
        assert!(allowance.ask_for_stdin().is_err());
        allowance.reset();
        assert!(allowance.ask_for_stdin().is_ok());
    }
}
