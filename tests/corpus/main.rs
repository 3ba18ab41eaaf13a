//! The hostile corpus: every kind of mischief that a guest can do, by name,
//! with the verdict that it must get.
//!
//! All cases run in one pool of two workers, in a random order, with honest
//! tasks between them whose answers must all be right; only those whose modules
//! have unknown imports that are denied at the call run in a pool beside it. It
//! is a test binary of its own because it counts what is left behind afterwards:
//! no process, no descriptor, no temporary file.
//!
//! `$SANDPOOL_CORPUS_SEEDS` is how many orders are tried \[3\];
//! `$SANDPOOL_CORPUS_SEED` is one to try again.

mod addresses;
mod callers;
mod case;
mod endless;
#[path = "../host_functions/guests.rs"]
#[expect(dead_code, reason = "the corpus calls some of the functions")]
mod guests;
mod honest;
mod host;
mod host_calls;
mod http;
mod imports;
mod memory;
mod modules;
mod output;
mod reach;
mod server;
mod sessions;
mod snapshots;
#[path = "../support/mod.rs"]
#[expect(
    dead_code,
    reason = "the other test binary uses what this one does not"
)]
mod support;
mod tools;
mod traps;

use std::collections::{HashMap, HashSet};
use std::env;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sandpool::{AsyncResult, Module, Pool, PoolBuilder, UnknownImports};

use case::{Begun, Case, Source, end};
use honest::Honest;
use host::Host;
use support::{eventually, process};

/// Set in the process that runs the corpus, whose folders are its own.
const INSIDE: &str = "SANDPOOL_CORPUS_INSIDE";

/// More workers than there ever are at once: two, one for each session that is open, and
/// one for each call of the host, whose task lends its place.
const MOST_WORKERS: usize = 40;

/// Two workers, with room for the largest copy, and little for compilers.
fn builder(host: &Host) -> PoolBuilder {
    let builder = Pool::builder()
        .worker_binary(env!("CARGO_BIN_EXE_sandpool"))
        .processes(2)
        .timeout(Duration::from_secs(60))
        .process_memory(2 * sandpool::GIB);
    host.give(builder)
}

/// The pools, which differ in what they do about unknown imports.
struct Pools {
    refusing: Pool,
    denying: Pool,
}

impl Pools {
    fn new(build: impl Fn() -> PoolBuilder) -> Self {
        let open = |builder: PoolBuilder| builder.build().expect("the pool is built");
        Pools {
            refusing: open(build()),
            denying: open(build().unknown_imports(UnknownImports::Deny)),
        }
    }

    fn of(&self, source: &Source) -> &Pool {
        match source {
            Source::Denied(_) => &self.denying,
            Source::Bytes(_) | Source::Guest(_) => &self.refusing,
        }
    }

    fn end(self) {
        for pool in [self.refusing, self.denying] {
            let few = || pool.worker_pids().len() <= pool.processes();
            eventually("no more workers than processes", few);
            assert_eq!(pool.broken(), None);
            pool.close();
            pool.join().expect("whole to the end");
        }
    }
}

#[test]
fn every_hostile_task_gets_its_verdict_and_every_honest_one_its_answer() {
    if env::var_os(INSIDE).is_some() {
        return inside();
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (cache, tmp) = (folder.path().join("cache"), folder.path().join("tmp"));
    fs::create_dir(&tmp).expect("a folder for what is temporary");
    #[expect(
        clippy::disallowed_methods,
        reason = "this program again, with folders of its own; it ends by itself"
    )]
    let run = std::process::Command::new(env::current_exe().expect("this program"))
        .args(["--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .env("SANDPOOL_CACHE_DIR", &cache)
        .env("TMPDIR", &tmp)
        .status();
    assert!(run.expect("it runs").success(), "see above");
    assert_eq!(
        entries(&tmp),
        [] as [String; 0],
        "left among temporary files"
    );
    let unfinished: Vec<_> = entries(&cache)
        .into_iter()
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(unfinished.is_empty(), "left in the cache: {unfinished:?}");
}

fn entries(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    names.map(|name| name.to_string_lossy().into()).collect()
}

fn inside() {
    let host = Host::start();
    let cases = all_cases(&host);
    let begun = Instant::now();
    let modules = load_all(&host, &cases);
    eprintln!(
        "{} cases, {} modules, loaded in {:?}",
        cases.len(),
        modules.len(),
        begun.elapsed()
    );
    for seed in seeds() {
        let begun = Instant::now();
        let named = NamedSeed(seed);
        try_seed(seed, &host, &cases, &modules);
        drop(named);
        eprintln!("seed {seed}: passed in {:?}", begun.elapsed());
    }
}

fn all_cases(host: &Host) -> Vec<Case> {
    let mut cases = endless::cases();
    cases.extend(memory::cases());
    cases.extend(traps::cases());
    cases.extend(output::cases());
    cases.extend(reach::cases());
    cases.extend(modules::cases());
    cases.extend(imports::cases());
    cases.extend(host_calls::cases());
    cases.extend(tools::cases());
    cases.extend(addresses::cases(&host.server));
    cases.extend(http::cases(&host.server));
    cases.extend(sessions::cases());
    cases.extend(snapshots::cases());
    let names: HashSet<_> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len(), "two cases have one name");
    assert!(cases.len() >= 264, "{} cases", cases.len());
    cases
}

/// Every module that is to run, loaded once and for all seeds.
fn load_all(host: &Host, cases: &[Case]) -> HashMap<Source, Module> {
    let pools = Pools::new(|| builder(host));
    let to_run = cases.iter().filter(|case| case.needs_module());
    let sources = to_run.map(|case| case.source.clone());
    let honest = Honest::ALL.into_iter().map(Honest::source);
    let mut modules = HashMap::new();
    for source in sources.chain(honest) {
        modules.entry(source).or_insert_with_key(|source| {
            let pool = pools.of(source);
            let loaded = match source {
                Source::Bytes(bytes) | Source::Denied(bytes) => pool.load_bytes(bytes),
                Source::Guest(name) => pool.load(support::guest(name)),
            };
            loaded.unwrap_or_else(|error| panic!("{error} in {source:?}"))
        });
    }
    // The parts of the library that are there once for a process are there before the first
    // seed counts descriptors.
    for honest in Honest::ALL {
        let module = &modules[&honest.source()];
        let sent = honest.send(host, &pools.refusing, module, 7).expect("sent");
        let judged = honest.judge(7, &end("an honest task", &sent));
        judged.unwrap_or_else(|wrong| panic!("{wrong}"));
    }
    pools.end();
    modules
}

fn seeds() -> Vec<u64> {
    let number = |name: &str| -> Option<u64> {
        let text = env::var(name).ok()?;
        Some(
            text.parse()
                .unwrap_or_else(|_| panic!("`{name}` is no number: {text}")),
        )
    };
    if let Some(seed) = number("SANDPOOL_CORPUS_SEED") {
        return vec![seed];
    }
    let count = number("SANDPOOL_CORPUS_SEEDS").unwrap_or(3);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let first = now.expect("after 1970").as_secs() * 1000;
    (first..first + count).collect()
}

/// Says which seed it was when it is dropped by a panic.
struct NamedSeed(u64);

impl Drop for NamedSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let NamedSeed(seed) = self;
            eprintln!("seed {seed} failed; to run it again:");
            eprintln!(
                "SANDPOOL_CORPUS_SEED={seed} cargo test --package sandpool-cli --test corpus"
            );
        }
    }
}

/// A case or an honest task under way, with its judge.
enum Sent<'a> {
    Hostile(&'a Case, Begun),
    Honest(Honest, i32, AsyncResult),
}

impl Sent<'_> {
    fn end(self) -> Result<(), String> {
        match self {
            Sent::Hostile(case, begun) => case.end(begun),
            Sent::Honest(honest, n, result) => honest.judge(n, &end("an honest task", &result)),
        }
    }
}

fn try_seed(seed: u64, host: &Host, cases: &[Case], modules: &HashMap<Source, Module>) {
    let before = descriptors();
    let mut dice = Dice(seed);
    let pools = Pools::new(|| builder(host).compile_cpu_time(Duration::from_secs(1)));
    host.open(&pools.refusing);
    let mut sent = Vec::new();
    for (n, case) in (0..).zip(dice.shuffled(cases)) {
        let module = case.needs_module().then(|| &modules[&case.source]);
        // A case that is only loaded is loaded here, while the workers work.
        let begun = case.begin(pools.of(&case.source), module);
        sent.push(Sent::Hostile(case, begun));
        for _ in 0..dice.below(3) {
            let honest = Honest::ALL[dice.below(Honest::ALL.len())];
            let module = &modules[&honest.source()];
            let result = honest.send(host, &pools.refusing, module, n);
            sent.push(Sent::Honest(honest, n, result.expect("sent")));
        }
        let workers = pools.refusing.worker_pids().len();
        assert!(workers <= MOST_WORKERS, "{workers} workers");
    }
    let wrong: Vec<String> = sent.into_iter().filter_map(|it| it.end().err()).collect();
    assert!(
        wrong.is_empty(),
        "{} went wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    host.close();
    pools.end();
    let own = std::process::id();
    eventually("no child is left", || process::children(own).is_empty());
    eventually("no descriptor is left", || descriptors() <= before);
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd")
        .expect("/proc can be read")
        .count()
}

/// Random numbers that a seed repeats (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.roll() % end as u64) as usize
    }

    fn shuffled<'a, T>(&mut self, items: &'a [T]) -> Vec<&'a T> {
        let mut items: Vec<&T> = items.iter().collect();
        for n in (1..items.len()).rev() {
            items.swap(n, self.below(n + 1));
        }
        items
    }
}
