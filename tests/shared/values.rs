//! Round trips of values through shared objects: value by value, to its host and
//! through a guest.

use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::prelude::*;
use sandpool::{Manager, Queue, SharedError, SimpleQueue, pipe};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::perform;
use crate::support::{one_worker, test};

/// Puts the value into an object of each kind, and takes it out again.
fn comes_back<T>(value: T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug + Clone,
{
    let queue = Queue::<T>::new(0);
    queue.put(&value).expect("put");
    queue.put_many([&value, &value], None).expect("put");
    assert_eq!(queue.get().expect("got"), value);
    assert_eq!(
        queue.get_many(2, None).expect("got"),
        [value.clone(), value.clone()]
    );
    let simple = SimpleQueue::<T>::new();
    simple.put(&value).expect("put");
    assert_eq!(simple.get().expect("got"), value);
    let manager = Manager::new();
    let dict = manager.dict::<T>();
    dict.set("key", &value).expect("set");
    assert_eq!(dict.get("key").expect("got").as_ref(), Some(&value));
    assert_eq!(
        dict.items().expect("got"),
        BTreeMap::from([("key".to_owned(), value.clone())])
    );
    let same = dict.compare_and_set("key", Some(&value), None);
    assert_eq!(same, Ok(true));
    let list = manager.list::<T>();
    list.append(&value).expect("appended");
    assert_eq!(list.get(0).expect("got"), value);
    assert_eq!(list.pop(0).expect("popped"), value);
    let shared = manager.value(&value).expect("made");
    assert_eq!(shared.get().expect("got"), value);
    let (one, other) = pipe();
    one.send(&value).expect("sent");
    assert_eq!(other.recv::<T>().expect("received"), value);
}

#[test]
fn an_option_of_nothing_comes_back_as_that() {
    comes_back(Some(None::<u32>));
    comes_back(Some(()));
    comes_back(None::<()>);
    comes_back(Some(Some(None::<String>)));
    comes_back(vec![None, Some(None), Some(Some(1u8))]);
    comes_back((Some(()), Ok::<Option<()>, ()>(Some(())), f64::INFINITY));
    comes_back(Err::<(), Option<Option<u8>>>(Some(None)));
    comes_back(BTreeMap::from([("some".to_owned(), Some(()))]));
    comes_back(Some(BTreeMap::from([("some".to_owned(), 1)])));
}

#[test]
fn what_no_object_can_give_back_is_refused_when_it_is_put() {
    let queue = Queue::new(0);
    let unfit = BTreeMap::from([((1, 2), 3)]);
    assert_eq!(queue.put(&unfit), Err(SharedError::Json));
    assert!(queue.is_empty());
    assert!(Manager::new().value(&unfit).is_err());
    let (one, _other) = pipe();
    assert_eq!(one.send(&unfit), Err(SharedError::Json));
    let huge = "x".repeat(64 * 1024 * 1024);
    assert!(matches!(
        Manager::new().value(&huge),
        Err(SharedError::TooLarge)
    ));
}

#[test]
fn a_guest_hands_on_what_its_host_put() {
    let _test = test();
    let pool = one_worker();
    let sharing = pool.guest("sharing");
    let queue = Queue::<Option<Option<u32>>>::new(0);
    let values = [None, Some(None), Some(Some(7))];
    queue.put_many(&values, None).expect("put");
    let steps = ["queue q get", "queue q get", "queue q get"];
    let seen: Vec<String> = perform(&pool, &sharing, &steps)
        .share("q", &queue)
        .apply()
        .expect("ok");
    assert_eq!(seen, ["null", "{\"some\":null}", "{\"some\":7}"]);
    let steps = seen.iter().map(|item| format!("queue q put {item}"));
    let steps: Vec<String> = steps.chain(["queue q put 8".to_owned()]).collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let done: Vec<String> = perform(&pool, &sharing, &steps)
        .share("q", &queue)
        .apply()
        .expect("ok");
    assert_eq!(done, ["ok"; 4]);
    let back = queue.get_many(4, None).expect("there");
    // A guest may leave the object out where nothing is lost by it.
    assert_eq!(back, [None, Some(None), Some(Some(7)), Some(Some(8))]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn types_of_rust_come_back(
        numbers in any::<(u8, i64, u64, u128, f32, f64)>(),
        nested in any::<Vec<Option<Option<Result<Option<()>, String>>>>>(),
        texts in any::<(char, String, BTreeMap<String, Option<Option<bool>>>)>(),
    ) {
        comes_back(numbers);
        comes_back(nested.clone());
        comes_back(Some(texts));
        comes_back(Some(Some(nested)));
    }
}
