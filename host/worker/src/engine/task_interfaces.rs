//! The interfaces `task`, `log`, `progress` and `interrupt`: what a guest may know of its task,
//! and what it reports while that runs.

use super::bindings::sandpool::task::{log, progress, task};
use super::bindings::v0_2::sandpool::task::interrupt;
use super::guest::Guest;
use sandpool_protocol::settings::LogLevel;

impl task::Host for Guest {
    fn index(&mut self) -> wasmtime::Result<u64> {
        Ok(self.task.index)
    }

    fn attempt(&mut self) -> wasmtime::Result<u32> {
        Ok(self.task.attempt)
    }

    fn name(&mut self) -> wasmtime::Result<String> {
        Ok(self.task.name.to_string())
    }

    fn worker_pid(&mut self) -> wasmtime::Result<u32> {
        Ok(self.task.worker_pid)
    }

    fn time_left(&mut self) -> wasmtime::Result<Option<u64>> {
        Ok(self
            .task
            .time_left()
            .map(|left| u64::try_from(left.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl interrupt::Host for Guest {
    fn is_possible(&mut self) -> wasmtime::Result<bool> {
        Ok(self.messages.may_ask_to_stop())
    }

    fn is_requested(&mut self) -> wasmtime::Result<bool> {
        Ok(self.messages.asks_to_stop())
    }
}

impl log::Host for Guest {
    fn log(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => LogLevel::Trace,
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        self.tell_log(level, message)
    }
}

impl progress::Host for Guest {
    fn report(
        &mut self,
        done: u64,
        total: Option<u64>,
        message: Option<String>,
    ) -> wasmtime::Result<()> {
        self.tell_progress(done, total, message)
    }
}
