//! Workers that are killed at moments that nobody chose: what they held comes
//! back, what they had not received is not lost, and nobody waits for them.

use std::collections::{BTreeSet, HashMap};
use std::thread;
use std::time::{Duration, Instant};

use sandpool::{Acquired, AsyncResult, Manager, Queue, SharedError, Verdict, pipe};

use super::perform;
use crate::support::process::kill;
use crate::support::{SOON, eventually, one_worker, open, pool, test};

/// Numbers that come in no order, and in the same one each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// After so long a worker has started.
const GROWN: Duration = Duration::from_millis(50);

/// Where the second producer's numbers begin.
const APART: u32 = 1_000_000;

/// The ending of a run: which producers put everything, and how many movers died, each
/// with one item in its hands at most.
struct End {
    through: [bool; 2],
    lost: usize,
}

/// Two producers and two movers that share a queue, and die now and then.
fn move_all(seed: u64, source: &Queue<u32>, target: &Queue<u32>, each: u32) -> End {
    let mut dice = Dice(seed);
    let pool = open(pool().processes(4));
    let sharing = pool.guest("sharing");
    let new_mover = || {
        let call = pool.call(&sharing, "move-numbers").args((source, target));
        call.timeout(None).apply_async::<u32>().expect("sent")
    };
    let producers = [0, APART].map(|first| {
        let call = pool.call(&sharing, "put-numbers");
        let call = call.args((source, first, each)).timeout(None);
        call.apply_async::<()>().expect("sent")
    });
    let mut movers = [new_mover(), new_mover()];
    let (mut lost, mut next_kill) = (0, 0);
    let mut seen = HashMap::<u32, Instant>::new();
    eventually("the producers have ended", || {
        if target.qsize() >= next_kill {
            next_kill += 1 + dice.roll(each as usize / 10);
            // One that only just starts is left alone: too many failed starts
            // break a pool.
            let grown = |pid: &u32| seen.get(pid).is_some_and(|since| since.elapsed() > GROWN);
            let pid = pool.worker_pids().get(dice.roll(4)).copied();
            if let Some(pid) = pid.filter(grown) {
                kill(pid);
            }
        }
        for pid in pool.worker_pids() {
            seen.entry(pid).or_insert_with(Instant::now);
        }
        for mover in &mut movers {
            if mover.ready() {
                // The queue is open, so nothing else ends it.
                let outcome = std::mem::replace(mover, new_mover()).outcome(Some(SOON));
                let outcome = outcome.expect("there");
                assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
                lost += 1;
            }
        }
        producers.iter().all(AsyncResult::ready)
    });
    source.close();
    for mover in movers {
        let outcome = mover.outcome(Some(SOON)).expect("nobody hangs");
        if !outcome.is_ok() {
            assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
            lost += 1;
        }
    }
    let through = producers.map(|it| it.outcome(Some(SOON)).is_ok_and(|it| it.is_ok()));
    End { through, lost }
}

#[test]
fn killed_workers_lose_nothing_but_what_they_had_received_and_double_nothing() {
    const EACH: u32 = 20_000;
    let _test = test();
    let mut died = 0;
    for (seed, maxsize) in [(1, 0), (2, 1), (3, 40), (4, 3000), (5, 0), (6, 400)] {
        let (source, target) = (Queue::<u32>::new(maxsize), Queue::<u32>::new(0));
        let end = move_all(seed, &source, &target, EACH);
        died += end.lost + end.through.iter().filter(|through| !**through).count();
        let mut all = BTreeSet::new();
        while let Ok(number) = target.try_get().or_else(|_| source.try_get()) {
            assert!(all.insert(number), "seed {seed}: {number} came twice");
        }
        let mut missing = 0;
        for (first, through) in [0, APART].into_iter().zip(end.through) {
            // A producer that was killed has put its numbers up to some one.
            let last = all.range(first..first + APART).next_back();
            let last = last.map_or(first, |last| last + 1);
            let until = if through { first + EACH } else { last };
            missing += (first..until)
                .filter(|number| !all.contains(number))
                .count();
        }
        assert!(
            missing <= end.lost,
            "seed {seed}: {missing} are gone, {} died",
            end.lost
        );
    }
    assert!(died > 0, "only {died} died");
}

#[test]
fn what_a_killed_task_held_goes_to_the_next_who_learns_that_it_was_abandoned() {
    let _test = test();
    let pool = one_worker();
    let sharing = pool.guest("sharing");
    let manager = Manager::new();
    let (lock, rlock, condition) = (manager.lock(), manager.rlock(), manager.condition());
    let semaphore = manager.bounded_semaphore(3);
    let taken = manager.event();
    let steps = [
        "lock k acquire -",
        "rlock r acquire -",
        "rlock r acquire -",
        "condition c acquire -",
        "semaphore s acquire -",
        "semaphore s acquire -",
        "event e set",
        "event n wait -",
    ];
    let call = perform(&pool, &sharing, &steps)
        .share("k", &lock)
        .share("r", &rlock)
        .share("c", &condition)
        .share("s", &semaphore)
        .share("e", &taken)
        .share("n", &manager.event());
    let task = call
        .timeout(None)
        .apply_async::<Vec<String>>()
        .expect("sent");
    assert!(taken.wait(SOON), "all is taken");
    assert_eq!(semaphore.permits(), 1);
    thread::scope(|scope| {
        let waits = scope.spawn(|| lock.acquire(SOON));
        kill(pool.worker_pids()[0]);
        let acquired = waits.join().expect("no panic");
        assert_eq!(acquired, Ok(Acquired::Abandoned));
    });
    assert_eq!(rlock.acquire(SOON), Ok(Acquired::Abandoned));
    assert_eq!(condition.acquire(SOON), Ok(Acquired::Abandoned));
    eventually("the permits are back", || semaphore.permits() == 3);
    let outcome = task.outcome(Some(SOON)).expect("there");
    assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
    // The next one finds it in order.
    lock.release().expect("held");
    assert_eq!(lock.acquire(SOON), Ok(Acquired::Clean));
}

#[test]
fn a_killed_task_breaks_its_barrier_and_ends_its_pipe() {
    let _test = test();
    let pool = one_worker();
    let sharing = pool.guest("sharing");
    let (barrier, (mine, other)) = (Manager::new().barrier(3), pipe());
    let steps = ["pipe p send hello -", "barrier b wait -"];
    let call = perform(&pool, &sharing, &steps).share("b", &barrier);
    let call = call.share("p", &other).timeout(None);
    let task = call.apply_async::<Vec<String>>().expect("sent");
    drop(other);
    thread::scope(|scope| {
        let waits = scope.spawn(|| barrier.wait(SOON));
        eventually("two wait", || barrier.n_waiting() == 2);
        kill(pool.worker_pids()[0]);
        let passed = waits.join().expect("no panic");
        assert_eq!(passed, Err(SharedError::Broken));
    });
    assert!(barrier.is_broken());
    assert_eq!(mine.recv_bytes(SOON), Ok(b"hello".to_vec()));
    assert_eq!(mine.recv_bytes(SOON), Err(SharedError::EndOfFile));
    assert_eq!(mine.send(&1), Err(SharedError::EndOfFile));
    let outcome = task.outcome(Some(SOON)).expect("there");
    assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
}

#[test]
fn items_that_a_killed_task_was_handed_ahead_come_back_in_order() {
    let _test = test();
    let pool = one_worker();
    let sharing = pool.guest("sharing");
    let (queue, taken) = (Queue::<u32>::new(0), Manager::new().event());
    let numbers: Vec<u32> = (0..100).collect();
    queue.put_many(&numbers, None).expect("room");
    // It is quick with the first ones, so that it is handed some ahead.
    let mut steps = ["queue q get"; 22];
    steps[20..].copy_from_slice(&["event e set", "event n wait -"]);
    let call = perform(&pool, &sharing, &steps)
        .share("q", &queue)
        .share("e", &taken)
        .share("n", &Manager::new().event());
    let task = call.timeout(None).apply_async::<Vec<String>>();
    let task = task.expect("sent");
    assert!(taken.wait(SOON), "twenty are taken");
    // Nobody has asked the queue since, so it still waits for the rest.
    kill(pool.worker_pids()[0]);
    let outcome = task.outcome(Some(SOON)).expect("there");
    assert_eq!(outcome.verdict, Verdict::WorkerLost, "{outcome}");
    let rest = queue.get_many(1000, SOON).expect("there");
    assert!(rest.into_iter().eq(20..100));
}
