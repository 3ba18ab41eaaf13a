//! Lets a thread that has run a call of the host look for the next one itself, with no thread
//! between it and the worker.
//!
//! A guest that calls the host often does so again within microseconds of a reply, and to wake
//! another thread takes ten times as long. So the thread takes the turn to poll before it
//! replies, and gives it back before it runs the next call.

use super::host_calls::{CallPoller, HostCall};
use super::state::Shared;
use super::worker::WorkerHandle;
use sandpool_protocol::settings::Stdio;
use sandpool_protocol::sleep::Spin;

impl CallPoller for Shared {
    fn begin(&self) -> bool {
        let mut state = self.lock();
        let may_poll = state.life.is_open()
            // A guest's output comes before its outcome, by another thread.
            && self.config.stdio != Stdio::Inherit
            && state.leaves_a_core(&self.config)
            && state.poll_turn.lend();
        if may_poll {
            state.workers().for_each(WorkerHandle::announce_awake);
        }
        may_poll
    }

    fn look(&self, spin: &mut Spin) -> Option<HostCall> {
        let mut found = None;
        spin.look(None, || {
            self.take_call(&mut found);
            found.is_some()
        });
        let mut state = self.lock();
        state.poll_turn.end_loan();
        state.workers().for_each(WorkerHandle::announce_sleep);
        drop(state);
        // A request that came before the announcement has rung no bell.
        self.take_call(&mut found);
        found
    }
}

impl Shared {
    /// Takes the answers that are there, and a call of the host for this thread; others run on
    /// threads of their own.
    fn take_call(&self, found: &mut Option<HostCall>) {
        for call in self.take_answers_and_calls() {
            match found {
                None => *found = Some(call),
                Some(_) => self.call_threads.run(call),
            }
        }
    }
}
