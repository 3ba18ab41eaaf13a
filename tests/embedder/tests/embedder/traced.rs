//! Spans and events that a subscriber of `tracing` is given.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sandpool::{Interrupt, Pool, Retries, Verdict};
use tracing::{Level, info_span, subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

const GUEST: &str = r#"
(module
  (memory (export "memory") 1)
  (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))
  (func (export "grow") (result i32) (memory.grow (i32.const 60000)))
  (func (export "trap") unreachable)
  (func (export "spin") (loop $l (br $l))))
"#;

/// The lines that were written for a subscriber.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8(bytes.clone()).expect("text")
    }

    /// Waits until a line holds all of these words; returns it.
    fn wait_for(&self, words: &[&str]) -> String {
        let since = Instant::now();
        loop {
            let text = self.text();
            let fits = |line: &&str| words.iter().all(|word| line.contains(word));
            if let Some(line) = text.lines().find(fits) {
                return line.to_owned();
            }
            assert!(
                since.elapsed() < Duration::from_secs(20),
                "{words:?} in\n{text}"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Lines;

    fn make_writer(&self) -> Lines {
        self.clone()
    }
}

/// Runs something with a subscriber of this level; returns the lines it wrote.
fn traced(level: Level, run: impl FnOnce(&Lines)) -> String {
    let lines = Lines::default();
    let fmt = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(lines.clone());
    subscriber::with_default(fmt.finish(), || run(&lines));
    lines.text()
}

fn pool() -> Pool {
    let builder = Pool::builder().processes(1).cache(false);
    builder.interrupt(Interrupt::Kill).build().expect("built")
}

#[expect(clippy::disallowed_methods, reason = "somebody else kills a worker")]
fn kill(pid: u32) {
    let mut kill = std::process::Command::new("kill");
    let status = kill.args(["-KILL", &pid.to_string()]).status();
    assert!(status.expect("started").success());
}

#[test]
fn tasks_are_in_the_span_of_their_caller_and_end_with_their_verdict() {
    traced(Level::DEBUG, |lines| {
        let pool = pool();
        let guest = pool.load_bytes(GUEST).expect("it compiles");
        info_span!("request", id = 7).in_scope(|| {
            let sum: i32 = pool.apply(&guest, "add", (2, 3)).expect("it runs");
            assert_eq!(sum, 5);
        });
        let line = lines.wait_for(&["task ended", "add"]);
        assert!(
            line.contains("DEBUG request{id=7}:task{function=\"add\""),
            "{line}"
        );
        assert!(line.contains("verdict=\"ok\""), "{line}");
        // The span is closed with what is known then.
        let line = lines.wait_for(&["close", "task{", "add"]);
        for field in [
            "index=0",
            "attempts=1",
            "worker_pid=",
            "run_time_us=",
            "verdict=\"ok\"",
        ] {
            assert!(line.contains(field), "`{field}` in {line}");
        }
        // All of a map, and of a stream, whose inputs are pulled on another thread; with
        // no span of the caller's they are in the pool's.
        let pairs = || (0..20).map(|n| (n, 1));
        pool.starmap::<i32>(&guest, "add", pairs()).expect("sent");
        let outcomes = pool.imap::<i32>(&guest, "add", pairs()).expect("sent");
        assert_eq!(outcomes.count(), 20);
        for index in 0..20 {
            lines.wait_for(&["pool{", "task{", "close", &format!("index={index} ")]);
        }
        let text = lines.text();
        let closed = |line: &&str| line.contains("task{") && line.contains("close");
        assert_eq!(text.lines().filter(closed).count(), 41, "{text}");
    });
}

#[test]
fn workers_start_and_are_killed_in_spans_of_their_pool() {
    traced(Level::INFO, |lines| {
        let pool = pool();
        let guest = pool.load_bytes(GUEST).expect("it compiles");
        let timeout = Duration::from_millis(50);
        let spin = pool.call(&guest, "spin").timeout(timeout).outcome();
        assert_eq!(spin.expect("sent").verdict, Verdict::Timeout);
        let line = lines.wait_for(&["worker started"]);
        assert!(line.contains("pool{processes=1}:worker{pid="), "{line}");
        // No span of the task at this level, and still its verdict.
        let line = lines.wait_for(&["task ended", "spin"]);
        assert!(line.contains("INFO pool{processes=1}:"), "{line}");
        assert!(line.contains("verdict=\"timeout\""), "{line}");
        // Nobody interrupts it: its worker is killed.
        let line = lines.wait_for(&["worker killed"]);
        assert!(
            line.contains("WARN pool{processes=1}:worker{pid="),
            "{line}"
        );
        assert!(line.contains("why=timeout"), "{line}");
        pool.apply::<i32>(&guest, "add", (2, 3)).expect("it runs");
        let pid = pool.worker_pids().first().copied().expect("there is one");
        kill(pid);
        lines.wait_for(&["WARN", &format!("worker{{pid={pid} "), "worker died"]);
        pool.apply::<i32>(&guest, "add", (2, 3)).expect("it runs");
        pool.close();
        pool.join().expect("it ends");
    });
}

#[test]
fn the_end_of_a_pool_kills_no_worker_in_the_sense_of_its_report() {
    let text = traced(Level::INFO, |lines| {
        let pool = pool();
        let guest = pool.load_bytes(GUEST).expect("it compiles");
        pool.apply::<i32>(&guest, "add", (2, 3)).expect("it runs");
        lines.wait_for(&["worker started"]);
        pool.terminate();
        pool.join().expect("it ends");
        drop(pool);
        lines.wait_for(&["pool{processes=1}: ", "close"]);
    });
    assert!(!text.contains("WARN"), "{text}");
}

#[test]
fn a_call_outside_of_any_span_reports_to_the_subscriber_of_its_pool() {
    let lines = traced(Level::DEBUG, |lines| {
        let pool = pool();
        let guest = pool.load_bytes(GUEST).expect("it compiles");
        let others = traced(Level::DEBUG, |_| {
            pool.apply::<i32>(&guest, "add", (2, 3)).expect("it runs");
        });
        assert_eq!(
            others, "",
            "a span of one subscriber means nothing to another"
        );
        lines.wait_for(&["pool{processes=1}:task{", "task ended", "add"]);
        // Nor need the thread of a call have a subscriber.
        std::thread::scope(|scope| {
            scope.spawn(|| pool.call(&guest, "trap").outcome().expect("sent"));
        });
        lines.wait_for(&["pool{processes=1}:task{", "task ended", "trap"]);
    });
    assert!(lines.contains("worker started"), "{lines}");
}

#[test]
fn a_subscriber_may_call_the_pool_when_a_stream_is_cut_short() {
    /// Asks the pool something with each event, as code under no lock may.
    #[derive(Clone, Default)]
    struct Asks(Arc<Mutex<Option<Pool>>>);
    impl Write for Asks {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(pool) = &*pool {
                pool.worker_pids();
            }
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let asks = Asks::default();
    let writer = asks.clone();
    let fmt = tracing_subscriber::fmt()
        .with_max_level(Level::DEBUG)
        .with_writer(move || writer.clone());
    subscriber::with_default(fmt.finish(), || {
        let pool = pool();
        let guest = pool.load_bytes(GUEST).expect("it compiles");
        let held = || asks.0.lock().unwrap_or_else(PoisonError::into_inner);
        *held() = Some(pool.clone());
        // The first of them runs for ever, and others wait behind it.
        let pulled = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&pulled);
        let inputs = (0..1000).inspect(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let inputs = inputs.map(|_| ());
        let outcomes = pool.imap::<()>(&guest, "spin", inputs).expect("sent");
        let since = Instant::now();
        while pool.worker_pids().is_empty() || pulled.load(Ordering::Relaxed) < 50 {
            assert!(since.elapsed() < Duration::from_secs(20), "{pulled:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
        pool.terminate();
        assert!(outcomes.count() >= 50);
        let copy = held().take();
        drop(copy);
        pool.join().expect("it ends");
    });
}

#[test]
fn a_verdict_is_reported_once_however_often_a_task_is_tried() {
    let text = traced(Level::DEBUG, |lines| {
        let pool = pool();
        let guest = pool.load_bytes(GUEST).expect("it compiles");
        let trap = pool
            .call(&guest, "trap")
            .retries(Retries::new(2).on([Verdict::Trap]));
        let trap = trap.outcome();
        assert_eq!(trap.expect("sent").attempts, 3);
        lines.wait_for(&["task ended", "trap", "unreachable"]);
    });
    let ended = |line: &&str| line.contains("task ended");
    assert_eq!(text.lines().filter(ended).count(), 1, "{text}");
}

#[test]
fn a_task_says_what_it_was_refused() {
    traced(Level::WARN, |lines| {
        let pool = pool();
        let guest = pool.load_bytes(GUEST).expect("it compiles");
        let grown = pool.call(&guest, "grow").outcome().expect("sent");
        assert!(!grown.refusals.is_empty(), "{grown}");
        let line = lines.wait_for(&["task was refused something"]);
        assert!(line.contains("refusal=memory "), "{line}");
    });
}

#[test]
fn a_subscriber_that_panics_ends_nothing() {
    struct Panics;
    impl tracing::Subscriber for Panics {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::Id {
            match span.metadata().name() {
                "worker" => panic!("new span"),
                _ => tracing::Id::from_u64(1),
            }
        }
        fn record(&self, _: &tracing::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::Id, _: &tracing::Id) {}
        fn event(&self, _: &tracing::Event<'_>) {
            panic!("event")
        }
        fn enter(&self, _: &tracing::Id) {}
        fn exit(&self, _: &tracing::Id) {}
        fn try_close(&self, _: tracing::Id) -> bool {
            panic!("close")
        }
    }
    subscriber::with_default(Panics, || {
        let pool = pool();
        let guest = pool.load_bytes(GUEST).expect("it compiles");
        let pairs = (0..10).map(|n| (n, 1));
        let sums = pool.starmap::<i32>(&guest, "add", pairs).expect("sent");
        assert_eq!(sums.len(), 10);
        pool.close();
        pool.join().expect("it ends");
    });
}
