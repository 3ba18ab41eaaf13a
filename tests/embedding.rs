//! The needs of an asynchronous program: nothing that waits holds its threads up, and
//! whoever goes away leaves nothing behind that works for nobody.

use std::fs;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use sandpool::{AsyncResult, Error, LoadError, Module, Pool, Process, Verdict};
use tokio::runtime::{Builder, Runtime};

use crate::limits::loading::bomb;
use crate::support::process::{cpu_ticks, exists};
use crate::support::{
    SOON, TestPool, eventually, guest, one_worker, open, pool, test, two_workers, wat,
};

const SHORT: Duration = Duration::from_millis(30);

/// One thread, as what blocks it is seen best there.
fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("built")
}

/// Runs it, or fails if that takes too long.
fn run<T>(future: impl Future<Output = T>) -> T {
    let in_time = async { tokio::time::timeout(SOON, future).await };
    runtime().block_on(in_time).expect("it does not hang")
}

/// Counts the times that the only thread was free until the future was ready.
async fn ticks_until<T>(future: impl Future<Output = T>) -> (T, u32) {
    let mut future = pin!(future);
    let mut ticks = 0;
    loop {
        tokio::select! {
            done = &mut future => return (done, ticks),
            () = tokio::time::sleep(Duration::from_millis(2)) => ticks += 1,
        }
    }
}

/// Lets it begin, and drops it.
fn begin<T>(future: impl Future<Output = T>) {
    let poll = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll.is_pending(), "it waits");
}

/// A task that never ends by itself.
fn endless(pool: &TestPool, module: &Module) -> AsyncResult<()> {
    let call = pool.call(module, "spin").timeout(None);
    call.apply_async().expect("sent")
}

#[test]
fn a_running_task_is_cancelled_when_its_future_is_dropped_by_a_timeout() {
    let _test = test();
    let pool = one_worker();
    let misbehave = pool.guest("misbehave");
    run(async {
        let task = endless(&pool, &misbehave).cancel_on_drop();
        let busy = pool.busy_worker();
        let waited = tokio::time::timeout(SHORT, task).await;
        assert!(waited.is_err(), "it never ends");
        eventually("its worker is ended", || !exists(busy));
    });
    pool.assert_whole();
}

#[test]
fn a_running_task_is_cancelled_when_a_select_or_its_whole_handler_is_dropped() {
    let _test = test();
    let pool = one_worker();
    let misbehave = pool.guest("misbehave");
    let handler = async {
        let task = endless(&pool, &misbehave).cancel_on_drop();
        task.outcome_async().await
    };
    let busy = run(async {
        tokio::select! {
            biased;
            outcome = handler => panic!("it never ends: {outcome}"),
            busy = async { pool.busy_worker() } => busy,
        }
    });
    eventually("its worker is ended", || !exists(busy));
    pool.assert_whole();
}

#[test]
fn a_task_that_waits_is_cancelled_when_its_handle_is_dropped_and_never_runs() {
    let _test = test();
    let pool = one_worker();
    let misbehave = pool.guest("misbehave");
    let running = endless(&pool, &misbehave);
    pool.busy_worker();
    let (tell, told) = std::sync::mpsc::channel();
    let call = pool.call(&misbehave, "spin").timeout(None);
    let call = call.callback(move |outcome| {
        let said = (outcome.verdict, outcome.attempts);
        tell.send(said).expect("heard");
    });
    drop(call.apply_async::<()>().expect("sent").cancel_on_drop());
    assert_eq!(told.recv_timeout(SOON), Ok((Verdict::Cancelled, 0)));
    assert!(!running.ready(), "no other is harmed");
    running.cancel();
}

#[test]
fn a_handle_that_is_detached_or_whose_result_was_taken_cancels_nothing() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let (tell, told) = std::sync::mpsc::channel();
    let send = |ms: u32| {
        let tell = tell.clone();
        let call = pool.call(&sleeper, "sleep-then").args((ms, 7));
        let call = call.callback(move |outcome| tell.send(outcome.verdict).expect("heard"));
        call.apply_async::<u32>().expect("sent").cancel_on_drop()
    };
    send(100).detach();
    assert_eq!(told.recv_timeout(SOON), Ok(Verdict::Ok));
    let task = send(1);
    assert_eq!(task.get(Some(SOON)).expect("ok"), 7);
    drop(task);
    assert_eq!(told.recv_timeout(SOON), Ok(Verdict::Ok));
    let workers = pool.worker_pids();
    assert_eq!(run(send(1)).expect("ok"), 7);
    assert_eq!(told.recv_timeout(SOON), Ok(Verdict::Ok));
    send(1).detach();
    assert_eq!(told.recv_timeout(SOON), Ok(Verdict::Ok));
    assert_eq!(pool.worker_pids(), workers, "nobody was ended");
}

#[test]
fn a_whole_map_is_cancelled_when_its_handle_is_dropped_if_it_was_told_so() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    let (tell, told) = std::sync::mpsc::channel();
    let send = |ms: u32, count: u32| {
        let tell = tell.clone();
        let call = pool.call(&sleeper, "sleep-then").map_callback(move |all| {
            let ok = all.iter().filter(|outcome| outcome.is_ok()).count();
            tell.send((ok, all.len())).expect("heard");
        });
        let items = (0..count).map(|n| (ms, n));
        call.map_async::<u32>(items).expect("sent").cancel_on_drop()
    };
    run(async {
        let waited = tokio::time::timeout(SHORT, send(600_000, 50)).await;
        assert!(waited.is_err(), "it takes longer");
    });
    assert_eq!(told.recv_timeout(SOON), Ok((0, 50)));
    send(1, 20).detach();
    assert_eq!(told.recv_timeout(SOON), Ok((20, 20)));
    assert_eq!(run(send(1, 20)).len(), 20);
    assert_eq!(told.recv_timeout(SOON), Ok((20, 20)));
}

#[test]
fn the_outcome_of_a_task_is_awaited_whatever_became_of_it() {
    let _test = test();
    let pool = one_worker();
    let (math, misbehave) = (pool.guest("math"), pool.guest("misbehave"));
    run(async {
        let task = pool.apply_async::<u64>(&math, "fib", (10,)).expect("sent");
        let outcome = task.outcome_async().await;
        assert_eq!((outcome.verdict, outcome.value), (Verdict::Ok, Some(55)));
        assert!(outcome.worker_pid.is_some());
        let task = pool.apply_async::<()>(&misbehave, "trap", ());
        let task = task.expect("sent");
        let outcome = task.outcome_async().await;
        assert_eq!((outcome.verdict, outcome.value), (Verdict::Trap, None));
        assert!(outcome.error.is_some());
        assert_eq!(task.outcome_async().await.verdict, Verdict::Trap, "again");
        let task = endless(&pool, &misbehave);
        begin(task.outcome_async());
        task.cancel();
        assert_eq!(task.outcome_async().await.verdict, Verdict::Cancelled);
    });
}

#[test]
fn any_number_of_futures_may_await_one_task() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    run(async {
        let task = pool.apply_async::<u32>(&sleeper, "sleep-then", (50, 7));
        let task = task.expect("sent");
        let task = Arc::new(task);
        // Each in a task of its own: in one, the waker of one wakes all.
        let awaits = || {
            let task = Arc::clone(&task);
            tokio::spawn(async move { task.outcome_async().await })
        };
        let (one, given_up, other) = (awaits(), awaits(), awaits());
        // All have begun to wait.
        tokio::task::yield_now().await;
        given_up.abort();
        for waits in [one, other] {
            assert_eq!(waits.await.expect("it ends").value, Some(7));
        }
        let task = Arc::into_inner(task).expect("all have ended");
        assert_eq!(task.await.expect("ok"), 7);
    });
}

#[test]
fn outcomes_of_a_stream_are_awaited_and_a_dropped_future_has_taken_none() {
    let _test = test();
    let pool = two_workers();
    let sleeper = pool.guest("sleeper");
    let items = (0..100u32).map(|n| (n % 3, n));
    let outcomes = pool.imap::<u32>(&sleeper, "sleep-then", items);
    let mut outcomes = outcomes.expect("sent");
    run(async {
        let mut values = Vec::new();
        loop {
            // Most often too short.
            let next = tokio::time::timeout(Duration::from_micros(100), outcomes.next_async());
            match next.await {
                Ok(Some(outcome)) => values.push(outcome.value.expect("ok")),
                Ok(None) => break,
                Err(_) => {}
            }
        }
        assert_eq!(values, (0..100).collect::<Vec<_>>());
        assert!(outcomes.next_async().await.is_none(), "the end stays");
    });
    let items = (0..2).map(|_| (600_000u32, 1u32));
    let outcomes = pool.imap_unordered::<u32>(&sleeper, "sleep-then", items);
    let mut outcomes = outcomes.expect("sent");
    let steering = outcomes.steering();
    eventually("a task runs", || !steering.running().is_empty());
    begin(outcomes.next_async());
    let first = run(async {
        let (first, ()) = tokio::join!(outcomes.next_async(), pool.terminate_async());
        first
    });
    assert_eq!(first.expect("it ran").verdict, Verdict::Cancelled);
    while let Some(outcome) = run(outcomes.next_async()) {
        assert_eq!(outcome.verdict, Verdict::Cancelled);
    }
}

#[test]
fn an_awaited_stream_does_not_hold_up_the_runtime() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let items = [(200u32, 1u32)];
    let outcomes = pool.imap::<u32>(&sleeper, "sleep-then", items);
    let mut outcomes = outcomes.expect("sent");
    let (first, ticks) = run(ticks_until(outcomes.next_async()));
    assert_eq!(first.expect("one").value, Some(1));
    assert!(ticks >= 10, "{ticks} ticks in 200 ms");
}

#[test]
fn a_module_is_loaded_without_holding_up_the_runtime() {
    let _test = test();
    let pool = open(pool().processes(1).cache(false));
    run(async {
        // Some milliseconds at the least: a process is started for it.
        let (module, ticks) = ticks_until(pool.load_async(guest("text"))).await;
        let text = module.expect("loads");
        assert_eq!(text.name(), "text");
        assert!(ticks >= 5, "{ticks} ticks");
        let loads = pool.load_bytes_async(wat::ADD.as_bytes());
        let module = tokio::spawn(loads).await.expect("it does not panic");
        let sum = pool.apply_async::<i32>(&module.expect("loads"), "add", (1, 2));
        assert_eq!(sum.expect("sent").await.expect("ok"), 3);
        let error = pool
            .load_async("no/such.wasm")
            .await
            .expect_err("it is not");
        assert!(error.is_not_found(), "{error}");
        assert_eq!(error.path(), "no/such.wasm");
        let none = r#"(component (import "some:where/else" (instance)) )"#;
        let none = none.as_bytes();
        let refused = pool.load_bytes_async(none).await;
        assert!(refused.is_err(), "nobody gives what it imports");
    });
}

#[test]
fn many_modules_are_loaded_at_once() {
    let _test = test();
    let pool = two_workers();
    let names = ["math", "text", "sleeper", "digest", "misbehave"];
    let loads: Vec<_> = names
        .iter()
        .map(|name| pool.load_async(guest(name)))
        .collect();
    let modules: Result<Vec<Module>, LoadError> = run(async {
        let mut modules = Vec::new();
        for load in loads.into_iter().map(tokio::spawn) {
            modules.push(load.await.expect("it does not panic")?);
        }
        Ok(modules)
    });
    let modules = modules.expect("loaded");
    assert!(modules.iter().map(Module::name).eq(names));
}

/// Whoever compiles a bomb does it alone: the compilers of others look the same.
static BOMBS: Mutex<()> = Mutex::new(());

/// The compilers that threads which load for futures have started.
fn compilers() -> Vec<u32> {
    let threads = fs::read_dir("/proc/self/task").expect("/proc can be read");
    let loads = threads.flatten().map(|thread| thread.path()).filter(|it| {
        fs::read_to_string(it.join("comm")).is_ok_and(|name| name.trim() == "sandpool-load")
    });
    let children = loads.filter_map(|it| fs::read_to_string(it.join("children")).ok());
    let children: Vec<String> = children.collect();
    let words = children.iter().flat_map(|it| it.split_whitespace());
    words.filter_map(|pid| pid.parse().ok()).collect()
}

/// Takes minutes to compile.
fn many_bombs() -> String {
    let module = bomb();
    let one = module.strip_prefix("(module ").expect("it is one");
    let one = one.strip_suffix(')').expect("it ends");
    let named = |n: u32| one.replacen("\"f\"", &format!("\"f{n}\""), 1);
    let all: String = (0..100).map(named).collect();
    format!("(module {all})")
}

#[test]
fn a_load_that_is_given_up_ends_its_compiler() {
    let _test = test();
    let _alone = BOMBS.lock().unwrap_or_else(PoisonError::into_inner);
    let pool = open(pool().processes(1).cache(false));
    let load = pool.load_bytes_async(many_bombs());
    run(async {
        let mut load = pin!(load);
        let mut compiler = None;
        let is_busy = |pid: &u32| cpu_ticks(*pid).is_some_and(|ticks| ticks >= 50);
        tokio::select! {
            loaded = &mut load => panic!("it takes longer: {loaded:?}"),
            () = async {
                while compiler.is_none() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    compiler = compilers().into_iter().find(is_busy);
                }
            } => {}
        }
        compiler
    })
    .inspect(|compiler| eventually("its compiler is ended", || !exists(*compiler)))
    .expect("it was there");
    pool.assert_whole();
}

#[test]
fn a_load_keeps_no_pool_alive_and_ends_with_it() {
    let _test = test();
    let _alone = BOMBS.lock().unwrap_or_else(PoisonError::into_inner);
    let pool = open(pool().processes(1).cache(false));
    let load = pool.load_bytes_async(bomb());
    let mut load = pin!(load);
    let mut context = Context::from_waker(Waker::noop());
    assert!(load.as_mut().poll(&mut context).is_pending());
    drop(pool);
    let error = run(load).expect_err("the pool has ended");
    assert!(error.to_string().contains("terminated"), "{error}");
}

#[test]
fn a_pool_is_joined_and_terminated_without_holding_up_the_runtime() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let task = pool.apply_async::<u32>(&sleeper, "sleep-then", (200, 7));
    let task = task.expect("sent");
    run(async {
        let early = pool.join_async().await;
        assert!(matches!(early, Err(Error::NotClosed)), "{early:?}");
        pool.close();
        for _ in 0..5 {
            let given_up = tokio::time::timeout(Duration::from_millis(2), pool.join_async());
            assert!(given_up.await.is_err(), "its task still runs");
        }
        let (joined, ticks) = ticks_until(pool.join_async()).await;
        joined.expect("joined");
        assert!(ticks >= 5, "{ticks} ticks");
        assert!(task.ready() && pool.worker_pids().is_empty());
        pool.join_async().await.expect("again");
    });
    assert_eq!(task.get(None).expect("ok"), 7);

    let pool = one_worker();
    let misbehave = pool.guest("misbehave");
    let task = endless(&pool, &misbehave);
    let busy = pool.busy_worker();
    run(async {
        tokio::join!(pool.terminate_async(), pool.terminate_async());
        assert!(!exists(busy));
        assert_eq!(task.outcome_async().await.verdict, Verdict::Cancelled);
    });
}

#[test]
fn a_future_that_waits_for_the_end_of_a_pool_does_not_keep_it_alive() {
    let _test = test();
    let handle: Pool = pool().processes(1).build().expect("built");
    let begun = Instant::now();
    let sleeper = handle.load(guest("sleeper")).expect("loads");
    let task = handle.apply_async::<u32>(&sleeper, "sleep-then", (600_000, 7));
    let task = task.expect("sent");
    handle.close();
    begin(handle.join_async());
    drop(handle);
    assert!(task.wait(Some(SOON)), "{:?}", begun.elapsed());
}

#[test]
fn a_process_is_started_and_joined_without_holding_up_the_runtime() {
    let _test = test();
    let process = Process::call(guest("sleeper"), "sleep-ms").args((100u32,));
    let process = process.configure(|pool| pool.worker_binary(env!("CARGO_BIN_EXE_sandpool")));
    let process = process.build();
    run(async {
        assert!(process.join_async().await.is_err(), "it was not started");
        process.start_async().await.expect("started");
        assert!(process.start_async().await.is_err(), "once only");
        assert!(process.pid().is_some());
        let (joined, ticks) = ticks_until(process.join_async()).await;
        joined.expect("started");
        assert!(ticks >= 5, "{ticks} ticks");
        process.join_async().await.expect("again");
    });
    assert_eq!(process.exitcode(), Some(0));
    assert!(process.pid().is_some_and(|pid| !exists(pid)));
}

#[test]
fn a_process_is_killed_with_its_last_handle_if_it_was_told_so() {
    let _test = test();
    let start = || {
        let process = Process::call(guest("sleeper"), "sleep-ms").args((600_000u32,));
        let ours = |pool: sandpool::PoolBuilder| {
            let binary = env!("CARGO_BIN_EXE_sandpool");
            pool.worker_binary(binary).stdio(sandpool::Stdio::Null)
        };
        process.configure(ours).start().expect("started")
    };
    let process = start().kill_on_drop();
    let pid = process.pid().expect("it runs");
    let clone = process.clone();
    drop(process);
    assert!(clone.is_alive() && exists(pid));
    drop(clone.kill_on_drop());
    eventually("it is gone", || !exists(pid));
    drop(Process::command(guest("wc")).build().kill_on_drop());
}

/// Futures may be handed to any executor's threads.
#[test]
fn futures_may_be_sent_to_other_threads() {
    fn sent<T: Send>(_: &T) {}
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let task = pool.apply_async::<u64>(&math, "fib", (10,)).expect("sent");
    sent(&task.outcome_async());
    sent(&task);
    sent(&pool.join_async());
    sent(&pool.terminate_async());
    sent(&pool.load_async("a.wasm"));
    let mut outcomes = pool.imap::<u64>(&math, "fib", [(1,)]).expect("sent");
    let mut next = pin!(outcomes.next_async());
    sent(&next);
    let mut context = Context::from_waker(Waker::noop());
    eventually("it comes", || {
        matches!(next.as_mut().poll(&mut context), Poll::Ready(Some(_)))
    });
}
