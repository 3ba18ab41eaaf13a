//! The limits and grants of tasks.

use std::time::Duration;

use clap::{Args, ValueEnum};
use sandpool::{DirGrant, Interrupt, Isolation, PoolBuilder, TaskLimits};

use super::http::HttpFlags;
use crate::parse::{self, OrNone, Timeout, Variable};
use crate::report::Failure;

/// The limits and grants of tasks: for the subcommands that run some.
#[derive(Args, Debug)]
pub struct TaskFlags {
    /// Wall time of a task, counted from when a worker takes it [default: 10s; `run`:
    /// none]. `map` also takes N%, as in `200%`: of the median of the tasks that ended
    /// ok, once there are three
    #[arg(long, value_name = "TIME", value_parser = parse::timeout, help_heading = "Limits (`none` lifts one)")]
    pub(super) timeout: Option<Timeout>,
    /// CPU time of a task [default: none]
    #[arg(long, value_name = "TIME", value_parser = parse::duration, help_heading = "Limits (`none` lifts one)")]
    pub(super) cpu_time: Option<OrNone<Duration>>,
    /// Count fuel, and end a task that uses more [default: none]
    #[arg(long, value_name = "UNITS", value_parser = parse::fuel, help_heading = "Limits (`none` lifts one)")]
    pub(super) fuel: Option<OrNone<u64>>,
    /// Wasm memory of a task [default: 128MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Limits (`none` lifts one)")]
    pub(super) memory: Option<OrNone<u64>>,
    /// Private memory of a worker process [default: `--memory` and 512MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Limits (`none` lifts one)")]
    pub(super) process_memory: Option<OrNone<u64>>,
    /// Memory that one host call of a task, or its result, may take in the worker
    /// [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Limits (`none` lifts one)")]
    pub(super) host_call_memory: Option<OrNone<u64>>,
    /// Bytes that a task may write to stdout [default: 1MiB; `run`: none]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Limits (`none` lifts one)")]
    pub(super) stdout_limit: Option<OrNone<u64>>,
    /// Bytes that a task may write to stderr [default: 1MiB; `run`: none]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Limits (`none` lifts one)")]
    pub(super) stderr_limit: Option<OrNone<u64>>,
    /// Bytes that a task may log [default: 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Limits (`none` lifts one)")]
    pub(super) log_limit: Option<OrNone<u64>>,
    /// Size of a task's arguments, stdin included [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Limits (`none` lifts one)")]
    pub(super) arguments_limit: Option<OrNone<u64>>,
    /// Size of a task's result [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Limits (`none` lifts one)")]
    pub(super) result_limit: Option<OrNone<u64>>,
    /// Let the guest read a directory, at its own path or at GUEST; with `:rw`, also
    /// write
    #[arg(long, value_name = "HOST[::GUEST][:ro|:rw]", value_parser = super::dir::dirs(), help_heading = "Grants")]
    dir: Vec<DirGrant>,
    /// Give the guest an environment variable; without VALUE, its value here
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = parse::variable, help_heading = "Grants")]
    env: Vec<Variable>,
    #[command(flatten)]
    http: HttpFlags,
    /// Isolation of tasks: process, process-reuse=N (keep an instance for N tasks), or
    /// process-per-task [default: process]
    #[arg(long, value_name = "LEVEL", value_parser = parse::isolation, help_heading = "Isolation")]
    isolation: Option<Isolation>,
    /// Way to end a task that runs too long: kill its worker (kill), or stop it by
    /// checks compiled into it, which also say where it was (epoch) [default: kill]
    #[arg(long, value_name = "HOW", value_enum, help_heading = "Isolation")]
    interrupt: Option<InterruptMode>,
    /// The tenant that these tasks belong to; no worker serves two tenants
    #[arg(long, value_name = "KEY", help_heading = "Isolation")]
    tenant: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum InterruptMode {
    Kill,
    Epoch,
}

impl TaskFlags {
    /// Sets limits and grants, for a subcommand that runs one task.
    pub fn apply(&self, builder: PoolBuilder) -> Result<PoolBuilder, Failure> {
        if let Some(percent) = self.percent_of_median() {
            return Err(Failure::usage(format!(
                "`--timeout {percent}%` is for `map`: a single task has no median"
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
        let limits = limits.into_iter().chain(self.http.limits());
        let limits: Vec<String> = limits.flatten().collect();
        match limits.is_empty() {
            true => "default".into(),
            false => limits.join(" "),
        }
    }

    /// Returns the limit on the size of the arguments of a task, if there is one.
    pub fn longest_arguments(&self) -> Option<u64> {
        match self.arguments_limit {
            Some(OrNone(limit)) => limit,
            None => TaskLimits::default().arguments.value,
        }
    }

    /// Returns the grants as flags; `none` if nothing is. Of a variable only its name:
    /// what it holds may be a secret.
    pub fn grants(&self) -> String {
        let dirs = self.dir.iter().map(|dir| {
            let (host, rw) = (dir.host.display(), if dir.writable { ":rw" } else { "" });
            format!("--dir {host}::{}{rw}", dir.guest)
        });
        let variables = self.env.iter().map(|env| format!("--env {}", env.name));
        let grants: Vec<String> = dirs.chain(variables).chain(self.http.grants()).collect();
        match grants.is_empty() {
            true => "none".into(),
            false => grants.join(" "),
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
                    "is not a directory"
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
                None => own_variable(&variable.name, "--env").map_err(|failure| {
                    let name = &variable.name;
                    failure.hint(format!("`--env {name}=VALUE` gives it a value"))
                })?,
            };
            builder = builder.env(variable.name.clone(), value);
        }
        self.http.apply(builder)
    }
}

/// Returns the value of a variable of our own environment, which a flag names.
pub(super) fn own_variable(name: &str, flag: &str) -> Result<String, Failure> {
    std::env::var(name).map_err(|error| {
        let why = match error {
            std::env::VarError::NotPresent => "is not set here",
            std::env::VarError::NotUnicode(_) => "is not UTF-8; variables of a guest are UTF-8",
        };
        Failure::usage(format!("the variable `{name}`, named with `{flag}`, {why}"))
    })
}
