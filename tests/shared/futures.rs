//! Shared objects in an asynchronous program: what waits is a future, and one
//! that is dropped has taken nothing.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use sandpool::{Acquired, JoinableQueue, Manager, Queue, SharedError, SimpleQueue, pipe};
use tokio::runtime::Builder;

use crate::support::SOON;

const SHORT: std::time::Duration = std::time::Duration::from_millis(20);

/// Runs it, or fails if that takes too long.
fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("built");
    let in_time = async { tokio::time::timeout(SOON, future).await };
    runtime.block_on(in_time).expect("it does not hang")
}

/// Lets it begin to wait, and drops it.
fn begin<T>(future: impl Future<Output = T>) {
    let poll = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll.is_pending(), "it waits");
}

#[test]
fn items_are_awaited_and_a_dropped_future_has_taken_none() {
    let queue = Queue::<u32>::new(1);
    begin(queue.get_async());
    run(async {
        let put = async {
            for n in 0..100 {
                queue.put_async(&n).await.expect("room");
            }
        };
        let get = async {
            for n in 0..100 {
                assert_eq!(queue.get_async().await, Ok(n));
            }
        };
        tokio::join!(put, get);
    });
    queue.put(&100).expect("room");
    begin(queue.put_async(&101));
    assert_eq!(run(queue.get_async()), Ok(100));
    assert_eq!(queue.try_get(), Err(SharedError::Empty));
}

#[test]
fn a_joinable_queue_is_awaited() {
    let queue = JoinableQueue::<u32>::new(0);
    queue.put(&1).expect("room");
    begin(queue.join_async());
    let done = async { queue.task_done() };
    let (joined, done) = run(async { tokio::join!(queue.join_async(), done) });
    assert_eq!((joined, done), (Ok(()), Ok(())));
}

#[test]
fn permits_are_awaited_released_by_anybody_and_given_back_by_a_dropped_future() {
    let semaphore = Manager::new().bounded_semaphore(1);
    run(semaphore.acquire_async()).expect("a permit");
    begin(semaphore.acquire_async());
    {
        let mut dropped = pin!(semaphore.acquire_async());
        let mut context = Context::from_waker(Waker::noop());
        assert!(dropped.as_mut().poll(&mut context).is_pending());
        // It is given the permit, and never learns of it.
        semaphore.release().expect("taken");
        assert_eq!(semaphore.permits(), 0);
    }
    assert_eq!(semaphore.permits(), 1);
    let waits = async {
        semaphore.acquire_async().await.expect("a permit");
        let release = async { semaphore.release() };
        tokio::join!(semaphore.acquire_async(), release)
    };
    assert_eq!(run(waits), (Ok(()), Ok(())));
}

#[test]
fn events_and_barriers_are_awaited() {
    let manager = Manager::new();
    let (event, barrier) = (manager.event(), manager.barrier(2));
    begin(event.wait_async());
    run(async { tokio::join!(event.wait_async(), async { event.set() }) });
    let both = run(async { tokio::join!(barrier.wait_async(), barrier.wait_async()) });
    assert_eq!(both, (Ok(0), Ok(1)));
    begin(barrier.wait_async());
    assert_eq!(run(barrier.wait_async()), Err(SharedError::Broken));
    let poll = pin!(barrier.wait_async()).poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(poll, Poll::Ready(Err(SharedError::Broken)));
}

/// Nearly as much as the other side may be behind with.
const LARGE: usize = 1024 * 1024 - 4;

#[test]
fn messages_are_sent_and_received_without_blocking_and_a_dropped_future_has_sent_none() {
    let (one, other) = pipe();
    begin(one.recv_async::<u32>());
    begin(one.poll_async());
    run(async {
        let send = async {
            for n in 0..10_000 {
                one.send_async(&n).await.expect("it has another side");
            }
        };
        let receive = async {
            for n in 0..10_000 {
                assert_eq!(other.recv_async().await, Ok(n));
            }
        };
        tokio::join!(send, receive);
    });
    {
        let mut dropped = pin!(other.recv_bytes_async());
        let mut context = Context::from_waker(Waker::noop());
        assert!(dropped.as_mut().poll(&mut context).is_pending());
        // It receives the message, and never learns of it.
        run(one.send_async(&7)).expect("room");
    }
    assert_eq!(run(other.recv_async()), Ok(7));
    run(one.send_bytes_async(vec![1; LARGE])).expect("room");
    begin(one.send_bytes_async(vec![2; LARGE]));
    begin(one.send_async("a text"));
    run(async {
        let third = one.send_bytes_async([3; 100]);
        let receive = async {
            other.poll_async().await.expect("open");
            let first = other.recv_bytes_async().await.expect("sent");
            assert_eq!(first, vec![1; LARGE]);
            other.recv_bytes_async().await
        };
        let (sent, received) = tokio::join!(third, receive);
        assert_eq!(
            (sent, received),
            (Ok(()), Ok(vec![3; 100])),
            "none between them"
        );
    });
    drop(other);
    assert_eq!(run(one.poll_async()), Ok(()), "the end is news");
    assert_eq!(run(one.recv_bytes_async()), Err(SharedError::EndOfFile));
    assert_eq!(run(one.send_async(&1)), Err(SharedError::EndOfFile));
    one.close();
    assert_eq!(run(one.poll_async()), Err(SharedError::Closed));
}

#[test]
fn bytes_and_many_items_are_awaited_as_one_is() {
    let queue = Queue::<u32>::new(3);
    begin(queue.get_bytes_async());
    begin(queue.get_many_async(2));
    run(async {
        let items: Vec<u32> = (0..10).collect();
        let put = queue.put_many_async(&items);
        let get = async {
            let mut got = Vec::new();
            while got.len() < 10 {
                got.extend(queue.get_many_async(4).await.expect("there"));
            }
            got
        };
        let (put, got) = tokio::join!(put, get);
        assert_eq!((put, got), (Ok(10), items.clone()));
        queue.put_bytes_async(*b"7").await.expect("room");
        assert_eq!(queue.get_bytes_async().await, Ok(b"7".to_vec()));
        let simple = SimpleQueue::new();
        let (put, got) = tokio::join!(simple.put_async(&1), simple.get_async());
        assert_eq!((put, got), (Ok(()), Ok(1)));
    });
    queue.close();
    assert_eq!(run(queue.put_many_async([&1])), Err(SharedError::Closed));
    assert_eq!(run(queue.get_many_async(1)), Err(SharedError::Closed));
}

#[test]
fn locks_are_awaited_held_by_their_guard_and_given_back_by_a_dropped_future() {
    let manager = Manager::new();
    for lock in [manager.lock(), manager.rlock()] {
        let held = run(lock.acquire_async()).expect("free");
        assert_eq!(held.acquired(), Acquired::Clean);
        begin(lock.acquire_async());
        assert_eq!(lock.acquire(SHORT), Err(SharedError::Timeout));
        {
            let mut dropped = pin!(lock.acquire_async());
            let mut context = Context::from_waker(Waker::noop());
            assert!(dropped.as_mut().poll(&mut context).is_pending());
            // It is given the lock, and never learns of it.
            drop(held);
            assert_eq!(lock.acquire(SHORT), Err(SharedError::Timeout));
        }
        assert_eq!(lock.acquire(None), Ok(Acquired::Clean), "nobody died");
        lock.release().expect("held");
        let held = run(lock.acquire_async()).expect("free");
        let elsewhere = std::thread::spawn(move || drop(held));
        elsewhere.join().expect("on whatever thread");
        drop(run(lock.acquire_async()).expect("free again"));
    }
}
