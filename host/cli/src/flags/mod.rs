//! The flags that several subcommands share, and the pool that they make.

mod dir;
mod http;
mod module;
pub mod settings;
mod start;
mod task;
mod workers;

use sandpool::{LogRecord, Pool, PoolBuilder, Stdio};

use super::report::{self, Failure};
use super::sanitize;
pub use module::ModuleFlags;
pub use start::StartFlags;
pub use task::TaskFlags;
pub use workers::WorkerFlags;

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
        let line = format!("[{task_index}] {function} {level}: {message}");
        // A log is there to be looked at: where nobody can, nothing else fails for it.
        let _ = report::show_guest_output(line.as_bytes());
    })
}

/// Builds a pool of one process, whose tasks write to our own stdout and stderr, byte for
/// byte.
pub fn build_passed_through(
    builder: PoolBuilder,
    task: &TaskFlags,
    start: &StartFlags,
    modules: &ModuleFlags,
) -> Result<Pool, Failure> {
    let builder = builder
        .processes(1)
        .stdio(Stdio::Inherit)
        .whole_lines(false);
    let builder = start.apply(builder, modules.quiet);
    let builder = task.apply(modules.apply(builder))?;
    build(show_logs(builder, modules.quiet))
}

/// Builds the pool.
pub fn build(builder: PoolBuilder) -> Result<Pool, Failure> {
    Ok(builder.build()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{OrNone, Timeout};
    use clap::Parser;
    use sandpool::WasmFeature;

    #[derive(Parser, Debug)]
    struct All {
        #[command(flatten)]
        module: ModuleFlags,
        #[command(flatten)]
        task: TaskFlags,
        #[command(flatten)]
        workers: WorkerFlags,
        #[command(flatten)]
        start: StartFlags,
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
        let all = read(&["--start-timeout", "none"]).unwrap();
        assert_eq!(all.start.start_timeout, Some(OrNone(None)));
    }

    /// The flags that an outcome may advise to raise.
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
