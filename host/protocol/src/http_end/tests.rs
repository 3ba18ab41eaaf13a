use super::*;
use crate::exchange::EXCHANGE_SIZE;
use sandpool_sys::{Mapping, memfd_sized};

/// A worker's bare end, which keeps no rule by itself.
struct Worker {
    exchange: Exchange,
    writer: StreamWriter,
    reader: StreamReader,
}

impl Worker {
    fn say(&mut self, frame: &ToHost) {
        let bytes = framed(frame);
        let written = self.writer.write(&self.exchange, &bytes);
        assert_eq!(written, Ok(bytes.len()));
    }

    fn begin(&mut self, id: u32) {
        self.begin_of(0, id);
    }

    fn begin_of(&mut self, task: u64, id: u32) {
        let head = RequestHead::default();
        self.say(&ToHost::Begin { task, id, head });
    }

    fn data(&mut self, id: u32, len: usize) {
        let bytes = vec![b'x'; len].into();
        self.say(&ToHost::Data { id, bytes });
    }

    fn heard(&mut self) -> Vec<ToWorker> {
        let mut frames = Vec::new();
        self.reader.fill(&self.exchange).expect("an honest host");
        while let Some(message) = self.reader.message().expect("an honest host") {
            frames.push(postcard::from_bytes(message).expect("a frame"));
        }
        frames
    }
}

fn ends() -> (HttpEnd, Worker) {
    let memory = memfd_sized("sandpool-http", EXCHANGE_SIZE as u64).expect("memory");
    let map = || Exchange::new(Mapping::new(&memory, EXCHANGE_SIZE).expect("mapped"));
    let worker = Worker {
        exchange: map(),
        writer: StreamWriter::new(Way::ToHost),
        reader: StreamReader::new(Way::ToWorker),
    };
    (HttpEnd::new(map()), worker)
}

fn all(host: &mut HttpEnd) -> Result<Vec<HttpEvent>, Violation> {
    std::iter::from_fn(|| host.next_event().transpose()).collect()
}

/// Returns the rule that these frames break.
fn broken(frames: impl FnOnce(&mut Worker)) -> &'static str {
    let (mut host, mut worker) = ends();
    frames(&mut worker);
    all(&mut host).expect_err("a rule is broken").0
}

#[test]
fn a_request_and_its_response_travel_with_their_bodies() {
    let (mut host, mut worker) = ends();
    worker.begin(1);
    worker.data(1, 3);
    let trailers = Fields::new();
    worker.say(&ToHost::End {
        id: 1,
        trailers: trailers.clone(),
    });
    let events = all(&mut host).expect("no rule is broken");
    let head = RequestHead::default();
    let bytes = b"xxx".to_vec();
    assert_eq!(
        events,
        [
            HttpEvent::Begin {
                task: 0,
                id: 1,
                head
            },
            HttpEvent::Data { id: 1, bytes },
            HttpEvent::End {
                id: 1,
                trailers: trailers.clone()
            },
        ]
    );
    host.send_head(1, 200, Fields::new());
    host.send_data(1, b"ok".to_vec());
    host.finish(1, trailers.clone());
    let bytes = b"ok".to_vec().into();
    assert_eq!(
        worker.heard(),
        [
            ToWorker::Head {
                id: 1,
                status: 200,
                fields: Fields::new()
            },
            ToWorker::Data { id: 1, bytes },
            ToWorker::End { id: 1, trailers },
        ]
    );
    assert_eq!(host.room(1), None, "it has ended");
}

#[test]
fn frames_that_break_a_rule_are_violations() {
    assert!(broken(|worker| worker.data(1, 1)).contains("of no request"));
    let twice = |worker: &mut Worker| (0..2).for_each(|_| worker.begin(1));
    assert!(broken(twice).contains("do not grow"));
    let many = |worker: &mut Worker| (1..=9).for_each(|id| worker.begin(id));
    assert!(broken(many).contains("more HTTP requests under way"));
    let beyond = |worker: &mut Worker| {
        worker.begin(1);
        (0..5).for_each(|_| worker.data(1, MAX_DATA));
    };
    assert!(broken(beyond).contains("more HTTP than its credit"));
    for len in [0, MAX_DATA + 1] {
        let odd = |worker: &mut Worker| {
            worker.begin(1);
            worker.data(1, len);
        };
        assert!(broken(odd).contains("too short or too long"));
    }
    let after = |worker: &mut Worker| {
        worker.begin(1);
        let trailers = Fields::new();
        worker.say(&ToHost::End { id: 1, trailers });
        worker.data(1, 1);
    };
    assert!(broken(after).contains("after the end"));
    for bytes in [0, 1, u32::MAX] {
        let credit = |worker: &mut Worker| {
            worker.begin(1);
            worker.say(&ToHost::Credit { id: 1, bytes });
        };
        assert!(broken(credit).contains("credit for no bytes"));
    }
}

#[test]
fn the_requests_of_each_task_are_counted_by_themselves() {
    let (mut host, mut worker) = ends();
    (1..=8).for_each(|id| worker.begin_of(0, id));
    // The task has ended, which the host does not know yet.
    (9..=16).for_each(|id| worker.begin_of(1, id));
    assert_eq!(all(&mut host).map(|events| events.len()), Ok(16));
    let ninth = |worker: &mut Worker| {
        worker.begin_of(0, 1);
        (2..=10).for_each(|id| worker.begin_of(1, id));
    };
    assert!(broken(ninth).contains("more HTTP requests under way"));
    let all_new = |worker: &mut Worker| {
        (1..=17).for_each(|id| worker.begin_of(id.into(), id));
    };
    assert!(broken(all_new).contains("more HTTP requests under way"));
}

#[test]
fn what_comes_too_late_is_passed_over() {
    let (mut host, mut worker) = ends();
    worker.begin(1);
    worker.begin(2);
    worker.say(&ToHost::Cancel { id: 1 });
    worker.data(1, 5);
    worker.say(&ToHost::Cancel { id: 1 });
    let events = all(&mut host).expect("no rule is broken");
    assert_eq!(events.last(), Some(&HttpEvent::Cancelled { id: 1 }));
    worker.begin(3);
    assert_eq!(all(&mut host).map(|events| events.len()), Ok(1));
    host.forget_all_but(Some(3));
    assert_eq!(host.room(3), Some(MAX_DATA), "it is of the next task");
    worker.data(2, 5);
    assert_eq!(all(&mut host), Ok(Vec::new()));
    host.send_head(2, 200, Fields::new());
    assert_eq!(worker.heard(), []);
}

#[test]
fn a_sender_waits_for_credit_and_a_full_exchange_is_written_on() {
    let (mut host, mut worker) = ends();
    worker.begin(1);
    worker.begin(2);
    all(&mut host).expect("no rule is broken");
    for _ in 0..CREDIT as usize / MAX_DATA {
        assert_eq!(host.room(1), Some(MAX_DATA));
        host.send_data(1, vec![0; MAX_DATA]);
    }
    assert_eq!(host.room(1), Some(0));
    assert_eq!(host.room(2), Some(MAX_DATA));
    worker.heard();
    worker.say(&ToHost::Credit { id: 1, bytes: 7 });
    assert_eq!(all(&mut host), Ok(vec![HttpEvent::Room { id: 1 }]));
    assert_eq!(host.room(1), Some(7));
    // A worker that reads nothing is not answered more than the exchange holds.
    while !host.is_full() {
        host.send_head(2, 200, vec![("x".into(), vec![0; MAX_DATA].into())]);
    }
    assert_eq!(host.room(1), Some(0));
    worker.begin(3);
    assert_eq!(all(&mut host), Ok(Vec::new()));
    assert!(!host.has_news(), "nothing can be done");
    worker.heard();
    assert!(host.has_news());
    assert_eq!(all(&mut host).map(|events| events.len()), Ok(1));
    assert_eq!(host.room(1), Some(7));
}

#[test]
fn bodies_that_were_passed_on_may_be_followed_by_more() {
    let (mut host, mut worker) = ends();
    worker.begin(1);
    for _ in 0..100 {
        worker.data(1, MAX_DATA);
        assert_eq!(all(&mut host).map(|events| events.is_empty()), Ok(false));
        host.give_credit(1, MAX_DATA as u32);
        worker.heard();
    }
}
