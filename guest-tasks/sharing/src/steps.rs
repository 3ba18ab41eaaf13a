//! Steps that are written as text: `kind name call arguments...`.

use crate::sandpool::task::manager::{
    Acquired, Barrier, Condition, Dict, Event, Lock, Rlock, Semaphore, Sequence, Value,
};
use crate::sandpool::task::pipe::Connection;
use crate::sandpool::task::queue::Queue;
use crate::sandpool::task::shared::Error;
use crate::sandpool::task::task::worker_pid;
use crate::{sleep, text};

/// Performs one step; an error is its name.
pub fn perform(step: &str) -> Result<String, String> {
    let words: Vec<&str> = step.split(' ').collect();
    match words[..] {
        ["sleep", ms] => {
            sleep(number(ms)?);
            Ok("ok".into())
        }
        ["trap"] => std::process::abort(),
        ["pid"] => Ok(worker_pid().to_string()),
        ["queue", name, ref call @ ..] => queue(name, call),
        ["pipe", name, ref call @ ..] => pipe(name, call),
        ["dict", name, ref call @ ..] => dict(name, call),
        ["list", name, ref call @ ..] => list(name, call),
        ["value", name, ref call @ ..] => value(name, call),
        ["lock", name, "acquire", wait] => {
            acquired(Lock::open(name).and_then(|lock| lock.acquire(timeout(wait))))
        }
        ["lock", name, "release"] => done(Lock::open(name).and_then(|lock| lock.release())),
        ["rlock", name, "acquire", wait] => {
            acquired(Rlock::open(name).and_then(|lock| lock.acquire(timeout(wait))))
        }
        ["rlock", name, "release"] => done(Rlock::open(name).and_then(|lock| lock.release())),
        ["semaphore", name, "acquire", wait] => {
            done(Semaphore::open(name).and_then(|it| it.acquire(timeout(wait))))
        }
        ["semaphore", name, "release"] => done(Semaphore::open(name).and_then(|it| it.release())),
        ["event", name, ref call @ ..] => event(name, call),
        ["condition", name, ref call @ ..] => condition(name, call),
        ["barrier", name, ref call @ ..] => barrier(name, call),
        _ => Err(format!("no such step: {step}")),
    }
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("no number: {word}"))
}

/// A timeout in milliseconds; `-` for none.
fn timeout(word: &str) -> Option<u64> {
    word.parse().ok().map(|ms: u64| ms * 1_000_000)
}

fn done(result: Result<(), Error>) -> Result<String, String> {
    result.map(|()| "ok".to_owned()).map_err(text)
}

fn shown(result: Result<impl ToString, Error>) -> Result<String, String> {
    result.map(|value| value.to_string()).map_err(text)
}

fn bytes(result: Result<Vec<u8>, Error>) -> Result<String, String> {
    let shown = result.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    shown.map_err(text)
}

fn many(result: Result<Vec<Vec<u8>>, Error>) -> Result<String, String> {
    let items = result.map_err(text)?;
    let items = items.iter().map(|item| String::from_utf8_lossy(item));
    Ok(items.collect::<Vec<_>>().join(","))
}

fn acquired(result: Result<Acquired, Error>) -> Result<String, String> {
    let acquired = result.map_err(text)?;
    Ok(match acquired {
        Acquired::Clean => "clean".into(),
        Acquired::Abandoned => "abandoned".into(),
    })
}

fn items(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn queue(name: &str, call: &[&str]) -> Result<String, String> {
    let queue = Queue::open(name).map_err(text)?;
    match *call {
        ["put", item] => done(queue.put(item.as_bytes(), None)),
        ["put", item, wait] => done(queue.put(item.as_bytes(), timeout(wait))),
        ["put-bytes", count] => done(queue.put(&vec![b'x'; number(count)?], None)),
        ["try-put", item] => done(queue.try_put(item.as_bytes())),
        ["put-many", wait, ref rest @ ..] => shown(queue.put_many(&items(rest), timeout(wait))),
        ["get"] => bytes(queue.get(None)),
        ["get", wait] => bytes(queue.get(timeout(wait))),
        ["get-length"] => shown(queue.get(None).map(|item| item.len())),
        ["try-get"] => bytes(queue.try_get()),
        ["get-many", max, wait] => many(queue.get_many(number(max)?, timeout(wait))),
        ["size"] => shown(queue.size()),
        ["maxsize"] => shown(queue.maxsize()),
        ["empty"] => shown(queue.empty()),
        ["full"] => shown(queue.full()),
        ["close"] => done(queue.close()),
        ["task-done"] => done(queue.task_done()),
        ["join", wait] => done(queue.join(timeout(wait))),
        _ => Err("no such call".into()),
    }
}

fn pipe(name: &str, call: &[&str]) -> Result<String, String> {
    let connection = Connection::open(name).map_err(text)?;
    match *call {
        ["send", message, wait] => done(connection.send(message.as_bytes(), timeout(wait))),
        ["recv", wait] => bytes(connection.recv(timeout(wait))),
        ["poll", wait] => shown(connection.poll(timeout(wait))),
        ["close"] => done(connection.close()),
        _ => Err("no such call".into()),
    }
}

/// An optional word: `-` is none.
fn optional(word: &str) -> Option<&[u8]> {
    (word != "-").then_some(word.as_bytes())
}

fn dict(name: &str, call: &[&str]) -> Result<String, String> {
    let dict = Dict::open(name).map_err(text)?;
    match *call {
        ["get", key] => bytes(dict.get(key).map(|value| value.unwrap_or(b"-".to_vec()))),
        ["set", key, value] => done(dict.set(key, value.as_bytes())),
        ["delete", key] => shown(dict.delete(key)),
        ["keys"] => shown(dict.keys().map(|keys| keys.join(","))),
        ["items"] => {
            let pairs = dict.items().map_err(text)?;
            let pairs = pairs.iter().map(|(key, value)| {
                let value = String::from_utf8_lossy(value);
                format!("{key}={value}")
            });
            Ok(pairs.collect::<Vec<_>>().join(","))
        }
        ["len"] => shown(dict.len()),
        ["contains", key] => shown(dict.contains(key)),
        ["update", ref pairs @ ..] => {
            let pairs: Vec<_> = pairs
                .iter()
                .filter_map(|pair| pair.split_once('='))
                .map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()))
                .collect();
            done(dict.update(&pairs))
        }
        ["compare-and-set", key, expected, replacement] => {
            shown(dict.compare_and_set(key, optional(expected), optional(replacement)))
        }
        _ => Err("no such call".into()),
    }
}

fn list(name: &str, call: &[&str]) -> Result<String, String> {
    let list = Sequence::open(name).map_err(text)?;
    match *call {
        ["append", item] => done(list.append(item.as_bytes())),
        ["get", index] => bytes(list.get(number(index)?)),
        ["set", index, item] => done(list.set(number(index)?, item.as_bytes())),
        ["pop"] => bytes(list.pop(None)),
        ["pop", index] => bytes(list.pop(Some(number(index)?))),
        ["extend", ref rest @ ..] => done(list.extend(&items(rest))),
        ["len"] => shown(list.len()),
        ["items"] => many(list.items()),
        _ => Err("no such call".into()),
    }
}

fn value(name: &str, call: &[&str]) -> Result<String, String> {
    let value = Value::open(name).map_err(text)?;
    match *call {
        ["get"] => bytes(value.get()),
        ["set", word] => done(value.set(word.as_bytes())),
        ["add", amount] => shown(value.add(number(amount)?)),
        _ => Err("no such call".into()),
    }
}

fn event(name: &str, call: &[&str]) -> Result<String, String> {
    let event = Event::open(name).map_err(text)?;
    match *call {
        ["set"] => done(event.set()),
        ["clear"] => done(event.clear()),
        ["is-set"] => shown(event.is_set()),
        ["wait", wait] => shown(event.wait(timeout(wait))),
        _ => Err("no such call".into()),
    }
}

fn condition(name: &str, call: &[&str]) -> Result<String, String> {
    let condition = Condition::open(name).map_err(text)?;
    match *call {
        ["acquire", wait] => acquired(condition.acquire(timeout(wait))),
        ["release"] => done(condition.release()),
        ["wait", wait] => shown(condition.wait(timeout(wait))),
        ["notify", count] => done(condition.notify(number(count)?)),
        ["notify-all"] => done(condition.notify_all()),
        _ => Err("no such call".into()),
    }
}

fn barrier(name: &str, call: &[&str]) -> Result<String, String> {
    let barrier = Barrier::open(name).map_err(text)?;
    match *call {
        ["wait", wait] => shown(barrier.wait(timeout(wait))),
        ["reset"] => done(barrier.reset()),
        ["abort"] => done(barrier.abort()),
        ["parties"] => shown(barrier.parties()),
        ["n-waiting"] => shown(barrier.n_waiting()),
        ["broken"] => shown(barrier.broken()),
        _ => Err("no such call".into()),
    }
}
