//! The tutorials' programs, `host/examples`, run as their readers would run
//! them: what they print is checked for order, counts and process ids.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::support::process::{Host, is_alive, program};
use crate::support::{SOON, eventually, eventually_within, guest, is_built, repository, test};

/// The output of an example, and who it was.
struct Printed {
    /// The parent of all others.
    pid: u32,
    lines: Vec<String>,
}

/// Runs an example to its end, which has to come soon and be a good one.
fn run(name: &str) -> Printed {
    run_with(name, "tutorials")
}

/// Starts an example.
fn serve(name: &str, module: &str) -> Host {
    let binary = Path::new(env!("CARGO_BIN_EXE_sandpool"));
    let binary = binary.with_file_name("examples").join(name);
    let path = binary.to_str().expect("its path is text");
    assert!(
        binary.is_file(),
        "there is no example at `{path}`; run `cargo build --examples` first"
    );
    let mut command = program(path);
    command.arg(guest(module)).env_remove("SANDPOOL_WORKER");
    Host::of(&mut command)
}

/// As [`run`], with another guest than most have.
fn run_with(name: &str, module: &str) -> Printed {
    let mut host = serve(name, module);
    let pid = host.pid();
    // Both at once: a full pipe must not stop it.
    let stdout = read(host.child().stdout.take());
    let stderr = read(host.child().stderr.take());
    let mut status = None;
    eventually(&format!("`{name}` ends"), || {
        status = host.child().try_wait().expect("it can be waited for");
        status.is_some()
    });
    let said = stdout.join().expect("it is text");
    let complaints = stderr.join().expect("it is text");
    let ended_well = status.is_some_and(|status| status.success());
    assert!(ended_well, "{status:?}:\n{said}{complaints}");
    let lines = said.lines().map(str::to_owned).collect();
    Printed { pid, lines }
}

/// Reads all that comes, on a thread of its own.
fn read(stream: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    let mut stream = stream.expect("piped");
    thread::spawn(move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("text");
        text
    })
}

/// The process that a line names: `... (process 123) ...`.
fn pid_in(line: &str) -> Option<u32> {
    let (_, rest) = line.split_once("(process ")?;
    let (pid, _) = rest.split_once(')')?;
    pid.parse().ok()
}

impl Printed {
    /// The place of the only line that begins so.
    fn place(&self, beginning: &str) -> usize {
        let found: Vec<usize> = self.places(beginning);
        assert_eq!(found.len(), 1, "`{beginning}` once in {:#?}", self.lines);
        found[0]
    }

    /// The places of all lines that begin so.
    fn places(&self, beginning: &str) -> Vec<usize> {
        let lines = self.lines.iter().enumerate();
        lines
            .filter(|(_, line)| line.starts_with(beginning))
            .map(|(place, _)| place)
            .collect()
    }

    /// The process in the only line that begins so.
    fn pid(&self, beginning: &str) -> u32 {
        pid_in(&self.lines[self.place(beginning)]).expect("it names a process")
    }

    /// The processes in all lines that begin so.
    fn pids(&self, beginning: &str) -> BTreeSet<u32> {
        let lines = self.places(beginning).into_iter();
        lines
            .filter_map(|place| pid_in(&self.lines[place]))
            .collect()
    }

    /// Asserts that these lines are there, each once, in this order.
    fn assert_order(&self, beginnings: &[&str]) {
        let places: Vec<usize> = beginnings.iter().map(|it| self.place(it)).collect();
        assert!(places.is_sorted(), "{beginnings:?} in {:#?}", self.lines);
    }

    /// Asserts that so many tasks began and ended, each in one worker, at most
    /// so many at once, and that the parent was no worker.
    fn assert_tasks(&self, tasks: usize, at_once: usize) {
        let mut busy: HashMap<u32, &str> = HashMap::new();
        let mut workers = BTreeSet::new();
        let mut ended = 0;
        for line in &self.lines {
            let Some((said, _)) = line.split_once(" (process ") else {
                continue;
            };
            let pid = pid_in(line).expect("it names a process");
            if let Some(task) = said.strip_prefix("begin ") {
                let other = busy.insert(pid, task);
                assert_eq!(other, None, "{pid} has two tasks in {:#?}", self.lines);
                workers.insert(pid);
            } else if let Some(task) = said.strip_prefix("end ") {
                assert_eq!(busy.remove(&pid), Some(task), "{:#?}", self.lines);
                ended += 1;
            }
        }
        assert_eq!(ended, tasks, "{:#?}", self.lines);
        // A worker has one task at a time, so as many at most were at work.
        assert!(workers.len() <= at_once, "{:#?}", self.lines);
        assert!(!workers.contains(&self.pid));
        assert!(busy.is_empty(), "{busy:?} never ended");
    }

    /// Asserts that nothing it started is left.
    fn assert_gone(&self, pids: impl IntoIterator<Item = u32>) {
        let pids: Vec<u32> = pids.into_iter().collect();
        assert!(!pids.is_empty(), "{:#?}", self.lines);
        eventually_within(Duration::from_secs(1), "they are gone", || {
            pids.iter().all(|pid| !is_alive(*pid))
        });
    }
}

/// The numbers in a line.
fn numbers(line: &str) -> Vec<u32> {
    let words = line.split(|c: char| !c.is_ascii_digit());
    words.filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn every_example_is_run_by_a_test() {
    let _test = test();
    let tests = include_str!("examples.rs");
    let folder = repository().join("host/sandpool/examples");
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("there are examples") {
        let name = entry.expect("an entry").file_name();
        // The demo has a folder, and is run by `cargo xtask test`.
        if let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".rs")) {
            let runs = ["run", "run_with", "serve"].map(|run| format!("{run}(\"{name}\""));
            assert!(runs.iter().any(|run| tests.contains(run)), "`{name}`");
            count += 1;
        }
    }
    assert!(count >= 19, "{count} examples");
}

#[test]
fn without_its_guest_an_example_says_so_in_one_line() {
    let _test = test();
    let binary = Path::new(env!("CARGO_BIN_EXE_sandpool"));
    let binary = binary.with_file_name("examples").join("process_hello");
    let output = program(binary.to_str().expect("text"))
        .arg("no/such.wasm")
        .output();
    let output = output.expect("it runs; `cargo build --examples` builds it");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(!output.status.success());
    let expected = "there is no guest at `no/such.wasm`; `cargo xtask guests` builds it";
    assert!(
        said.contains(expected) && said.lines().count() == 1,
        "{said}"
    );
}

#[test]
fn process_hello_greets_three_times_between_the_parents_lines() {
    let _test = test();
    let printed = run("process_hello");
    printed.assert_order(&[
        "parent (process",
        "Process-1 is alive: false",
        "Process-1 is alive: true",
        "hello 小明, for the 2. time",
        "hello 小明, for the 3. time",
        "Process-1 (process",
        "parent ends",
    ]);
    let child = printed.pid("Process-1 (process");
    assert_eq!(printed.pids("hello 小明"), BTreeSet::from([child]));
    assert_eq!(printed.places("hello 小明").len(), 3);
    assert_eq!(printed.pid("parent (process"), printed.pid);
    assert_ne!(child, printed.pid);
    assert!(printed.lines[printed.place("Process-1 (process")].ends_with("left with 0"));
    printed.assert_gone([child]);
}

#[test]
fn pool_callback_runs_ten_callbacks_in_the_parent() {
    let _test = test();
    let printed = run("pool_callback");
    assert_eq!(printed.pids("callback got"), BTreeSet::from([printed.pid]));
    for n in 0..10 {
        let task = format!("task {n} (process");
        let callback = format!("callback got {}", 100 + n);
        printed.assert_order(&["parent (process", &task, &callback, "parent ends"]);
    }
    let workers = printed.pids("task");
    assert!(workers.len() <= 5, "{workers:?}");
    assert!(!workers.contains(&printed.pid));
    printed.assert_gone(workers);
}

#[test]
fn callback_without_result_gets_the_unit_value() {
    let _test = test();
    let printed = run("callback_without_result");
    let callbacks = printed.places("callback got () (process");
    assert_eq!(callbacks.len(), 4, "{:#?}", printed.lines);
    assert_eq!(printed.pids("callback got"), BTreeSet::from([printed.pid]));
    let workers = printed.pids("message");
    assert!(workers.len() <= 2 && !workers.contains(&printed.pid));
    assert_eq!(printed.places("message").len(), 4);
    printed.assert_order(&["message 0", "parent ends"]);
}

#[test]
fn pool_apply_serial_ends_each_task_before_it_sends_the_next() {
    let _test = test();
    let printed = run("pool_apply_serial");
    let steps = (0..4).flat_map(|n| {
        [
            format!("parent sends hello {n}"),
            format!("begin hello {n}"),
            format!("end hello {n}"),
            format!("parent got: done hello {n}"),
        ]
    });
    let last = ["parent has sent all".to_owned(), "parent ends".to_owned()];
    let steps: Vec<String> = steps.chain(last).collect();
    assert_eq!(printed.lines.len(), steps.len(), "{:#?}", printed.lines);
    for (line, step) in printed.lines.iter().zip(&steps) {
        assert!(line.starts_with(step), "`{line}` for `{step}`");
    }
    printed.assert_tasks(4, 3);
}

#[test]
fn pool_apply_async_has_sent_all_before_any_task_ends() {
    let _test = test();
    let printed = run("pool_apply_async");
    for n in 0..4 {
        let send = format!("parent sends hello {n}");
        let end = format!("end hello {n}");
        printed.assert_order(&[&send, "parent has sent all", &end, "parent ends"]);
    }
    printed.assert_tasks(4, 3);
}

#[test]
fn pool_of_three_never_has_more_than_three_tasks_at_once() {
    let _test = test();
    let printed = run("pool_of_three");
    printed.assert_tasks(10, 3);
    printed.assert_order(&["---- start", "end 9", "---- end, after"]);
    let times = printed.places("end ");
    let has_time = |place: &usize| printed.lines[*place].ends_with(" s");
    assert!(times.iter().all(has_time), "{:#?}", printed.lines);
}

#[test]
fn pool_of_four_takes_three_batches_and_keeps_the_order_of_results() {
    let _test = test();
    let printed = run("pool_of_four");
    printed.assert_tasks(12, 4);
    let done = printed.places("done task");
    let order: Vec<u32> = done
        .iter()
        .flat_map(|place| numbers(&printed.lines[*place]))
        .collect();
    assert_eq!(order, (0..12).collect::<Vec<u32>>());
    assert!(printed.places("end task").iter().max() < done.iter().min());
    let last = printed.lines.last().expect("lines");
    let time = last
        .rsplit_once(": ")
        .and_then(|(_, it)| it.strip_suffix(" s"));
    let time: f64 = time.and_then(|it| it.parse().ok()).expect("a time");
    assert!(time >= 0.6, "three batches of 0.2 s cannot take {time} s");
}

#[test]
fn results_get_shows_the_results_in_order_when_all_is_over() {
    let _test = test();
    let printed = run("results_get");
    printed.assert_tasks(3, 3);
    for n in 0..3 {
        printed.assert_order(&[&format!("end hello {n}"), "all tasks have ended"]);
    }
    let results: Vec<String> = (0..3).map(|n| format!("result: done hello {n}")).collect();
    let results: Vec<&str> = results.iter().map(String::as_str).collect();
    printed.assert_order(&[&["all tasks have ended"], &results[..]].concat());
}

#[test]
fn several_functions_run_in_one_pool() {
    let _test = test();
    let printed = run("several_functions");
    for name in ["Lee", "Marlon", "Allen", "Frank"] {
        let (begin, end) = (format!("run {name} (process"), format!("{name} ran for"));
        printed.assert_order(&["parent (process", &begin, &end, "all have ended"]);
    }
    printed.assert_order(&["waiting for all", "all have ended"]);
    let workers = printed.pids("run ");
    assert!(workers.len() <= 4 && !workers.contains(&printed.pid));
}

#[test]
fn several_pools_share_no_worker() {
    let _test = test();
    let printed = run("several_pools");
    printed.assert_tasks(9, 5);
    let kinds = ["begin left", "begin right", "begin alone"].map(|kind| printed.pids(kind));
    let together: BTreeSet<u32> = kinds.iter().flatten().copied().collect();
    let count: usize = kinds.iter().map(BTreeSet::len).sum();
    assert_eq!(together.len(), count, "{kinds:?}");
    printed.assert_order(&["end left 3", "left has ended", "right has ended"]);
}

#[test]
fn drop_without_join_leaves_no_process_and_prints_no_end() {
    let _test = test();
    let printed = run("drop_without_join");
    printed.assert_order(&[
        "the pool has processes",
        "the one that is let go",
        "1 left to themselves",
        "parent ends",
    ]);
    assert!(printed.places("end ").is_empty(), "{:#?}", printed.lines);
    let pool = numbers(&printed.lines[printed.place("the pool has")]);
    let alone = numbers(&printed.lines[printed.place("the one that is let go")]);
    assert!(pool.len() <= 3 && alone.len() == 1);
    printed.assert_gone(pool.into_iter().chain(alone).chain(printed.pids("begin")));
}

#[test]
fn terminate_gives_up_what_has_not_ended() {
    let _test = test();
    let printed = run("terminate");
    printed.assert_order(&["begin quick", "end quick", "done quick", "exit code -15"]);
    assert_eq!(printed.places("cancelled").len(), 4, "{:#?}", printed.lines);
    let ends = printed.places("end ");
    assert_eq!(ends.len(), 1, "only the quick one: {:#?}", printed.lines);
    printed.assert_gone(printed.pids("begin"));
}

#[test]
fn worker_entry_lets_main_go_on_in_the_parent_alone() {
    let _test = test();
    let printed = run("worker_entry");
    assert_eq!(printed.pid("main goes on"), printed.pid);
    assert_eq!(printed.pid("main ends"), printed.pid);
    printed.assert_order(&["main goes on", "its workers are `worker_entry`"]);
    let workers = printed.pids("a task was run");
    let said: BTreeSet<u32> = ["one", "two", "three"].map(|it| printed.pid(it)).into();
    assert_eq!(workers, said, "guest and host agree on who ran it");
    assert!(!workers.contains(&printed.pid));
}

#[test]
fn queue_put_get_hands_the_parent_what_a_child_has_put() {
    let _test = test();
    let printed = run("queue_put_get");
    printed.assert_order(&["parent (process", "parent got 1 and 2sdf", "items left: 0"]);
    let child = printed.pid(r#"child puts [1,"2sdf"]"#);
    assert_eq!(printed.pids("parent"), BTreeSet::from([printed.pid]));
    assert_ne!(child, printed.pid);
    printed.assert_gone([child]);
}

#[test]
fn producers_consumers_hold_back_and_take_each_number_once() {
    let _test = test();
    let printed = run("producers_consumers");
    let numbers_of = |who: &str, verb: &str| -> Vec<u32> {
        let pid = printed.pids(&format!("{who} (process"));
        assert_eq!(pid.len(), 1, "one process each: {:#?}", printed.lines);
        let lines = printed.places(&format!("{who} (process")).into_iter();
        lines
            .filter_map(|place| printed.lines[place].split_once(verb)?.1.parse().ok())
            .collect()
    };
    assert_eq!(numbers_of("Lee", " has put "), (0..10).collect::<Vec<_>>());
    let marlons: Vec<u32> = (100..110).collect();
    assert_eq!(numbers_of("Marlon", " has put "), marlons);
    let held_back = ["Lee", "Marlon"].map(|who| numbers_of(who, " holds back "));
    assert!(!held_back.concat().is_empty(), "{:#?}", printed.lines);
    for (who, rest) in [("Even", 0), ("Odd", 1)] {
        let mut taken = numbers_of(who, " takes ");
        // Each producer's in the order in which it put them.
        for (first, end) in [(0, 10), (100, 110)] {
            let of_one = taken.iter().filter(|n| (first..end).contains(*n));
            assert!(of_one.is_sorted(), "{taken:?}");
        }
        taken.sort_unstable();
        let all = (0..10).chain(100..110).filter(|n| n % 2 == rest);
        assert_eq!(taken, all.collect::<Vec<_>>());
        printed.assert_order(&["all is produced", &format!("{who} took 10 numbers")]);
    }
    let ended = printed
        .lines
        .iter()
        .filter(|it| it.ends_with("no work left"));
    assert_eq!(ended.count(), 2);
    let names = ["Lee", "Marlon", "Even", "Odd"];
    let pids: BTreeSet<u32> = names.iter().flat_map(|who| printed.pids(who)).collect();
    assert_eq!(pids.len(), 4);
    printed.assert_gone(pids);
}

#[test]
fn pipe_conversation_goes_both_ways() {
    let _test = test();
    let printed = run("pipe_conversation");
    printed.assert_order(&["parent (process", "parent got 你好", "parent got 知行合一"]);
    printed.assert_order(&["parent got 知行合一", "child left with 0"]);
    let child = printed.pid(r#"child got {"王阳明":"传习录"}"#);
    assert_eq!(printed.pids("parent"), BTreeSet::from([printed.pid]));
    assert_ne!(child, printed.pid);
    printed.assert_order(&["parent got 你好", "child got", "child left with 0"]);
    printed.assert_gone([child]);
}

#[test]
fn pipe_eof_is_a_timeout_while_somebody_could_send_and_then_the_end_of_file() {
    let _test = test();
    let printed = run("pipe_eof");
    printed.assert_order(&[
        "parent got 1",
        "parent got 2",
        "parent got 3",
        "nothing came within 0.2 s",
        "end of file",
        "child left with 0",
    ]);
    assert!(printed.places("unexpected").is_empty());
    let child = printed.pid("child has sent 3");
    assert_ne!(child, printed.pid);
    printed.assert_gone([child]);
}

#[test]
fn manager_shared_has_what_five_processes_wrote() {
    let _test = test();
    let printed = run("manager_shared");
    let signed = printed.pids("Process-");
    assert_eq!(signed.len(), 5, "{:#?}", printed.lines);
    assert!(!signed.contains(&printed.pid));
    let list = numbers(&printed.lines[printed.place("list:")]);
    assert_eq!(list.len(), 5, "{list:?}");
    assert_eq!(BTreeSet::from_iter(list), signed);
    // The dictionary says of each name what its process said of itself.
    let dict = &printed.lines[printed.place("dict:")];
    for n in 1..=5 {
        let pid = printed.pid(&format!("Process-{n} has signed"));
        assert!(dict.contains(&format!("\"Process-{n}\": {pid}")), "{dict}");
    }
    printed.assert_order(&["parent (process", "Process-5 has signed", "list:", "dict:"]);
    printed.assert_gone(signed);
}

#[test]
fn directories_are_each_seen_by_one_task_alone() {
    let _test = test();
    let printed = run("directories");
    for (count, name) in (1..).zip(["apples", "pears", "plums", "quinces"]) {
        let counted = format!("counted {count} in /{name} (process");
        printed.assert_order(&[&counted, &format!("{name}: {count}")]);
    }
    let workers = printed.pids("counted");
    assert_eq!(
        workers.len(),
        4,
        "other grants, another worker: {workers:?}"
    );
    printed.assert_order(&[
        "quinces: 4",
        "pears, with a grant for apples: error, refused file /pears",
    ]);
}

#[test]
fn web_service_cancels_the_task_of_a_client_that_has_gone() {
    let _test = test();
    let printed = run("web_service");
    printed.assert_order(&[
        "the task of hello ended: ok",
        "hello: HTTP/1.0 200: done hello",
        "the task of late ended: timeout",
        "late: HTTP/1.0 504: ran past 1s",
        "nothing: HTTP/1.0 404: there is nothing",
        "gone: gave up",
        "all tasks have ended",
    ]);
    // Server and client of one program hear of it side by side.
    printed.assert_order(&[
        "nothing: HTTP",
        "the task of gone ended: cancelled",
        "all tasks have ended",
    ]);
}

#[test]
fn run_scripts_tells_what_became_of_each() {
    let _test = test();
    if !is_built("python") {
        return;
    }
    let printed = run_with("run_scripts", "python");
    let expected = [
        ("adds", "2"),
        ("sorts", r#""be be not or to to""#),
        ("is mistaken", "[2] eval error: KeyError: 'b'"),
        ("never ends", "[3] eval timeout: ran past 1s"),
        ("eats memory", "[4] eval "),
        ("calls somebody", "[5] eval error: "),
        ("leaves a trap", r#""done""#),
        ("looks for it", "6"),
    ];
    assert_eq!(printed.lines.len(), expected.len(), "{:#?}", printed.lines);
    for (line, (what, end)) in printed.lines.iter().zip(expected) {
        let begin = format!("the one that {what}: {end}");
        assert!(line.starts_with(&begin), "`{line}` for `{begin}`");
    }
    let called = &printed.lines[printed.place("the one that calls somebody")];
    assert!(called.contains("not available in this sandbox"), "{called}");
}

/// Sends a GET request, and returns the body of the answer.
fn get(server: &str, path: &str) -> String {
    let address = server.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(SOON)).expect("a time");
    let request = format!("GET {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it is read");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    body.to_owned()
}

#[test]
fn plugin_server_has_a_session_for_each_user_one_origin_and_a_counter_of_refusals() {
    let _test = test();
    let mut host = serve("plugin_server", "plugin");
    let mut lines = BufReader::new(host.child().stdout.take().expect("piped")).lines();
    let mut line = || lines.next().expect("a line").expect("text");
    let server = line();
    for (path, answer) in [
        ("/ada/add/apple", "50"),
        ("/ada/add/apple", "100"),
        ("/bob/add/apple", "50"),
        ("/ada/add/pear", "nobody sells `pear`"),
        ("/ada/add/plum", "plums are out of season"),
        ("/ada/add/apple", "150"),
        ("/bob/fetch/rates/eur", r#"[200,"1.07"]"#),
    ] {
        assert_eq!(get(&server, path), answer, "{path}");
    }
    for count in 1..=2 {
        let answer = get(&server, "/bob/fetch/secret");
        assert!(answer.contains("HttpRequestDenied"), "{answer}");
        let said = line();
        assert!(said.starts_with(&format!("refusal {count}: ")), "{said}");
        assert!(said.contains("GET http://127.0.0.1"), "{said}");
    }
}
