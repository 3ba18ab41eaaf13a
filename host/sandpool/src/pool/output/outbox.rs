//! The outbox: everything that leaves the pool's lock.

use super::callbacks::CallbackJob;
use crate::module::Module;
use crate::pool::tasks::Completion;
use crate::pool::trace::WorkerEnd;
use sandpool_protocol::layers::SandboxReport;

/// The jobs and findings that are to be passed on once the lock is released.
#[derive(Default)]
pub(crate) struct Outbox {
    pub(crate) jobs: Vec<(Option<u64>, CallbackJob)>,
    /// The serial numbers of workers that are gone, and how each ended.
    pub(crate) gone: Vec<(u64, WorkerEnd)>,
    /// The serial numbers of workers that want the host's standard input.
    pub(crate) want_stdin: Vec<u64>,
    /// The reports of workers about their sandbox.
    pub(crate) reports: Vec<SandboxReport>,
    /// The modules whose artifacts workers cannot load.
    pub(crate) bad_artifacts: Vec<Module>,
}

impl Outbox {
    /// Returns `true` if the outbox holds nothing but jobs that satisfy `such`.
    pub(crate) fn holds_only(&self, such: impl Fn(&CallbackJob) -> bool) -> bool {
        let Outbox {
            jobs,
            gone,
            want_stdin,
            reports,
            bad_artifacts,
        } = self;
        jobs.iter().all(|(_, job)| such(job))
            && gone.is_empty()
            && want_stdin.is_empty()
            && reports.is_empty()
            && bad_artifacts.is_empty()
    }

    pub(crate) fn finish(&mut self, serial: Option<u64>, completion: Completion) {
        self.jobs.push((serial, CallbackJob::Finish(completion)));
    }
}
