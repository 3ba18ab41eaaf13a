//! The reach of guests into shared objects, and the result of each call.

use sandpool::{JoinableQueue, Manager, Queue, Verdict, pipe};

use super::perform;
use crate::support::{one_worker, open, pool, test, two_workers};

#[test]
fn a_guest_puts_and_its_host_gets() {
    let _test = test();
    let pool = one_worker();
    let sharing = pool.guest("sharing");
    let queue = Queue::<String>::new(0);
    let () = pool
        .apply(&sharing, "put-numbers", (&queue, 5, 3))
        .expect("ok");
    let got: Vec<u32> = (0..3)
        .map(|_| serde_json::from_slice(&queue.get_bytes(None).expect("there")).expect("JSON"))
        .collect();
    assert_eq!(got, [5, 6, 7]);
}

#[test]
fn an_object_is_an_argument_in_every_kind_of_call() {
    let _test = test();
    let pool = two_workers();
    let sharing = pool.guest("sharing");
    let (queue, other) = (Queue::<u32>::new(0), Queue::<u32>::new(0));
    // A task each: of a map, of a stream, with the queue given once for all.
    let each = [(&queue, 0, 2), (&other, 2, 2), (&queue, 4, 2)];
    let outcomes = pool.starmap::<()>(&sharing, "put-numbers", each);
    assert!(outcomes.expect("sent").iter().all(sandpool::Outcome::is_ok));
    // Inputs that are pulled later are granted too.
    let given = [6, 7].map(|first| (queue.clone(), first, 1));
    let stream = pool.imap::<()>(&sharing, "put-numbers", given);
    assert!(stream.expect("sent").all(|outcome| outcome.is_ok()));
    let once = pool.call(&sharing, "put-numbers").arg(&queue);
    let outcomes = once.starmap::<()>([(8, 1), (9, 1)]).expect("sent");
    assert!(
        outcomes.iter().all(sandpool::Outcome::is_ok),
        "{outcomes:?}"
    );
    // A reference to a reference is one too.
    for queue in [&queue, &other].iter() {
        let args = (queue, 10, 1);
        pool.apply::<()>(&sharing, "put-numbers", args).expect("ok");
    }
    let mut all = queue.get_many(100, None).expect("there");
    all.sort_unstable();
    assert_eq!(all, [0, 1, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(other.get_many(100, None), Ok(vec![2, 3, 10]));
}

#[test]
fn every_call_on_a_queue_comes_back_with_what_its_documentation_says() {
    let _test = test();
    let pool = one_worker();
    let sharing = pool.guest("sharing");
    let queue = JoinableQueue::<u32>::new(3);
    let steps = [
        ("queue q empty", "true"),
        ("queue q maxsize", "3"),
        ("queue q put a", "ok"),
        ("queue q put b -", "ok"),
        ("queue q size", "2"),
        ("queue q full", "false"),
        ("queue q try-put c", "ok"),
        ("queue q full", "true"),
        ("queue q try-put d", "error full"),
        ("queue q put d 5", "error full"),
        ("queue q get", "a"),
        ("queue q get-many 5 -", "b,c"),
        ("queue q get 5", "error empty"),
        ("queue q try-get", "error empty"),
        ("queue q join 0", "error timeout"),
        ("queue q task-done", "ok"),
        ("queue q task-done", "ok"),
        ("queue q task-done", "ok"),
        ("queue q task-done", "error over-release"),
        ("queue q join -", "ok"),
        ("queue q put-many 5 a b c d", "3"),
        ("queue q put-many 0 e", "error full"),
        ("queue q close", "ok"),
        ("queue q put f", "error closed"),
        ("queue q get", "a"),
        ("queue q get-many 10 -", "b,c"),
        ("queue q get", "error closed"),
    ];
    let calls: Vec<&str> = steps.iter().map(|(call, _)| *call).collect();
    let results: Vec<String> = perform(&pool, &sharing, &calls)
        .share("q", &queue)
        .apply()
        .expect("ok");
    for ((call, expected), result) in steps.iter().zip(&results) {
        assert_eq!(result, expected, "{call}");
    }
    assert_eq!(results.len(), steps.len());
}

#[test]
fn every_call_on_a_pipe_comes_back_with_what_its_documentation_says() {
    let _test = test();
    let pool = one_worker();
    let sharing = pool.guest("sharing");
    let (one, other) = pipe();
    let steps = [
        ("pipe p poll 0", "false"),
        ("pipe p recv 1", "error timeout"),
        ("pipe p send hello -", "ok"),
        ("pipe o poll -", "true"),
        ("pipe o recv -", "hello"),
        ("pipe o send world 0", "ok"),
        ("pipe p recv -", "world"),
        ("pipe o send last -", "ok"),
        ("pipe o close", "ok"),
        ("pipe o recv -", "error closed"),
        ("pipe p send more -", "error end-of-file"),
        ("pipe p poll -", "true"),
        ("pipe p recv -", "last"),
        ("pipe p poll -", "true"),
        ("pipe p recv -", "error end-of-file"),
    ];
    let calls: Vec<&str> = steps.iter().map(|(call, _)| *call).collect();
    let results: Vec<String> = perform(&pool, &sharing, &calls)
        .share("p", &one)
        .share("o", &other)
        .apply()
        .expect("ok");
    for ((call, expected), result) in steps.iter().zip(&results) {
        assert_eq!(result, expected, "{call}");
    }
}

#[test]
fn every_call_on_a_managed_object_comes_back_with_what_its_documentation_says() {
    let _test = test();
    let pool = one_worker();
    let sharing = pool.guest("sharing");
    let manager = Manager::new();
    let steps = [
        ("dict d set b 2", "ok"),
        ("dict d update a=1 c=3", "ok"),
        ("dict d get b", "2"),
        ("dict d get z", "-"),
        ("dict d keys", "a,b,c"),
        ("dict d items", "a=1,b=2,c=3"),
        ("dict d len", "3"),
        ("dict d contains z", "false"),
        ("dict d delete z", "false"),
        ("dict d delete c", "true"),
        ("dict d compare-and-set a 2 9", "false"),
        ("dict d compare-and-set a 1 9", "true"),
        ("dict d compare-and-set n - new", "true"),
        ("dict d compare-and-set b 2 -", "true"),
        ("dict d items", "a=9,n=new"),
        ("list l append x", "ok"),
        ("list l extend y z", "ok"),
        ("list l get -1", "z"),
        ("list l get 3", "error out-of-range"),
        ("list l set 0 w", "ok"),
        ("list l pop 1", "y"),
        ("list l pop", "z"),
        ("list l items", "w"),
        ("list l len", "1"),
        ("value v get", "1"),
        ("value v add 41", "42"),
        ("value v set text", "ok"),
        ("value v add 1", "error not-a-number"),
        ("lock k acquire -", "clean"),
        ("lock k acquire 1", "error timeout"),
        ("lock k release", "ok"),
        ("lock k release", "error over-release"),
        ("rlock r acquire -", "clean"),
        ("rlock r acquire 0", "clean"),
        ("rlock r release", "ok"),
        ("rlock r release", "ok"),
        ("rlock r release", "error over-release"),
        ("semaphore s acquire -", "ok"),
        ("semaphore s acquire -", "ok"),
        ("semaphore s acquire 0", "error timeout"),
        ("semaphore s release", "ok"),
        ("semaphore s release", "ok"),
        ("semaphore s release", "error over-release"),
        ("event e is-set", "false"),
        ("event e wait 1", "false"),
        ("event e set", "ok"),
        ("event e wait -", "true"),
        ("event e clear", "ok"),
        ("event e is-set", "false"),
        ("condition c notify 1", "error not-owner"),
        ("condition c acquire -", "clean"),
        ("condition c wait 1", "false"),
        ("condition c notify-all", "ok"),
        ("condition c release", "ok"),
        ("condition c wait 1", "error not-owner"),
        ("barrier b parties", "2"),
        ("barrier b n-waiting", "0"),
        ("barrier b broken", "false"),
        ("barrier b wait 1", "error broken"),
        ("barrier b broken", "true"),
        ("barrier b reset", "ok"),
        ("barrier b broken", "false"),
        ("barrier b abort", "ok"),
        ("barrier b wait -", "error broken"),
    ];
    let calls: Vec<&str> = steps.iter().map(|(call, _)| *call).collect();
    let results: Vec<String> = perform(&pool, &sharing, &calls)
        .share("d", &manager.dict::<u32>())
        .share("l", &manager.list::<String>())
        .share("v", &manager.value(&1).expect("JSON"))
        .share("k", &manager.lock())
        .share("r", &manager.rlock())
        .share("s", &manager.bounded_semaphore(2))
        .share("e", &manager.event())
        .share("c", &manager.condition())
        .share("b", &manager.barrier(2))
        .apply()
        .expect("ok");
    for ((call, expected), result) in steps.iter().zip(&results) {
        assert_eq!(result, expected, "{call}");
    }
}

#[test]
fn what_was_not_granted_is_refused_by_its_name() {
    let _test = test();
    let manager = Manager::new();
    let pool = open(pool().processes(1).share("both", &manager.lock()));
    let sharing = pool.guest("sharing");
    let attempt = |step: &str| {
        let steps = vec![step.to_owned()];
        pool.call(&sharing, "attempt").arg(steps).outcome()
    };
    let outcome = attempt("queue secret get").expect("sent");
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    assert_eq!(outcome.refusals[0].what, "queue");
    assert_eq!(outcome.refusals[0].detail, "secret");
    assert!(attempt("lock both acquire -").expect("sent").is_ok());
    // Another kind of the same name is another thing.
    let outcome = attempt("queue both get").expect("sent");
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    // The next call does not have the grants of this call.
    let queue = Queue::<u32>::new(0);
    let step = format!("queue {} put 1", sandpool::Share::handle(&queue).name());
    let mut given = perform(&pool, &sharing, &[&step]).share("other", &queue);
    let results: Vec<String> = given.apply().expect("ok");
    assert_eq!(results, ["error denied"]);
    given = perform(&pool, &sharing, &["queue mine put 1"]).share("mine", &queue);
    assert_eq!(given.apply::<Vec<String>>().expect("ok"), ["ok"]);
    given = perform(&pool, &sharing, &["queue mine put 1"]);
    assert_eq!(given.apply::<Vec<String>>().expect("ok"), ["error denied"]);
}

#[test]
fn a_lock_keeps_two_guests_apart() {
    let _test = test();
    let pool = two_workers();
    let sharing = pool.guest("sharing");
    let manager = Manager::new();
    let (lock, value) = (manager.lock(), manager.value(&0).expect("JSON"));
    let tasks: Vec<_> = (0..2)
        .map(|_| {
            let call = pool.call(&sharing, "add-under-lock");
            let call = call.args((&lock, &value, 300));
            call.apply_async::<()>().expect("sent")
        })
        .collect();
    for task in tasks {
        task.get(None).expect("ok");
    }
    assert_eq!(value.get(), Ok(600));
}
