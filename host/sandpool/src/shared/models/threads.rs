//! Real threads, and what holds in whatever order they come.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::shared::{JoinableQueue, Manager, SharedError};

/// Longer than any of these tests takes: nobody waits for ever.
const SOON: Option<Duration> = Some(Duration::from_secs(20));

fn consume(queue: &JoinableQueue<usize>, maxsize: usize) -> Vec<usize> {
    let mut got = Vec::new();
    loop {
        assert!(maxsize == 0 || queue.qsize() <= maxsize);
        // So short that many give up when something comes.
        match queue.get_timeout(Duration::from_micros(20)) {
            Ok(item) => {
                got.push(item);
                queue.task_done().expect("it was taken");
            }
            Err(SharedError::Empty) => {}
            Err(error) => {
                assert_eq!(error, SharedError::Closed);
                return got;
            }
        }
    }
}

#[test]
fn each_item_of_many_threads_reaches_one_thread_once_and_the_queue_is_joined() {
    const EACH: usize = 3000;
    for maxsize in [0, 1, 7] {
        let queue = &JoinableQueue::<usize>::new(maxsize);
        let mut all: Vec<usize> = thread::scope(|scope| {
            let consumers: Vec<_> = (0..3)
                .map(|_| scope.spawn(move || consume(queue, maxsize)))
                .collect();
            let producers: Vec<_> = (0..3)
                .map(|part| {
                    scope.spawn(move || {
                        for n in part * EACH..(part + 1) * EACH {
                            queue.put_timeout(&n, SOON).expect("room");
                        }
                    })
                })
                .collect();
            for producer in producers {
                producer.join().expect("no panic");
            }
            queue.join(SOON).expect("all is dealt with");
            assert!(queue.is_empty());
            queue.close();
            let got = consumers.into_iter().map(|it| it.join().expect("no panic"));
            got.flatten().collect()
        });
        all.sort_unstable();
        assert!(all.into_iter().eq(0..3 * EACH), "maxsize {maxsize}");
    }
}

#[test]
fn a_barrier_lets_each_generation_pass_as_a_whole() {
    const PARTIES: usize = 3;
    const ROUNDS: usize = 500;
    let (barrier, arrived) = (&Manager::new().barrier(PARTIES), &AtomicUsize::new(0));
    let places: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..PARTIES)
            .map(|_| {
                scope.spawn(move || {
                    let mut places = 0;
                    for round in 1..=ROUNDS {
                        arrived.fetch_add(1, Ordering::Relaxed);
                        places += barrier.wait(SOON).expect("whole");
                        // All have come, and none is two rounds ahead.
                        let arrived = arrived.load(Ordering::Relaxed);
                        assert!((round * PARTIES..(round + 1) * PARTIES).contains(&arrived));
                    }
                    places
                })
            })
            .collect();
        let places = threads.into_iter().map(|it| it.join().expect("no panic"));
        places.sum()
    });
    assert_eq!(places, ROUNDS * (0..PARTIES).sum::<usize>());
}

#[test]
fn no_more_threads_hold_a_semaphore_than_it_has_permits() {
    let (semaphore, inside) = (&Manager::new().bounded_semaphore(2), &AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                for _ in 0..1000 {
                    // Some give up, which must not cost a permit.
                    let short = Duration::from_micros(20);
                    if semaphore.acquire(short).is_err() {
                        semaphore.acquire(SOON).expect("a permit");
                    }
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < 2);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    semaphore.release().expect("it was taken");
                }
            });
        }
    });
    assert_eq!(semaphore.permits(), 2);
}

#[test]
fn two_threads_take_turns_by_a_condition_and_none_sleeps_through_its_own() {
    const ROUNDS: usize = 1000;
    let (condition, turn) = (&Manager::new().condition(), &AtomicUsize::new(0));
    thread::scope(|scope| {
        for me in 0..2 {
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    condition.acquire(SOON).expect("the lock");
                    while turn.load(Ordering::Relaxed) % 2 != me {
                        assert_eq!(condition.wait(SOON), Ok(true), "it is notified");
                    }
                    turn.fetch_add(1, Ordering::Relaxed);
                    condition.notify(1).expect("held");
                    condition.release().expect("held");
                }
            });
        }
    });
    assert_eq!(turn.load(Ordering::Relaxed), 2 * ROUNDS);
}
