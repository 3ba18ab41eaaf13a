//! The limits of tasks, modules and pools, with every default.
//!
//! A limit whose value is `None` is not enforced. Each limit remembers the origin of its
//! value, so that an outcome can name the setting to change.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The number of bytes in one KiB.
pub const KIB: u64 = 1024;
/// The number of bytes in one MiB.
pub const MIB: u64 = 1024 * KIB;
/// The number of bytes in one GiB.
pub const GIB: u64 = 1024 * MIB;

/// The number of handles of resources (files, pollables, ...) that a guest may hold at
/// once.
pub const MAX_HANDLES: u32 = 10_000;

/// The origin of a limit's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Origin {
    /// The documented default.
    #[default]
    Default,
    /// A setting of the pool's builder.
    Pool,
    /// A setting of this one call.
    Call,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Default => "default",
            Origin::Pool => "set for the pool",
            Origin::Call => "set for this call",
        })
    }
}

/// A limit: its value and the value's origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit<T> {
    /// The value; `None` is no limit.
    pub value: Option<T>,
    /// The origin of the value.
    pub origin: Origin,
}

impl<T> Limit<T> {
    /// Returns a limit with a documented default.
    pub const fn by_default(value: Option<T>) -> Self {
        Limit {
            value,
            origin: Origin::Default,
        }
    }

    /// Returns a limit with a value that was set.
    pub const fn set(value: Option<T>, origin: Origin) -> Self {
        Limit { value, origin }
    }
}

/// The limits of one task. Each can be set for a pool, by the method of `PoolBuilder` that
/// `LimitName::setting` names, and for one call.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskLimits {
    /// Wall time, from the moment a worker takes the task \[10 s; none for `sandpool run`
    /// and `Process`\]. Time in the queue does not count.
    pub timeout: Limit<Duration>,
    /// CPU time of the worker during the task \[none\], enforced by the host on
    /// the worker's own clock, within 20 ms.
    pub cpu_time: Limit<Duration>,
    /// Linear memory in bytes, all memories of the task together \[128 MiB\]. Does not
    /// cover wasmtime's own allocations; see [`PoolLimits::process_memory`].
    pub memory: Limit<u64>,
    /// Bytes of the result as it is encoded on the channel \[64 MiB\].
    pub result: Limit<u64>,
    /// Bytes of the arguments as they are encoded on the channel, standard input included
    /// \[64 MiB\]. Does not cover standard input that is the host's own.
    pub arguments: Limit<u64>,
    /// Bytes of captured standard output \[1 MiB\]. Output that is passed
    /// through is not limited unless this is set.
    pub stdout: Limit<u64>,
    /// Bytes of captured standard error \[1 MiB\]. Output that is passed through is not
    /// limited unless this is set.
    pub stderr: Limit<u64>,
    /// Bytes of log and progress messages \[1 MiB\].
    pub log: Limit<u64>,
    /// Bytes that one host call of a guest, or its result, may make its worker allocate
    /// \[256 MiB\]. A result that is not made of bytes and strings costs 40 bytes for each
    /// value in it: six million numbers pass. Does not cover memory that many calls leave
    /// behind; see [`PoolLimits::process_memory`].
    pub host_calls: Limit<u64>,
    /// Bytes of the arguments of one call of a function or tool of the host, as they are
    /// encoded on the channel \[1 MiB; at most 64 MiB\]. A call beyond it ends the task with
    /// the verdict `output_limit`.
    pub host_call_arguments: Limit<u64>,
    /// Bytes of the result of one call of a function or tool of the host, as it is encoded on
    /// the channel \[16 MiB; at most 64 MiB\]. A result beyond it is the host's fault, and
    /// ends the task with the verdict `error`.
    pub host_call_results: Limit<u64>,
    /// Units of fuel \[not counted\]. A pool that counts fuel compiles its modules for it,
    /// which costs a loop 25 to 35 % of its speed. Does not cover host calls.
    pub fuel: Limit<u64>,
    /// Number of HTTP requests \[100\]; those that no rule allows count too. A request beyond
    /// it fails (`connection-limit-reached`) and is a refusal. Eight at once are under way, others
    /// wait, whatever this limit is.
    pub http_requests: Limit<u64>,
    /// Bytes of the bodies of all HTTP requests, and of those of all responses
    /// \[16 MiB each\]. A request that runs past it fails (`HTTP-request-body-size`,
    /// `HTTP-response-body-size`), which is a refusal. Does not cover headers.
    pub http_bytes: Limit<u64>,
}

impl Default for TaskLimits {
    fn default() -> Self {
        TaskLimits {
            timeout: Limit::by_default(Some(Duration::from_secs(10))),
            cpu_time: Limit::by_default(None),
            memory: Limit::by_default(Some(128 * MIB)),
            result: Limit::by_default(Some(64 * MIB)),
            arguments: Limit::by_default(Some(64 * MIB)),
            stdout: Limit::by_default(Some(MIB)),
            stderr: Limit::by_default(Some(MIB)),
            log: Limit::by_default(Some(MIB)),
            host_calls: Limit::by_default(Some(256 * MIB)),
            host_call_arguments: Limit::by_default(Some(MIB)),
            host_call_results: Limit::by_default(Some(16 * MIB)),
            fuel: Limit::by_default(None),
            http_requests: Limit::by_default(Some(100)),
            http_bytes: Limit::by_default(Some(16 * MIB)),
        }
    }
}

/// The limits of a pool, its workers and its compilations.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolLimits {
    /// Number of tables of one task \[40\].
    pub tables: u32,
    /// Number of elements of each table \[200,000\]. Does not cover all tables together.
    pub table_elements: u32,
    /// Number of core instances of one task \[100\].
    pub instances: u32,
    /// Number of linear memories of one task \[16\].
    pub memories: u32,
    /// Bytes of wasm stack \[512 KiB\]. Does not cover a guest's own stack in linear
    /// memory.
    pub wasm_stack: u64,
    /// Private memory of a worker process in bytes (`RLIMIT_DATA`) \[the task's memory
    /// limit and 512 MiB\]. Memory that the program's own allocator reserves ahead counts
    /// (mimalloc: 1 GiB). Does not cover memory that worker and host share.
    pub process_memory: Limit<u64>,
    /// Bytes of any one file that a task writes in a granted directory
    /// \[1 GiB\]. Does not cover how many files it writes: a directory that is
    /// granted for writing can be filled.
    pub file_size: Limit<u64>,
    /// Bytes of a module \[256 MiB\].
    pub module_size: Limit<u64>,
    /// Wall time of one compilation \[120 s\].
    pub compile_timeout: Limit<Duration>,
    /// CPU time of one compilation, all its threads together \[240 s\].
    pub compile_cpu_time: Limit<Duration>,
    /// Memory of one compilation in bytes \[4 GiB\].
    pub compile_memory: Limit<u64>,
    /// Number of tasks that wait in the queue \[none\].
    pub queue_length: Limit<u64>,
}

impl Default for PoolLimits {
    fn default() -> Self {
        PoolLimits {
            tables: 40,
            table_elements: 200_000,
            instances: 100,
            memories: 16,
            wasm_stack: 512 * KIB,
            process_memory: Limit::by_default(None),
            file_size: Limit::by_default(Some(GIB)),
            module_size: Limit::by_default(Some(256 * MIB)),
            compile_timeout: Limit::by_default(Some(Duration::from_secs(120))),
            compile_cpu_time: Limit::by_default(Some(Duration::from_secs(240))),
            compile_memory: Limit::by_default(Some(4 * GIB)),
            queue_length: Limit::by_default(None),
        }
    }
}

impl PoolLimits {
    /// Returns the limit with this name as one that was hit; `None` if it is a task's.
    #[doc(hidden)]
    pub fn hit(&self, name: LimitName) -> Option<LimitHit> {
        let bytes = |limit: Limit<u64>| (limit.value.map(show_bytes), limit.origin);
        let time = |limit: Limit<Duration>| (limit.value.map(show_duration), limit.origin);
        let count = |value: u32| (Some(value.to_string()), Origin::Default);
        let limit = match name {
            LimitName::Memories => count(self.memories),
            LimitName::Tables => count(self.tables),
            LimitName::TableElements => count(self.table_elements),
            LimitName::Instances => count(self.instances),
            LimitName::Handles => count(MAX_HANDLES),
            LimitName::ProcessMemory => bytes(self.process_memory),
            LimitName::ModuleSize => bytes(self.module_size),
            LimitName::CompileTimeout => time(self.compile_timeout),
            LimitName::CompileCpuTime => time(self.compile_cpu_time),
            LimitName::CompileMemory => bytes(self.compile_memory),
            _ => return None,
        };
        Some(LimitHit::new(name, limit))
    }
}

impl TaskLimits {
    /// Returns the limit with this name as one that was hit; `None` if it is the pool's.
    #[doc(hidden)]
    pub fn hit(&self, name: LimitName) -> Option<LimitHit> {
        let bytes = |limit: Limit<u64>| (limit.value.map(show_bytes), limit.origin);
        let time = |limit: Limit<Duration>| (limit.value.map(show_duration), limit.origin);
        let limit = match name {
            LimitName::Timeout => time(self.timeout),
            LimitName::CpuTime => time(self.cpu_time),
            LimitName::Memory => bytes(self.memory),
            LimitName::HostCalls => bytes(self.host_calls),
            LimitName::HostCallArguments => bytes(self.host_call_arguments),
            LimitName::HostCallResults => bytes(self.host_call_results),
            LimitName::Arguments => bytes(self.arguments),
            LimitName::Result => bytes(self.result),
            LimitName::Stdout => bytes(self.stdout),
            LimitName::Stderr => bytes(self.stderr),
            LimitName::Log => bytes(self.log),
            LimitName::Fuel => (
                self.fuel.value.map(|fuel| fuel.to_string()),
                self.fuel.origin,
            ),
            _ => return None,
        };
        Some(LimitHit::new(name, limit))
    }
}

/// The name of a limit, in outcomes and on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LimitName {
    /// [`TaskLimits::timeout`].
    Timeout,
    /// [`TaskLimits::cpu_time`].
    CpuTime,
    /// [`TaskLimits::memory`].
    Memory,
    /// [`PoolLimits::memories`].
    Memories,
    /// [`PoolLimits::tables`].
    Tables,
    /// [`PoolLimits::table_elements`].
    TableElements,
    /// [`PoolLimits::instances`].
    Instances,
    /// Handles of resources that a guest may hold at once: 10,000.
    Handles,
    /// [`PoolLimits::process_memory`].
    ProcessMemory,
    /// [`TaskLimits::host_calls`].
    HostCalls,
    /// [`TaskLimits::arguments`].
    Arguments,
    /// [`TaskLimits::result`].
    Result,
    /// [`TaskLimits::stdout`].
    Stdout,
    /// [`TaskLimits::stderr`].
    Stderr,
    /// [`TaskLimits::log`].
    Log,
    /// [`TaskLimits::fuel`].
    Fuel,
    /// [`PoolLimits::module_size`].
    ModuleSize,
    /// [`PoolLimits::compile_timeout`].
    CompileTimeout,
    /// [`PoolLimits::compile_cpu_time`].
    CompileCpuTime,
    /// [`PoolLimits::compile_memory`].
    CompileMemory,
    /// [`TaskLimits::host_call_arguments`].
    HostCallArguments,
    /// [`TaskLimits::host_call_results`].
    HostCallResults,
}

impl LimitName {
    /// Returns the limit's name as it is written to JSON.
    pub fn name(self) -> &'static str {
        match self {
            LimitName::Timeout => "timeout",
            LimitName::CpuTime => "cpu_time",
            LimitName::Memory => "memory",
            LimitName::Memories => "memories",
            LimitName::Tables => "tables",
            LimitName::TableElements => "table_elements",
            LimitName::Instances => "instances",
            LimitName::Handles => "handles",
            LimitName::ProcessMemory => "process_memory",
            LimitName::HostCalls => "host_call_memory",
            LimitName::Arguments => "arguments",
            LimitName::Result => "result",
            LimitName::Stdout => "stdout",
            LimitName::Stderr => "stderr",
            LimitName::Log => "log",
            LimitName::Fuel => "fuel",
            LimitName::ModuleSize => "module_size",
            LimitName::CompileTimeout => "compile_timeout",
            LimitName::CompileCpuTime => "compile_cpu_time",
            LimitName::CompileMemory => "compile_memory",
            LimitName::HostCallArguments => "host_call_arguments",
            LimitName::HostCallResults => "host_call_results",
        }
    }

    /// Returns the name of the method of `PoolBuilder` that sets this
    /// limit, if there is one.
    pub fn setting(self) -> Option<&'static str> {
        Some(match self {
            LimitName::Timeout => "timeout",
            LimitName::CpuTime => "cpu_time",
            LimitName::Memory => "memory",
            LimitName::ProcessMemory => "process_memory",
            LimitName::HostCalls => "host_call_memory",
            LimitName::Arguments => "arguments_limit",
            LimitName::Result => "result_limit",
            LimitName::Stdout => "stdout_limit",
            LimitName::Stderr => "stderr_limit",
            LimitName::Log => "log_limit",
            LimitName::Fuel => "fuel",
            LimitName::ModuleSize => "module_size",
            LimitName::CompileTimeout => "compile_timeout",
            LimitName::CompileCpuTime => "compile_cpu_time",
            LimitName::CompileMemory => "compile_memory",
            LimitName::HostCallArguments => "host_call_arguments",
            LimitName::HostCallResults => "host_call_results",
            LimitName::Memories
            | LimitName::Tables
            | LimitName::TableElements
            | LimitName::Instances
            | LimitName::Handles => return None,
        })
    }
}

/// A limit that ended a task: its name, its value and the value's origin. `Display` writes
/// it in one line, with the setting that raises it.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitHit {
    /// The name of the limit.
    pub name: LimitName,
    /// The value, ready to print (`10s`, `128MiB`).
    pub value: String,
    /// The origin of the value.
    pub origin: Origin,
    /// The place in its code that the task had reached, if its worker could tell it.
    pub place: Option<String>,
}

impl fmt::Display for LimitHit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setting = self.name.setting();
        let advice = setting.map(|setting| format!("the setting `{setting}` raises it"));
        f.write_str(&self.line(&self.origin.to_string(), advice.as_deref()))
    }
}

impl LimitHit {
    /// A limit without a value was still reached: by a request that no limit allows.
    fn new(name: LimitName, (value, origin): (Option<String>, Origin)) -> Self {
        LimitHit {
            name,
            value: value.unwrap_or_else(|| "there is".into()),
            origin,
            place: None,
        }
    }

    /// Returns one line that names the limit that was hit, its `origin`, the place in the
    /// task's code, and `advice`: for programs that have their own names for settings.
    pub fn line(&self, origin: &str, advice: Option<&str>) -> String {
        let what = match self.name {
            LimitName::Timeout => "ran past",
            LimitName::CpuTime => "used more CPU time than",
            LimitName::Memory => "asked for more memory than",
            LimitName::Memories => "asked for more linear memories than",
            LimitName::Tables => "asked for more tables than",
            LimitName::TableElements => "asked for a table of more elements than",
            LimitName::Instances => "asked for more instances than",
            LimitName::Handles => "asked for more handles than",
            LimitName::ProcessMemory => "its process asked for more memory than",
            LimitName::HostCalls => "made its worker allocate more in one host call than",
            LimitName::Arguments => "its arguments take more than",
            LimitName::Result => "returned more than",
            LimitName::Stdout => "wrote more to stdout than",
            LimitName::Stderr => "wrote more to stderr than",
            LimitName::Log => "logged more than",
            LimitName::Fuel => "used more fuel than",
            LimitName::ModuleSize => "it is larger than",
            LimitName::CompileTimeout => "compiling it ran past",
            LimitName::CompileCpuTime => "compiling it used more CPU time than",
            LimitName::CompileMemory => "compiling it asked for more memory than",
            LimitName::HostCallArguments => "called a function of the host with more than",
            LimitName::HostCallResults => "a function of the host returned more than",
        };
        let mut line = format!("{what} {} ({origin})", self.value);
        if let Some(place) = &self.place {
            line.push_str(&format!(", {place}"));
        }
        if let Some(advice) = advice {
            line.push_str(&format!("; {advice}"));
        }
        line
    }
}

/// Returns a duration as the command's flags read it: `1.5s`, `300ms`.
pub fn show_duration(value: Duration) -> String {
    format!("{value:?}")
}

/// Returns a size in the largest unit that loses nothing: `128MiB`, `1000B`.
pub fn show_bytes(value: u64) -> String {
    match value {
        v if v >= GIB && v % GIB == 0 => format!("{}GiB", v / GIB),
        v if v >= MIB && v % MIB == 0 => format!("{}MiB", v / MIB),
        v if v >= KIB && v % KIB == 0 => format!("{}KiB", v / KIB),
        v => format!("{v}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_was_hit_says_its_value_its_origin_and_its_setting() {
        let hit = LimitHit {
            name: LimitName::Timeout,
            value: show_duration(Duration::from_secs(10)),
            origin: Origin::Default,
            place: None,
        };
        assert_eq!(
            hit.to_string(),
            "ran past 10s (default); the setting `timeout` raises it"
        );
        let place = Some("in `f`".into());
        let hit = LimitHit { place, ..hit };
        assert_eq!(hit.line("by me", None), "ran past 10s (by me), in `f`");
    }

    #[test]
    fn sizes_are_shown_in_the_largest_unit_that_loses_nothing() {
        assert_eq!(show_bytes(128 * MIB), "128MiB");
        assert_eq!(show_bytes(1500), "1500B");
        assert_eq!(show_bytes(64 * KIB), "64KiB");
    }
}
