//! The rules of prefetching: which worker is handed how many items ahead, and when they
//! go to others.

use std::sync::Arc;

use super::clock;
use super::worker::Worker;
use crate::shared::object::{ObjectCell, ObjectState, Owner, ReplySink, Requester};
use crate::shared::queue::{Capacity, QueueCell, QueueState};
use sandpool_protocol::request::{Item, QueueOp, Reply};

/// A queue of so many numbers.
fn queue_of(count: u8) -> Arc<QueueCell> {
    let capacity = Capacity {
        items: None,
        bytes: 1 << 20,
    };
    let queue = ObjectCell::new(QueueState::with_clock(capacity, false, clock::now));
    let items = (0..count).map(|n| Item::from(vec![n])).collect();
    ask(&queue, &Arc::new(Worker::default()), QueueOp::Put(items));
    queue
}

fn ask(queue: &QueueCell, worker: &Arc<Worker>, op: QueueOp) {
    let requester = Requester::new(Owner::new(), Arc::clone(worker) as Arc<dyn ReplySink>);
    worker.state().asked = Some(requester.id);
    queue.lock().ask(op, &requester);
}

/// Returns the items that this worker gets, and whether it had to ask; `None` if it
/// waits.
fn get(queue: &QueueCell, worker: &Arc<Worker>) -> Option<(u8, bool)> {
    let number = |items: Vec<Item>| items.first().map(|item| item[0]);
    if let Some(number) = number(worker.claim(1)) {
        return Some((number, false));
    }
    ask(queue, worker, QueueOp::Get(1));
    Some((number(worker.claim(1))?, true))
}

fn size(queue: &QueueCell) -> Option<Reply> {
    let worker = Arc::new(Worker::default());
    ask(queue, &worker, QueueOp::Size);
    worker.state().told.take()
}

/// Gets items, each of which takes so long; what came, and how often it asked.
fn get_each(queue: &QueueCell, worker: &Arc<Worker>, count: u8, micros: u64) -> (Vec<u8>, usize) {
    let (mut numbers, mut asked) = (Vec::new(), 0);
    for _ in 0..count {
        let (number, has_asked) = get(queue, worker).expect("there is one");
        numbers.push(number);
        asked += usize::from(has_asked);
        clock::pass(micros);
    }
    (numbers, asked)
}

#[test]
fn two_quick_workers_are_both_handed_many_at_once() {
    let queue = queue_of(200);
    let workers = [(); 2].map(|()| Arc::new(Worker::default()));
    let (mut asked, mut all) = (0, Vec::new());
    while all.len() < 200 {
        for worker in &workers {
            if let Some((number, has_asked)) = get(&queue, worker) {
                asked += usize::from(has_asked);
                all.push(number);
            }
            clock::pass(1);
        }
    }
    assert!(asked < 40, "{asked} questions for 200 items");
    all.sort_unstable();
    assert!(all.into_iter().eq(0..200));
}

#[test]
fn a_worker_that_takes_its_time_gets_one_at_a_time_and_all_in_order() {
    let queue = queue_of(20);
    let workers = [(); 2].map(|()| Arc::new(Worker::default()));
    let mut all = Vec::new();
    for _ in 0..10 {
        for worker in &workers {
            let (numbers, asked) = get_each(&queue, worker, 1, 100);
            assert_eq!(asked, 1);
            all.extend(numbers);
        }
    }
    assert!(all.into_iter().eq(0..20));
}

#[test]
fn a_worker_that_becomes_slow_loses_what_it_has_not_claimed_to_who_asks() {
    let queue = queue_of(100);
    let [one, other] = [(); 2].map(|()| Arc::new(Worker::default()));
    // The last of these begins a batch.
    get_each(&queue, &one, 16, 1);
    assert!(one.state().handed.len() > 2);
    // Soon after, what it was handed is still its own.
    let (next, _) = get(&queue, &other).expect("there is one");
    assert!(next > 17, "{next}");
    clock::pass(2000);
    assert_eq!(get(&queue, &other), Some((16, true)));
    assert!(one.state().handed.is_empty());
    // It is not believed to be slow for one item that took long, but soon.
    for _ in 0..8 {
        get(&queue, &one);
        clock::pass(5000);
        get(&queue, &other);
    }
    get(&queue, &one);
    assert!(one.state().handed.is_empty());
}

#[test]
fn whoever_finds_the_queue_empty_gets_what_others_have_not_claimed() {
    let queue = queue_of(32);
    let [one, other] = [(); 2].map(|()| Arc::new(Worker::default()));
    let (mut numbers, _) = get_each(&queue, &one, 31, 1);
    assert_eq!(size(&queue), Some(Reply::Number(1)));
    numbers.extend(get_each(&queue, &other, 1, 1).0);
    assert!(numbers.into_iter().eq(0..32));
    assert_eq!(get(&queue, &one), None, "nothing is there twice");
}

#[test]
fn what_comes_back_from_two_workers_stands_where_it_stood() {
    let queue = queue_of(100);
    let workers = [(); 3].map(|()| Arc::new(Worker::default()));
    let mut taken = Vec::new();
    for _ in 0..8 {
        for worker in &workers[..2] {
            taken.extend(get_each(&queue, worker, 1, 1).0);
        }
    }
    assert!(workers[..2].iter().all(|it| !it.state().handed.is_empty()));
    // The older of the two first, which the younger must not overtake.
    for worker in &workers[..2] {
        queue.end_prefetch(&(Arc::clone(worker) as Arc<dyn ReplySink>));
    }
    let (rest, _) = get_each(&queue, &workers[2], 100 - taken.len() as u8, 1);
    assert!(rest.is_sorted(), "{rest:?}");
    taken.extend(rest);
    taken.sort_unstable();
    assert!(taken.into_iter().eq(0..100));
}
