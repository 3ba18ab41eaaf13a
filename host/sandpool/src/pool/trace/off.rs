//! Reports nothing: the feature `tracing` is off.

use std::borrow::Cow;

use super::{TaskReport, WorkerExit};

pub(crate) struct PoolSpan;

impl PoolSpan {
    pub(crate) fn new(_processes: usize) -> Self {
        PoolSpan
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller
    }
}

pub(crate) struct Caller;

impl Caller {
    #[inline]
    pub(crate) fn is_reported(&self) -> bool {
        false
    }
}

#[derive(Default)]
pub(crate) struct TaskSpans(());

impl TaskSpans {
    #[inline]
    pub(crate) fn begin(&mut self, _caller: &Caller, _function: &str, _name: Option<&str>) {}

    #[inline]
    pub(crate) fn append(&mut self, _other: &mut TaskSpans) {}

    #[inline]
    pub(crate) fn clear(&mut self) {}

    #[inline]
    pub(crate) fn end(&self, _caller: &Caller, _place: usize, _report: &TaskReport<'_>) {}
}

#[derive(Default)]
pub(crate) struct WorkerSpans(());

impl WorkerSpans {
    pub(crate) fn started(&mut self, _pool: &PoolSpan, _serial: u64, _pid: u32, _module: &str) {}

    pub(crate) fn not_started(&self, _pool: &PoolSpan, _module: &str, _why: &str) {}

    pub(crate) fn ended(&mut self, _serial: u64, _exit: &WorkerExit) {}
}

#[derive(Default)]
pub(crate) struct KillNote(());

impl KillNote {
    pub(crate) fn note(&mut self, _why: impl FnOnce() -> Option<Cow<'static, str>>) {}

    pub(crate) fn exit(&self) -> WorkerExit {
        WorkerExit::Left
    }
}
