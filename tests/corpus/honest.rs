//! Tasks that do no harm, between those that do. Each knows its own answer.

use std::time::Duration;

use sandpool::{AsyncResult, Call, Error, Module, Outcome, Pool, Stdin, Value};

use crate::case::Source;
use crate::support::wat::{ADD, COMMAND};

/// Far beyond what any of them takes on a machine that does other things too.
const PATIENT: Duration = Duration::from_secs(60);

/// The kinds of honest tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honest {
    Adds,
    Computes,
    Capitals,
    Echoes,
}

impl Honest {
    pub const ALL: [Honest; 4] = [
        Honest::Adds,
        Honest::Computes,
        Honest::Capitals,
        Honest::Echoes,
    ];

    pub fn source(self) -> Source {
        match self {
            Honest::Adds => Source::Bytes(ADD.into()),
            Honest::Computes => Source::Guest("math"),
            Honest::Capitals => Source::Guest("text"),
            Honest::Echoes => Source::Bytes(COMMAND.into()),
        }
    }

    /// Sends the task; `n` makes each its own.
    pub fn send(self, pool: &Pool, module: &Module, n: i32) -> Result<AsyncResult, Error> {
        let call: Call = match self {
            Honest::Adds => pool.call(module, "add").args((n, 1)),
            Honest::Computes => pool.call(module, "fib").arg(n.rem_euclid(30)),
            Honest::Capitals => pool
                .call(module, "change-case")
                .args((format!("task {n}"), Value::Enum("upper".into()))),
            Honest::Echoes => pool
                .command(module)
                .argv([n.to_string()])
                .stdin(Stdin::Bytes(b"and this".to_vec())),
        };
        call.timeout(PATIENT).apply_async()
    }

    /// Returns whether the outcome is what it must be.
    pub fn judge(self, n: i32, outcome: &Outcome) -> Result<(), String> {
        let right = match self {
            Honest::Adds => outcome.value == Some(Value::S32(n + 1)),
            Honest::Computes => outcome.value == Some(Value::U64(fib(n.rem_euclid(30)))),
            Honest::Capitals => outcome.value == Some(Value::String(format!("TASK {n}"))),
            // Its exit code is the number of its words, its own name included.
            Honest::Echoes => {
                let said = format!("module\n{n}\nand this");
                outcome.exit_code == Some(2) && outcome.stdout.as_deref() == Some(said.as_bytes())
            }
        };
        match right {
            true => Ok(()),
            false => Err(format!("an honest task, {self:?} of {n}: {outcome}")),
        }
    }
}

fn fib(n: i32) -> u64 {
    let step = |(a, b): (u64, u64), _| (b, a + b);
    (0..n).fold((0, 1), step).0
}
