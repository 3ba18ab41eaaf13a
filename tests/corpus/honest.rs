//! Tasks that do no harm, between those that do. Each knows its own answer.

use sandpool::{AsyncResult, Call, Error, Module, Outcome, Pool, Stdin, Value};

use crate::callers::NUMBERS;
use crate::case::{PATIENT, Source};
use crate::host::Host;
use crate::support::wat::{ADD, COMMAND};

/// The kinds of honest tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honest {
    Adds,
    Computes,
    Capitals,
    Echoes,
    CallsTheHost,
    AsksTheServer,
}

impl Honest {
    pub const ALL: [Honest; 6] = [
        Honest::Adds,
        Honest::Computes,
        Honest::Capitals,
        Honest::Echoes,
        Honest::CallsTheHost,
        Honest::AsksTheServer,
    ];

    pub fn source(self) -> Source {
        match self {
            Honest::Adds => Source::Bytes(ADD.into()),
            Honest::Computes => Source::Guest("math"),
            Honest::Capitals => Source::Guest("text"),
            Honest::Echoes => Source::Bytes(COMMAND.into()),
            Honest::CallsTheHost => Source::Bytes(NUMBERS.into()),
            Honest::AsksTheServer => Source::Guest("fetch"),
        }
    }

    /// Sends the task; `n` makes each its own.
    pub fn send(
        self,
        host: &Host,
        pool: &Pool,
        module: &Module,
        n: i32,
    ) -> Result<AsyncResult, Error> {
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
            Honest::CallsTheHost => pool.call(module, "i64").arg(i64::from(n)),
            Honest::AsksTheServer => pool.call(module, "get").arg(host.server.url("/open/hello")),
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
            Honest::CallsTheHost => outcome.value == Some(Value::S64(i64::from(n))),
            Honest::AsksTheServer => {
                let mut sent = outcome.http.iter();
                let hello = sent.all(|sent| (sent.status, sent.received) == (Some(200), 5));
                hello && outcome.is_ok() && outcome.http.len() == 1
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
