//! The host side of one guest: the state that wasmtime keeps beside an instance.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use super::bounds::{Bounds, OutputLimitReached};
use super::broker::Broker;
use super::files::Files;
use super::http::GuestHttp;
use super::wasi::GuestWasi;
use sandpool_protocol::limits::{LimitName, MAX_HANDLES};
use sandpool_protocol::settings::LogLevel;

/// The running task's data for the `task` interface.
#[derive(Clone, Debug, Default)]
pub struct TaskInfo {
    pub index: u64,
    pub attempt: u32,
    pub name: Arc<str>,
    pub worker_pid: u32,
    pub deadline: Option<Instant>,
}

impl TaskInfo {
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

/// The receiver of a guest's log lines and progress, and the sender of the host's wish that
/// the guest stops.
pub trait Messages: Send + Sync {
    /// Passes on a line that the running task logged.
    fn log(&self, level: LogLevel, message: String);
    /// Passes on the progress of the running task.
    fn progress(&self, done: u64, total: Option<u64>, message: Option<String>);
    /// Returns `true` if the host may ask the running task to stop.
    fn may_ask_to_stop(&self) -> bool;
    /// Returns `true` if the host has asked the running task to stop.
    fn asks_to_stop(&self) -> bool;
}

/// The state of one store.
pub struct Guest {
    pub wasi: GuestWasi,
    pub files: Files,
    pub task: TaskInfo,
    pub bounds: Bounds,
    pub messages: Arc<dyn Messages>,
    /// The way to shared objects and to functions of the host, if the module imports any.
    pub broker: Option<Arc<dyn Broker>>,
    /// The highest number of bytes of the arguments of one call of the host.
    pub host_call_arguments: Option<u64>,
    pub http: GuestHttp,
    /// The number of bytes of log and progress that are still allowed.
    pub log_left: Option<u64>,
}

impl Guest {
    /// Makes a store for the guest, with nothing in it yet.
    pub fn into_store(self, engine: &Engine) -> Store<Guest> {
        let mut store = Store::new(engine, self);
        // The store asks at once how many memories, tables and instances are allowed.
        store.limiter(|guest| &mut guest.bounds);
        store.set_max_component_handles(MAX_HANDLES as usize);
        store
    }

    pub fn tell_log(&mut self, level: LogLevel, message: String) -> wasmtime::Result<()> {
        self.spend_log(message.len())?;
        self.messages.log(level, message);
        Ok(())
    }

    pub fn tell_progress(
        &mut self,
        done: u64,
        total: Option<u64>,
        message: Option<String>,
    ) -> wasmtime::Result<()> {
        self.spend_log(message.as_ref().map_or(0, String::len))?;
        self.messages.progress(done, total, message);
        Ok(())
    }

    /// Charges a message: its bytes and a little more, so that empty messages cannot flood
    /// the host.
    fn spend_log(&mut self, bytes: usize) -> wasmtime::Result<()> {
        if let Some(left) = &mut self.log_left {
            *left = left
                .checked_sub(bytes as u64 + 16)
                .ok_or(OutputLimitReached {
                    limit: LimitName::Log,
                })?;
        }
        Ok(())
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.http.view(self.wasi.get().ctx().table)
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.get().ctx()
    }
}
