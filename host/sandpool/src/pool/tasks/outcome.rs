//! Turns a worker's answer, or its absence, into the result of a task. The answer is the
//! worker's own account of its task, so its value is checked before it is believed.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::handles;
use super::task::{Completion, Task};
use super::task_result::{Returned, TaskResult};
use crate::last_words;
use crate::outcome::{Outcome, Verdict};
use sandpool_protocol::Violation;
use sandpool_protocol::frame::{AnswerHeader, TaskEnd, memory_for_value};
use sandpool_protocol::limits::{LimitHit, LimitName, PoolLimits, TaskLimits};
use sandpool_protocol::settings::Stdio;
use sandpool_protocol::verdict::{MAX_REFUSALS, denied_by, trapped_then};
use sandpool_sys::in_force::InForce;
use sandpool_sys::{ABORTED, ChildExit, OUT_OF_CPU, signal_name};
use sandpool_value::{
    DecodeError, Printable, Type, Value, decode_owned_result, decode_result_within, error_text,
};

/// The facts about a task's run that the host observed itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Observed {
    pub(crate) worker_pid: Option<u32>,
    pub(crate) queue_wait: Duration,
    pub(crate) run_time: Option<Duration>,
    pub(crate) cpu_time: Option<Duration>,
}

/// The reason why the host ended a task's worker, or found it dead.
#[derive(Clone, Debug)]
pub(crate) enum Lost {
    Timeout,
    /// The task reached its limit of CPU time, having used this much.
    CpuLimit(Duration),
    Cancelled,
    /// The pool broke, for this reason.
    PoolBroke(String),
    /// The host could not give the task something that it needs, for this reason.
    HostFailed(String),
    /// The worker died by itself, for this reason, if the system gives one.
    Died(ChildExit, Option<String>),
    /// The worker broke the rules of the channel.
    Violation(Violation),
}

impl Lost {
    /// Returns the reason in a few words.
    pub(crate) fn reason(&self) -> Cow<'static, str> {
        match self {
            Lost::Timeout => "timeout".into(),
            Lost::CpuLimit(_) => "CPU limit".into(),
            Lost::Cancelled => "cancelled".into(),
            Lost::PoolBroke(why) => format!("the pool broke: {why}").into(),
            Lost::HostFailed(why) => why.clone().into(),
            Lost::Died(..) => "it died".into(),
            Lost::Violation(violation) => format!("protocol: {violation}").into(),
        }
    }
}

/// The bytes after the header of an answer.
pub(crate) enum Raw<'a> {
    /// They lie in a buffer that all answers share.
    Shared(&'a [u8]),
    /// They lie in a buffer of their own, with the header before them.
    Owned { frame: Vec<u8>, start: usize },
}

impl Raw<'_> {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Raw::Shared(bytes) => bytes,
            Raw::Owned { frame, start } => &frame[*start..],
        }
    }
}

/// Returns an outcome with nothing in it but the host's own facts.
pub(super) fn bare(task: &Task, verdict: Verdict, observed: Observed) -> Outcome<Value> {
    Outcome {
        verdict,
        value: None,
        error_value: None,
        error: None,
        index: task.index,
        attempts: task.attempts,
        poison: false,
        function: Arc::clone(&task.template().function),
        module_hash: task.template().worker_key.module.shared_hash(),
        worker_pid: observed.worker_pid,
        queue_wait: observed.queue_wait,
        run_time: observed.run_time,
        cpu_time: observed.cpu_time,
        peak_memory: None,
        fuel: None,
        exit_code: None,
        signal: None,
        stdout: None,
        stderr: None,
        refusals: task
            .http
            .as_ref()
            .map_or_else(Vec::new, |http| http.refusals.clone()),
        http: task
            .http
            .as_ref()
            .map_or_else(Vec::new, |http| http.exchanges.clone()),
        limit: None,
    }
}

/// Ends a task that no worker will run any more.
pub(crate) fn never_ran(task: Task, verdict: Verdict, reason: String) -> Completion {
    let mut outcome = bare(&task, verdict, Observed::default());
    outcome.error = Some(reason);
    task.end(TaskResult::full(outcome))
}

/// Returns the result of a task whose worker answered.
pub(crate) fn answered(
    task: &Task,
    header: AnswerHeader,
    raw: Raw<'_>,
    observed: Observed,
    stdio: Stdio,
    pool: &PoolLimits,
) -> Result<TaskResult, Violation> {
    // No task can have run for longer than it has existed.
    let most = observed.queue_wait + observed.run_time.unwrap_or_default();
    let run_time = header.run_time.min(most);
    let is_plain = header.is_plain() && task.http.is_none();
    if !is_plain || task.is_command() || observed.cpu_time.is_some() {
        let observed = Observed {
            run_time: Some(run_time),
            ..observed
        };
        return full(task, header, raw, observed, stdio, pool).map(TaskResult::full);
    }
    let value_len = usize::try_from(header.value_len).unwrap_or(usize::MAX);
    let Some(value) = read_value(task, &task.template().ok, raw, value_len)? else {
        let outcome = too_large(bare(task, Verdict::Ok, observed), task, pool);
        return Ok(TaskResult::full(outcome));
    };
    Ok(TaskResult::Value(Returned {
        value,
        index: task.index,
        attempts: task.attempts,
        worker_pid: observed.worker_pid.unwrap_or_default(),
        queue_wait: nanos(observed.queue_wait),
        run_time: nanos(run_time),
        peak_memory: header.peak_memory,
        captured: stdio == Stdio::Capture,
    }))
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Returns the outcome of a task that left more than a value.
fn full(
    task: &Task,
    header: AnswerHeader,
    raw: Raw<'_>,
    observed: Observed,
    stdio: Stdio,
    pool: &PoolLimits,
) -> Result<Outcome<Value>, Violation> {
    let [_, stdout, stderr] = header.parts(raw.bytes())?;
    let mut outcome = bare(task, Verdict::Ok, observed);
    outcome.peak_memory = Some(header.peak_memory);
    outcome.fuel = header.fuel;
    // The worker's own account comes last: a verdict names its last refusal.
    let room = MAX_REFUSALS.saturating_sub(outcome.refusals.len());
    let passed_over = header.refusals.len().saturating_sub(room);
    let latest = header.refusals.into_iter().skip(passed_over);
    outcome.refusals.extend(latest);
    outcome.stdout = (stdio == Stdio::Capture).then(|| stdout.to_vec());
    outcome.stderr = (stdio == Stdio::Capture).then(|| stderr.to_vec());
    let value_len = usize::try_from(header.value_len).unwrap_or(usize::MAX);
    let read = |ty: &Option<Type>| read_value(task, ty, raw, value_len);
    let template = task.template();
    outcome.verdict = match header.end {
        TaskEnd::Ok => {
            let Some(value) = read(&template.ok)? else {
                return Ok(too_large(outcome, task, pool));
            };
            outcome.value = Some(value);
            if task.is_command() {
                outcome.exit_code = Some(0);
            }
            Verdict::Ok
        }
        TaskEnd::Error => {
            let payload = match &template.err {
                None => None,
                Some(_) => match read(&template.err)? {
                    Some(value) => Some(value),
                    None => return Ok(too_large(outcome, task, pool)),
                },
            };
            outcome.error = Some(
                payload
                    .as_ref()
                    .map_or_else(|| "the function returned an error".to_owned(), error_text),
            );
            outcome.error_value = payload;
            Verdict::Error
        }
        TaskEnd::Exit(code) => {
            outcome.exit_code = Some(code);
            outcome.error = Some(format!("left with exit code {code}"));
            Verdict::Exit
        }
        TaskEnd::Trap => {
            let text = header.message.unwrap_or_else(|| "trapped".into());
            outcome.error = Some(Printable(&text).to_string());
            Verdict::Trap
        }
        TaskEnd::Interrupted => {
            outcome.error = header.message.map(|text| Printable(&text).to_string());
            Verdict::Trap
        }
        TaskEnd::OutOfFuel => limit(
            &mut outcome,
            task,
            pool,
            LimitName::Fuel,
            Verdict::OutOfFuel,
        ),
        TaskEnd::MemoryLimit(name) => {
            let verdict = limit(&mut outcome, task, pool, name, Verdict::MemoryLimit);
            if let (Some(error), Some(text)) = (&mut outcome.error, header.message) {
                error.push_str(&trapped_then(&Printable(&text).to_string()));
            }
            verdict
        }
        TaskEnd::OutputLimit(name) => limit(&mut outcome, task, pool, name, Verdict::OutputLimit),
        TaskEnd::Denied => {
            outcome.error = Some(denied_by(&outcome.refusals));
            Verdict::Denied
        }
        TaskEnd::HostFunction => {
            // The host's own words, in which names and texts are printable.
            outcome.error = header.message;
            Verdict::Error
        }
        TaskEnd::Initializer => {
            let text = header.message.unwrap_or_default();
            outcome.error = Some(format!("the initializer failed: {}", Printable(&text)));
            Verdict::InternalError
        }
    };
    if header.end != TaskEnd::Interrupted {
        last_words::add(&mut outcome);
    }
    Ok(outcome)
}

/// Reads a value. Returns `None` if the value would take too much of the host's memory,
/// which is no lie of the worker's: a guest may well return a list of very many small
/// things.
fn read_value(
    task: &Task,
    ty: &Option<Type>,
    raw: Raw<'_>,
    len: usize,
) -> Result<Option<Value>, Violation> {
    let memory = memory_for_value(len);
    let read = match raw {
        Raw::Owned { mut frame, start } => {
            frame.truncate(start.saturating_add(len));
            decode_owned_result(ty, frame, start, memory)
        }
        Raw::Shared(bytes) => decode_result_within(ty, &bytes[..len], memory),
    };
    match read {
        Ok(mut value) => {
            handles::adopt(task, ty, &mut value)?;
            Ok(Some(value))
        }
        Err(DecodeError::TooLarge) => Ok(None),
        Err(_) => Err(Violation("a result is not of its function's type")),
    }
}

fn too_large(mut outcome: Outcome<Value>, task: &Task, pool: &PoolLimits) -> Outcome<Value> {
    outcome.verdict = limit(
        &mut outcome,
        task,
        pool,
        LimitName::Result,
        Verdict::OutputLimit,
    );
    outcome
}

fn limit(
    outcome: &mut Outcome<Value>,
    task: &Task,
    pool: &PoolLimits,
    name: LimitName,
    verdict: Verdict,
) -> Verdict {
    let limits = &task.template().limits;
    let steered;
    let limits = match name {
        LimitName::Timeout => {
            steered = TaskLimits {
                timeout: task.timeout(),
                ..limits.clone()
            };
            &steered
        }
        _ => limits,
    };
    // Raising a limit helps only if it is the one that was hit.
    if name == LimitName::ProcessMemory
        && let Some(tighter) = InForce::now().tighter_than(pool.process_memory.value, 0)
    {
        outcome.error = Some(format!(
            "its process asked for more memory than there is: {tighter}"
        ));
        return verdict;
    }
    outcome.limit = limits.hit(name).or_else(|| pool.hit(name));
    outcome.error = outcome.limit.as_ref().map(LimitHit::to_string);
    verdict
}

/// Returns the outcome of a task that was running when its worker was killed or died.
pub(crate) fn lost(
    task: &Task,
    lost: &Lost,
    observed: Observed,
    pool: &PoolLimits,
    where_it_was: Option<String>,
) -> Outcome<Value> {
    let mut outcome = bare(task, Verdict::WorkerLost, observed);
    outcome.verdict = match lost {
        Lost::Timeout => limit(
            &mut outcome,
            task,
            pool,
            LimitName::Timeout,
            Verdict::Timeout,
        ),
        Lost::CpuLimit(used) => {
            outcome.cpu_time = Some(*used);
            limit(
                &mut outcome,
                task,
                pool,
                LimitName::CpuTime,
                Verdict::CpuLimit,
            )
        }
        Lost::Cancelled => {
            outcome.error = Some("cancelled while it ran".into());
            Verdict::Cancelled
        }
        Lost::PoolBroke(reason) | Lost::HostFailed(reason) => {
            outcome.error = Some(reason.clone());
            Verdict::InternalError
        }
        Lost::Died(ended, _) if starved(*ended, pool).is_some() => limit(
            &mut outcome,
            task,
            pool,
            LimitName::ProcessMemory,
            Verdict::MemoryLimit,
        ),
        Lost::Died(ended, why) => {
            match ended {
                ChildExit::Crashed(signal) | ChildExit::Killed(signal) => {
                    outcome.signal = Some(*signal);
                }
                ChildExit::Exited(code) => outcome.exit_code = Some(*code),
                ChildExit::Unknown => {}
            }
            outcome.error = Some(why_died(*ended, why.as_deref()));
            Verdict::WorkerLost
        }
        Lost::Violation(violation) => {
            outcome.error = Some(format!("protocol: {violation}"));
            Verdict::WorkerLost
        }
    };
    if let (Some(place), Some(hit)) = (where_it_was, &mut outcome.limit) {
        hit.place = Some(Printable(&place).to_string());
        outcome.error = Some(hit.to_string());
    }
    outcome
}

/// Returns a line about the way in which a worker ended by itself; `why` is the system's
/// reason for a kill, if it gives one.
pub(crate) fn why_died(ended: ChildExit, why: Option<&str>) -> String {
    match ended {
        ChildExit::Crashed(signal) | ChildExit::Killed(signal) => {
            let name = signal_name(signal);
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            format!("the worker was killed by signal {signal} ({name}){why}")
        }
        ChildExit::Exited(OUT_OF_CPU) => {
            "the worker used up the CPU time that `ulimit -t` allows a process".into()
        }
        ChildExit::Exited(code) => format!("the worker left with exit code {code}"),
        ChildExit::Unknown => "the worker ended in an unknown way".into(),
    }
}

/// Returns the limit that refused memory to a worker that ended in this way. An allocation
/// that is refused aborts the worker. Where our limit is off, nobody can say what refused
/// it.
pub(crate) fn starved(ended: ChildExit, pool: &PoolLimits) -> Option<String> {
    let aborted = ended == ChildExit::Exited(ABORTED);
    let own = pool.process_memory.value.filter(|_| aborted)?;
    if let Some(tighter) = InForce::now().tighter_than(Some(own), 0) {
        return Some(format!("it is refused the memory it needs: {tighter}"));
    }
    pool.hit(LimitName::ProcessMemory)
        .map(|hit| hit.to_string())
}
