//! The flags that several subcommands share, and the pool that they make.

use std::time::Duration;

use clap::{Args, ValueEnum};
use sandpool::{
    DirGrant, Interrupt, Isolation, LogRecord, Pool, PoolBuilder, Sandbox, SandboxReport,
    WasmFeature,
};

use super::parse::{self, OrNone, Timeout, Variable};
use super::report::{self, Failure};
use super::sanitize;

/// How a module becomes something that runs: for every subcommand.
#[derive(Args, Debug)]
pub struct ModuleFlags {
    /// Wasm features to turn on: exceptions, function-references, gc, memory64
    #[arg(
        long,
        value_name = "FEATURES",
        value_delimiter = ',',
        help_heading = "Modules"
    )]
    wasm: Vec<WasmFeature>,
    /// Size of the module [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Modules")]
    module_size: Option<OrNone<u64>>,
    /// Wall time for compiling the module [default: 120s]
    #[arg(long, value_name = "TIME", value_parser = parse::duration, help_heading = "Modules")]
    compile_timeout: Option<OrNone<Duration>>,
    /// CPU time for compiling the module, in whole seconds [default: 240s]
    #[arg(long, value_name = "TIME", value_parser = parse::duration, help_heading = "Modules")]
    compile_cpu_time: Option<OrNone<Duration>>,
    /// Memory for compiling the module [default: 4GiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Modules")]
    compile_memory: Option<OrNone<u64>>,
    /// Neither read nor write the cache of compiled modules
    #[arg(long, help_heading = "Modules")]
    no_cache: bool,
    /// When a layer of the sandbox is missing here: refuse to run (strict), use
    /// what there is and say so (auto), or use none of it (off) [default: auto]
    #[arg(
        long,
        value_name = "MODE",
        value_enum,
        hide_possible_values = false,
        help_heading = "Isolation"
    )]
    sandbox: Option<SandboxMode>,
    /// Say nothing on stderr but errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// What tasks may use and reach: for the subcommands that run some.
#[derive(Args, Debug)]
pub struct TaskFlags {
    /// Wall time of a task, from when a worker takes it [default: 10s; `run`:
    /// none]; for `map` also `200%` of the median of the tasks that ended ok,
    /// from the third on
    #[arg(long, value_name = "TIME", value_parser = parse::timeout, help_heading = "Limits (`none` lifts one)")]
    timeout: Option<Timeout>,
    /// CPU time of a task [default: none]
    #[arg(long, value_name = "TIME", value_parser = parse::duration, help_heading = "Limits (`none` lifts one)")]
    cpu_time: Option<OrNone<Duration>>,
    /// Count fuel, and end a task that has used so much [default: none]
    #[arg(long, value_name = "UNITS", value_parser = parse::fuel, help_heading = "Limits (`none` lifts one)")]
    fuel: Option<OrNone<u64>>,
    /// Wasm memory of a task [default: 128MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Limits (`none` lifts one)")]
    memory: Option<OrNone<u64>>,
    /// Private memory of a worker process [default: `--memory` and 512MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Limits (`none` lifts one)")]
    process_memory: Option<OrNone<u64>>,
    /// What one host call of a task, or its result, may make its worker
    /// allocate [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Limits (`none` lifts one)")]
    host_call_memory: Option<OrNone<u64>>,
    /// What a task may write to stdout [default: 1MiB; `run`: none]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Limits (`none` lifts one)")]
    stdout_limit: Option<OrNone<u64>>,
    /// What a task may write to stderr [default: 1MiB; `run`: none]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Limits (`none` lifts one)")]
    stderr_limit: Option<OrNone<u64>>,
    /// What a task may log [default: 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Limits (`none` lifts one)")]
    log_limit: Option<OrNone<u64>>,
    /// What a task may be given, stdin included [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Limits (`none` lifts one)")]
    arguments_limit: Option<OrNone<u64>>,
    /// What a task may return [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Limits (`none` lifts one)")]
    result_limit: Option<OrNone<u64>>,
    /// Let the guest read a directory; `:rw` lets it write too
    #[arg(long, value_name = "HOST[::GUEST][:rw]", value_parser = parse::dir, help_heading = "Grants")]
    dir: Vec<DirGrant>,
    /// Give the guest a variable; without a value, the one it has here
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = parse::variable, help_heading = "Grants")]
    env: Vec<Variable>,
    /// process, process-reuse=N (keep an instance for N tasks), or
    /// process-per-task [default: process]
    #[arg(long, value_name = "NOTCH", value_parser = parse::isolation, help_heading = "Isolation")]
    isolation: Option<Isolation>,
    /// How a task that ran too long is ended: with its worker, or by checks
    /// compiled into it, which tell where it was [default: kill]
    #[arg(long, value_name = "HOW", value_enum, help_heading = "Isolation")]
    interrupt: Option<InterruptMode>,
    /// Whose tasks these are; no worker serves two tenants
    #[arg(long, value_name = "KEY", help_heading = "Isolation")]
    tenant: Option<String>,
}

/// How many workers there are: for the subcommands that run many tasks.
#[derive(Args, Debug)]
pub struct WorkerFlags {
    /// Worker processes: N, N% of the cores, +N or -N beside them [default: one
    /// for each core]
    #[arg(
        short = 'j',
        long,
        value_name = "N",
        value_parser = parse::processes,
        allow_hyphen_values = true,
        help_heading = "Workers"
    )]
    processes: Option<usize>,
    /// Niceness of the workers, from 0 to 19
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=19), help_heading = "Workers")]
    nice: Option<u8>,
    /// Replace a worker when it has run so many tasks
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Workers")]
    max_tasks_per_process: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SandboxMode {
    Strict,
    Auto,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum InterruptMode {
    Kill,
    Epoch,
}

impl ModuleFlags {
    pub fn apply(&self, mut builder: PoolBuilder) -> PoolBuilder {
        for feature in &self.wasm {
            builder = builder.wasm_feature(*feature);
        }
        if let Some(OrNone(limit)) = self.module_size {
            builder = builder.module_size(limit);
        }
        if let Some(OrNone(limit)) = self.compile_timeout {
            builder = builder.compile_timeout(limit);
        }
        if let Some(OrNone(limit)) = self.compile_cpu_time {
            builder = builder.compile_cpu_time(limit);
        }
        if let Some(OrNone(limit)) = self.compile_memory {
            builder = builder.compile_memory(limit);
        }
        if let Some(mode) = self.sandbox {
            builder = builder.sandbox(match mode {
                SandboxMode::Strict => Sandbox::Strict,
                SandboxMode::Auto => Sandbox::Auto,
                SandboxMode::Off => Sandbox::Off,
            });
        }
        if self.no_cache {
            builder = builder.cache(false);
        }
        let quiet = self.quiet;
        builder.on_sandbox_gap(move |found| {
            if !quiet {
                report::note(&gap(found));
            }
        })
    }
}

impl TaskFlags {
    /// Sets limits and grants, for a subcommand that runs one task.
    pub fn apply(&self, builder: PoolBuilder) -> Result<PoolBuilder, Failure> {
        if let Some(percent) = self.percent_of_median() {
            return Err(Failure::usage(format!(
                "`--timeout {percent}%` is for `map`: of one task there is no median"
            )));
        }
        self.apply_to_many(builder)
    }

    /// The wall time in percent of the median of tasks so far, if it is that.
    pub fn percent_of_median(&self) -> Option<u32> {
        match self.timeout {
            Some(Timeout::OfMedian(percent)) => Some(percent),
            _ => None,
        }
    }

    /// The limits that were set, as they are given; `default` if none was.
    pub fn limits(&self) -> String {
        let set = |flag: &str, value: Option<String>| value.map(|value| format!("{flag} {value}"));
        let time = |flag, value: Option<OrNone<Duration>>| set(flag, value.map(|v| v.to_string()));
        let amount = |flag, value: Option<OrNone<u64>>| set(flag, value.map(|v| v.to_string()));
        let limits = [
            set("--timeout", self.timeout.map(|timeout| timeout.to_string())),
            time("--cpu-time", self.cpu_time),
            amount("--fuel", self.fuel),
            amount("--memory", self.memory),
            amount("--process-memory", self.process_memory),
            amount("--host-call-memory", self.host_call_memory),
            amount("--stdout-limit", self.stdout_limit),
            amount("--stderr-limit", self.stderr_limit),
            amount("--log-limit", self.log_limit),
            amount("--arguments-limit", self.arguments_limit),
            amount("--result-limit", self.result_limit),
        ];
        let limits: Vec<String> = limits.into_iter().flatten().collect();
        match limits.is_empty() {
            true => "default".into(),
            false => limits.join(" "),
        }
    }

    /// Sets limits and grants. A wall time that follows the median is not set
    /// here: until there is one, tasks have as long as they like.
    pub fn apply_to_many(&self, mut builder: PoolBuilder) -> Result<PoolBuilder, Failure> {
        match self.timeout {
            Some(Timeout::Time(OrNone(limit))) => builder = builder.timeout(limit),
            Some(Timeout::OfMedian(_)) => builder = builder.timeout(None),
            None => {}
        }
        if let Some(OrNone(limit)) = self.cpu_time {
            builder = builder.cpu_time(limit);
        }
        if let Some(OrNone(limit)) = self.fuel {
            builder = builder.fuel(limit);
        }
        if let Some(OrNone(limit)) = self.memory {
            builder = builder.memory(limit);
        }
        if let Some(OrNone(limit)) = self.process_memory {
            builder = builder.process_memory(limit);
        }
        if let Some(OrNone(limit)) = self.host_call_memory {
            builder = builder.host_call_memory(limit);
        }
        if let Some(OrNone(limit)) = self.stdout_limit {
            builder = builder.stdout_limit(limit);
        }
        if let Some(OrNone(limit)) = self.stderr_limit {
            builder = builder.stderr_limit(limit);
        }
        if let Some(OrNone(limit)) = self.log_limit {
            builder = builder.log_limit(limit);
        }
        if let Some(OrNone(limit)) = self.arguments_limit {
            builder = builder.arguments_limit(limit);
        }
        if let Some(OrNone(limit)) = self.result_limit {
            builder = builder.result_limit(limit);
        }
        if let Some(isolation) = self.isolation {
            builder = builder.isolation(isolation);
        }
        if let Some(mode) = self.interrupt {
            builder = builder.interrupt(match mode {
                InterruptMode::Kill => Interrupt::Kill,
                InterruptMode::Epoch => Interrupt::Epoch,
            });
        }
        if let Some(tenant) = &self.tenant {
            builder = builder.tenant(tenant.clone());
        }
        self.grant(builder)
    }

    fn grant(&self, mut builder: PoolBuilder) -> Result<PoolBuilder, Failure> {
        for dir in &self.dir {
            if !dir.host.is_dir() {
                let what = if dir.host.exists() {
                    "is no directory"
                } else {
                    "does not exist"
                };
                return Err(Failure::usage(format!(
                    "`{}`, named with `--dir`, {what}",
                    dir.host.display()
                )));
            }
            builder = builder.dir(dir.clone());
        }
        for variable in &self.env {
            let value = match &variable.value {
                Some(value) => value.clone(),
                None => own_variable(&variable.name)?,
            };
            builder = builder.env(variable.name.clone(), value);
        }
        Ok(builder)
    }
}

/// A variable of our own environment that the guest is to have.
fn own_variable(name: &str) -> Result<String, Failure> {
    std::env::var(name).map_err(|error| {
        let why = match error {
            std::env::VarError::NotPresent => "is not set here",
            std::env::VarError::NotUnicode(_) => "is not UTF-8, which is all that a guest can have",
        };
        Failure::usage(format!("the variable `{name}`, named with `--env`, {why}"))
            .hint(format!("`--env {name}=VALUE` gives it a value"))
    })
}

impl WorkerFlags {
    pub fn apply(&self, mut builder: PoolBuilder) -> PoolBuilder {
        if let Some(processes) = self.processes {
            builder = builder.processes(processes);
        }
        if let Some(nice) = self.nice {
            builder = builder.nice(nice);
        }
        if let Some(tasks) = self.max_tasks_per_process {
            builder = builder.maxtasksperchild(tasks);
        }
        builder
    }
}

/// What is said, once, when a layer of the sandbox is missing.
fn gap(found: &SandboxReport) -> String {
    let missing: Vec<_> = found.missing().map(|report| report.layer.name()).collect();
    format!(
        "the sandbox is not complete here: no {}; `sandpool doctor` tells why and what to do",
        missing.join(", ")
    )
}

/// Lets the builder show guests' log lines on stderr.
pub fn show_logs(builder: PoolBuilder, quiet: bool) -> PoolBuilder {
    show_logs_of(builder, quiet, |index| index)
}

/// The same, of tasks that go by other numbers than the pool's.
pub fn show_logs_of(
    builder: PoolBuilder,
    quiet: bool,
    number: impl Fn(u64) -> u64 + Send + 'static,
) -> PoolBuilder {
    if quiet {
        return builder;
    }
    builder.on_log(move |record: LogRecord| {
        let LogRecord {
            task_index,
            function,
            level,
            message,
            ..
        } = record;
        let function = sanitize::line(&function);
        let task_index = number(task_index);
        report::show_guest_output(
            format!("[{task_index}] {function} {level}: {message}").as_bytes(),
        );
    })
}

/// Builds the pool.
pub fn build(builder: PoolBuilder) -> Result<Pool, Failure> {
    Ok(builder.build()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser, Debug)]
    struct All {
        #[command(flatten)]
        module: ModuleFlags,
        #[command(flatten)]
        task: TaskFlags,
        #[command(flatten)]
        workers: WorkerFlags,
    }

    fn read(words: &[&str]) -> Result<All, clap::Error> {
        All::try_parse_from([&["sandpool"], words].concat())
    }

    #[test]
    fn none_lifts_every_limit() {
        let flags: Vec<&str> = FLAGS.iter().flat_map(|flag| [*flag, "none"]).collect();
        let all = read(&flags).unwrap();
        let none = Some(OrNone(None));
        let TaskFlags {
            timeout,
            cpu_time,
            fuel,
            memory,
            process_memory,
            host_call_memory,
            stdout_limit,
            stderr_limit,
            log_limit,
            arguments_limit,
            result_limit,
            ..
        } = all.task;
        assert_eq!(timeout, Some(Timeout::Time(OrNone(None))));
        assert_eq!(cpu_time, Some(OrNone(None)));
        assert_eq!([fuel, memory, process_memory, host_call_memory], [none; 4]);
        assert_eq!([stdout_limit, stderr_limit, log_limit], [none; 3]);
        assert_eq!([arguments_limit, result_limit], [none; 2]);
        assert_eq!(
            [all.module.module_size, all.module.compile_memory],
            [none; 2]
        );
        let times = [all.module.compile_timeout, all.module.compile_cpu_time];
        assert_eq!(times, [Some(OrNone(None)); 2]);
        assert_eq!(read(&[]).unwrap().task.cpu_time, None);
    }

    /// What an outcome may tell the user to raise.
    const FLAGS: [&str; 15] = [
        "--timeout",
        "--cpu-time",
        "--fuel",
        "--memory",
        "--process-memory",
        "--host-call-memory",
        "--stdout-limit",
        "--stderr-limit",
        "--log-limit",
        "--arguments-limit",
        "--result-limit",
        "--module-size",
        "--compile-timeout",
        "--compile-cpu-time",
        "--compile-memory",
    ];

    #[test]
    fn every_flag_that_a_limit_names_is_there() {
        use sandpool::LimitName::*;
        let named = [
            Timeout,
            CpuTime,
            Fuel,
            Memory,
            ProcessMemory,
            HostCalls,
            Stdout,
            Stderr,
            Log,
            Arguments,
            Result,
            ModuleSize,
            CompileTimeout,
            CompileCpuTime,
            CompileMemory,
        ];
        assert_eq!(named.map(|name| name.flag()), FLAGS.map(Some));
    }

    #[test]
    fn features_are_a_list_and_an_unknown_one_names_those_there_are() {
        let all = read(&["--wasm", "exceptions,gc"]).unwrap();
        assert_eq!(all.module.wasm, [WasmFeature::Exceptions, WasmFeature::Gc]);
        let error = read(&["--wasm", "threads"]).unwrap_err().to_string();
        assert!(error.contains("memory64"), "{error}");
    }

    #[test]
    fn a_pool_has_at_least_one_process() {
        assert!(read(&["-j", "0"]).is_err());
        assert!(read(&["--max-tasks-per-process", "0"]).is_err());
        assert_eq!(read(&["-j2"]).unwrap().workers.processes, Some(2));
        assert!(read(&["-j", "-1"]).unwrap().workers.processes >= Some(1));
        assert!(read(&["--nice", "20"]).is_err());
    }
}
