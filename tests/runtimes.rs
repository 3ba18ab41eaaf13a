//! Pools inside an asynchronous program: blocking calls work there and never
//! panic, and handles are futures.

use std::time::Duration;

use sandpool::{Error, Verdict};
use tokio::runtime::{Builder, Runtime};

use crate::support::{SOON, eventually, one_worker, test, two_workers};

fn runtimes() -> [Runtime; 2] {
    let current_thread = Builder::new_current_thread().enable_all().build();
    let multi_thread = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    [current_thread.expect("built"), multi_thread.expect("built")]
}

#[test]
fn blocking_calls_work_inside_a_tokio_task() {
    let _test = test();
    for runtime in runtimes() {
        let sums: Vec<u64> = runtime.block_on(async {
            let task = tokio::spawn(async {
                let pool = two_workers();
                let math = pool.guest("math");
                let fib: u64 = pool.apply(&math, "fib", (20,)).expect("ok");
                let map = pool.map::<u64>(&math, "fib", [(10,), (11,)]).expect("sent");
                let stream = pool
                    .imap::<u64>(&math, "fib", [(12,), (13,)])
                    .expect("sent");
                let values = map.into_iter().chain(stream);
                let values = values.map(|outcome| outcome.value.expect("ok"));
                let all = std::iter::once(fib).chain(values).collect();
                pool.close();
                pool.join().expect("joined");
                all
            });
            task.await.expect("it does not panic")
        });
        assert_eq!(sums, [6765, 55, 89, 144, 233]);
    }
}

#[test]
fn a_result_can_be_awaited() {
    let _test = test();
    for runtime in runtimes() {
        let pool = two_workers();
        let sleeper = pool.guest("sleeper");
        runtime.block_on(async {
            let send = |ms: u32, n: u32| {
                pool.apply_async::<u32>(&sleeper, "sleep-then", (ms, n))
                    .expect("sent")
            };
            let (slow, fast) = tokio::join!(send(100, 1), send(1, 2));
            assert_eq!((slow.expect("ok"), fast.expect("ok")), (1, 2));
            let ready = send(0, 3);
            assert!(ready.wait(Some(SOON)));
            assert_eq!(ready.await.expect("ok"), 3);
            let items = (0..50).map(|n| (n % 3, n));
            let map = pool
                .map_async::<u32>(&sleeper, "sleep-then", items)
                .expect("sent");
            let values: Vec<_> = map
                .await
                .into_iter()
                .map(|o| o.value.expect("ok"))
                .collect();
            assert_eq!(values, (0..50).collect::<Vec<_>>());
        });
    }
}

#[test]
fn an_awaited_task_that_fails_is_an_error() {
    let _test = test();
    let pool = one_worker();
    let misbehave = pool.guest("misbehave");
    let [runtime, _] = runtimes();
    runtime.block_on(async {
        let task = pool
            .apply_async::<()>(&misbehave, "trap", ())
            .expect("sent");
        let Err(Error::Failed(outcome)) = task.await else {
            panic!("it trapped")
        };
        assert_eq!(outcome.verdict, Verdict::Trap);
    });
}

#[test]
fn an_awaited_result_does_not_hold_up_the_runtime() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let [runtime, _] = runtimes();
    let ticks = runtime.block_on(async {
        let task = pool
            .apply_async::<u32>(&sleeper, "sleep-then", (500, 1))
            .expect("sent");
        let mut ticks = 0;
        tokio::pin!(task);
        loop {
            tokio::select! {
                value = &mut task => {
                    assert_eq!(value.expect("ok"), 1);
                    break ticks;
                }
                () = tokio::time::sleep(Duration::from_millis(5)) => ticks += 1,
            }
        }
    });
    assert!(ticks >= 10, "{ticks} ticks in half a second");
}

#[test]
fn a_future_that_is_given_up_leaves_its_task_alone() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let [runtime, _] = runtimes();
    let (tell, told) = std::sync::mpsc::channel();
    runtime.block_on(async {
        let call = pool.call(&sleeper, "sleep-then").args((200, 9));
        let call = call.callback(move |outcome| tell.send(outcome.verdict).expect("heard"));
        let task = call.apply_async::<u32>().expect("sent");
        let waited = tokio::time::timeout(Duration::from_millis(20), task).await;
        assert!(waited.is_err(), "it takes longer");
    });
    assert_eq!(told.recv_timeout(SOON), Ok(Verdict::Ok));
}

#[test]
fn a_pool_may_be_dropped_inside_a_runtime() {
    let _test = test();
    for runtime in runtimes() {
        let workers = runtime.block_on(async {
            let pool = two_workers();
            let sleeper = pool.guest("sleeper");
            let task = pool.apply_async::<u32>(&sleeper, "sleep-then", (60_000, 1));
            let task = task.expect("sent");
            eventually("a worker is there", || !pool.worker_pids().is_empty());
            let workers = pool.worker_pids();
            drop(pool);
            let Err(Error::Failed(outcome)) = task.await else {
                panic!("it was cancelled")
            };
            assert_eq!(outcome.verdict, Verdict::Cancelled);
            workers
        });
        assert!(
            workers
                .iter()
                .all(|pid| !crate::support::process::exists(*pid))
        );
    }
}
