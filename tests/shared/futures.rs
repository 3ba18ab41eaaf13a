//! Shared objects in an asynchronous program: what waits is a future, and one
//! that is dropped has taken nothing.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use sandpool::{JoinableQueue, Manager, Queue, SharedError};
use tokio::runtime::Builder;

use crate::support::SOON;

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
