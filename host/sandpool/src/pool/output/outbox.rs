//! The outbox: everything that leaves the pool's lock.

use std::sync::Arc;

use super::callbacks::CallbackJob;
use crate::module::Module;
use crate::outcome::Verdict;
use crate::pool::host_calls::HostCall;
use crate::pool::scheduler::TaskSource;
use crate::pool::tasks::Completion;
use crate::pool::trace::WorkerExit;
use sandpool_protocol::layers::SandboxReport;

/// The jobs and findings that are to be passed on once the lock is released.
#[derive(Default)]
pub(crate) struct Outbox {
    pub(crate) jobs: Vec<(Option<u64>, CallbackJob)>,
    /// The serial numbers of workers that are gone, and how each ended.
    pub(crate) gone: Vec<(u64, WorkerExit)>,
    /// The serial numbers of workers that want the host's standard input.
    pub(crate) want_stdin: Vec<u64>,
    /// The streams that were stopped, with the verdict and the reason for their inputs.
    pub(crate) stopped: Vec<(Arc<dyn TaskSource>, Verdict, String)>,
    /// The reports of workers about their sandbox.
    pub(crate) reports: Vec<SandboxReport>,
    /// The calls of the host that tasks have asked for.
    pub(crate) host_calls: Vec<HostCall>,
    /// The modules whose artifacts workers cannot load.
    pub(crate) bad_artifacts: Vec<Module>,
}

impl Outbox {
    /// Returns `true` if the outbox holds nothing but jobs that `fits` accepts.
    pub(crate) fn holds_only(&self, fits: impl Fn(&CallbackJob) -> bool) -> bool {
        let Outbox {
            jobs,
            gone,
            want_stdin,
            stopped,
            reports,
            // Whoever releases the lock runs these.
            host_calls: _,
            bad_artifacts,
        } = self;
        jobs.iter().all(|(_, job)| fits(job))
            && gone.is_empty()
            && want_stdin.is_empty()
            && stopped.is_empty()
            && reports.is_empty()
            && bad_artifacts.is_empty()
    }

    /// Stops a stream, whose inputs that wait are to end with this verdict and reason.
    pub(crate) fn stop(&mut self, stream: Arc<dyn TaskSource>, verdict: Verdict, reason: &str) {
        stream.stop();
        self.stopped.push((stream, verdict, reason.to_owned()));
    }

    pub(crate) fn finish(&mut self, serial: Option<u64>, completion: Completion) {
        self.jobs.push((serial, CallbackJob::Finish(completion)));
    }
}
