//! Pools inside an asynchronous program: blocking calls work there and never
//! panic, and handles are futures.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use sandpool::{Error, Queue, Verdict};
use tokio::runtime::{Builder, Runtime};

use crate::support::process::{cpu_ticks, sleeps};
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

/// An executor's waker that does what it likes.
struct Wakes<F>(F);

impl<F: Fn() + Send + Sync> Wake for Wakes<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

fn waker(wakes: impl Fn() + Send + Sync + 'static) -> Waker {
    Arc::new(Wakes(wakes)).into()
}

#[test]
fn a_waker_that_panics_ends_neither_the_pool_nor_a_queue() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let panics = waker(|| panic!("a bad waker"));
    let mut context = Context::from_waker(&panics);
    let task = pool.apply_async::<u32>(&sleeper, "sleep-then", (50, 1));
    let mut task = pin!(task.expect("sent"));
    assert!(task.as_mut().poll(&mut context).is_pending());
    let next = pool.apply_async::<u32>(&sleeper, "sleep-then", (1, 2));
    assert_eq!(next.expect("sent").get(Some(SOON)).expect("ok"), 2);
    assert!(task.ready());

    let queue = Queue::<u32>::new(0);
    let mut item = pin!(queue.get_async());
    assert!(item.as_mut().poll(&mut context).is_pending());
    queue.put(&7).expect("room");
    queue.put(&8).expect("room");
    assert_eq!(queue.get(), Ok(8), "the first was taken");
}

/// Counts down to zero.
const COUNTS: &str = r#"
(module
  (func (export "count") (param i32)
    (loop $again
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br_if $again (i32.gt_s (local.get 0) (i32.const 0))))))
"#;

/// Closes a pool in the very moment in which a caller takes answers itself: a
/// waker keeps it there. Says whether that moment came.
fn join_while_a_caller_leads() -> bool {
    let pool = one_worker();
    let counts = pool.wat(COUNTS);
    pool.apply::<()>(&counts, "count", (1,)).expect("ok");
    let worker = pool.worker_pids()[0];
    let before = cpu_ticks(worker).expect("it is there");
    let (leads, led) = channel();
    let (go_on, goes_on) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(|| {
            // Quick ones, so that a look pays.
            for _ in 0..20 {
                pool.apply::<()>(&counts, "count", (1,)).expect("ok");
            }
            let caller = thread::current().id();
            let goes_on = std::sync::Mutex::new(goes_on);
            let holds = waker(move || {
                let leads_now = thread::current().id() == caller;
                let _ = leads.send(leads_now);
                if leads_now {
                    let _ = goes_on.lock().expect("no panic").recv();
                }
            });
            let first = pool.apply_async::<()>(&counts, "count", (1,));
            let mut first = pin!(first.expect("sent"));
            // Longer than all that the dispatcher wakes for.
            let last = pool.call(&counts, "count").arg(200_000_000).timeout(None);
            let last = last.apply_async::<()>().expect("sent");
            if first
                .as_mut()
                .poll(&mut Context::from_waker(&holds))
                .is_ready()
            {
                return;
            }
            last.get(None).expect("ok");
        });
        let Ok(true) = led.recv_timeout(SOON) else {
            return false;
        };
        pool.close();
        // Meanwhile the last one ends, and rings nobody: its worker has computed,
        // and has nothing more to do. If the caller had only napped, the pool has
        // seen that, and ended.
        eventually("the last one has ended", || {
            cpu_ticks(worker).is_none_or(|ticks| ticks >= before + 3 && sleeps(worker))
        });
        drop(go_on);
        pool.join().expect("joined");
        true
    })
}

#[test]
fn a_closed_pool_ends_also_when_a_caller_took_its_last_answer() {
    let _test = test();
    eventually("a caller leads", join_while_a_caller_leads);
}
