//! `multiprocessing.pool.Pool` and `AsyncResult` to the letter: what Python's
//! documentation says of each argument, default and error, one test a
//! statement. Where the documentation is vague, what CPython does counts. What
//! is different here on purpose is in `differences`, and in the table of
//! `docs/multiprocessing.md`.

mod apply;
mod async_result;
mod callbacks;
mod construction;
mod differences;
mod ending;
mod imap;
mod map;

use std::time::Duration;

use sandpool::{AsyncResult, Module, Pool};

/// For what must not come within it.
const A_MOMENT: Duration = Duration::from_millis(30);

/// A task that sleeps for so long that no test waits for its end.
fn sleeps_on(pool: &Pool, sleeper: &Module) -> AsyncResult<u32> {
    let call = pool.call(sleeper, "sleep-then").args((600_000, 0));
    let call = call.timeout(Duration::from_secs(700));
    call.apply_async::<u32>().expect("sent")
}
