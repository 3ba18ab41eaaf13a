use super::*;
use crate::error_texts::check;

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

fn problems() -> Vec<(Problem, &'static str)> {
    let hit = |name| PoolLimits::default().hit(name).expect("it is the pool's");
    let program = || PathBuf::from("/x");
    vec![
        (Problem::NotFound, "the file does not exist"),
        (
            Problem::read(not_found()),
            "it cannot be read <- entity not found",
        ),
        (
            Problem::System {
                source: not_found(),
            },
            "entity not found",
        ),
        (
            Problem::NotRegular { kind: "a fifo" },
            "it is a fifo, not a regular file",
        ),
        (
            Problem::Invalid {
                reason: "it is empty".into(),
            },
            "it is empty",
        ),
        (
            Problem::Limit {
                hit: hit(LimitName::CompileTimeout),
            },
            "compiling it ran past 120s (default); the setting `compile_timeout` raises it",
        ),
        (
            Problem::Wants {
                hit: hit(LimitName::Tables),
            },
            "it asked for more tables than 40 (default)",
        ),
        (
            Problem::CompilerDied {
                how: "panicked".into(),
            },
            "the compiler process panicked",
        ),
        (
            Problem::CompilerKilled {
                how: "was killed by signal 9 (SIGKILL), and not by sandpool".into(),
                again: true,
            },
            "the compiler process was killed by signal 9 (SIGKILL), and not by sandpool",
        ),
        (
            Problem::NoRoom {
                source: not_found(),
            },
            "the compiler process cannot be started <- entity not found",
        ),
        (
            Problem::Starved {
                message: "it gets no memory".into(),
            },
            "the compiler process could not work: it gets no memory",
        ),
        (
            Problem::Refused {
                source: not_found(),
            },
            "the compiler process cannot be used <- entity not found",
        ),
        (
            Problem::NotStarted {
                program: program(),
                source: not_found(),
            },
            "the compiler process cannot be used: `/x` cannot be started <- entity not found",
        ),
        (
            Problem::NoSandpool {
                program: program(),
                how: "panicked".into(),
            },
            "the compiler process cannot be used: `/x` is no sandpool: it panicked",
        ),
        (
            Problem::OtherBuild {
                difference: "it is older".into(),
            },
            "the compiler process cannot be used: it is older",
        ),
        (
            Problem::GaveUp {
                message: "the host hung up".into(),
            },
            "the compiler process cannot be used: the host hung up",
        ),
        (
            Problem::NoMemory {
                limit: "`ulimit -d` allows 1KiB of memory".into(),
            },
            "the compiler process cannot be used: it was refused memory: `ulimit -d` allows \
             1KiB of memory",
        ),
        (
            Problem::LongDescription,
            "the compiler process cannot be used: it wrote a description of more than 1 MiB",
        ),
        (
            Problem::BadDescription {
                reason: "it ends early".into(),
            },
            "the compiler process cannot be used: its description makes no sense: it ends \
             early",
        ),
        (
            Problem::ForeignLimit {
                name: LimitName::Fuel,
            },
            "the compiler process cannot be used: it names a limit of tasks, `fuel`",
        ),
        (
            Problem::NotKilled {
                pid: 7,
                source: not_found(),
            },
            "the compiler process cannot be used: process 7 cannot be killed <- entity not \
             found",
        ),
        (
            Problem::Terminated,
            "the compiler process cannot be used: the pool was terminated",
        ),
        (
            Problem::NoWaiter {
                source: not_found(),
            },
            "the compiler process cannot be used: the thread that waits for it cannot be started \
             <- entity not found",
        ),
        (
            Problem::Snapshot {
                function: "init".into(),
                verdict: Verdict::Trap,
                error: Some("unreachable".into()),
                hit: None,
            },
            "no snapshot can be taken of it: `init` ended with trap: unreachable",
        ),
        (
            Problem::SnapshotNotSent {
                function: "init".into(),
                source: not_found().into(),
            },
            "no snapshot can be taken of it: `init` cannot be called <- entity not found",
        ),
        (
            Problem::WaiterPanicked,
            "the compiler process cannot be used: the thread that waits for it panicked",
        ),
    ]
}

#[test]
fn each_problem_is_told_in_a_line_and_its_cause_once() {
    check(problems());
    for (problem, _) in problems() {
        let text = problem.to_string();
        let cause = problem.source().map(ToString::to_string);
        let error = LoadError::new("a.wasm".into(), problem);
        assert_eq!(error.to_string(), format!("cannot load `a.wasm`: {text}"));
        assert_eq!(error.source().map(ToString::to_string), cause);
    }
}

#[test]
fn the_name_of_a_function_is_printed_without_control_codes_and_cut() {
    for function in ["a\n\x1b[2J".to_owned(), "é".repeat(50_000)] {
        let ended = Problem::Snapshot {
            function: function.clone(),
            verdict: Verdict::Trap,
            error: None,
            hit: None,
        };
        let source = not_found().into();
        let not_sent = Problem::SnapshotNotSent { function, source };
        for said in [ended.to_string(), not_sent.to_string()] {
            assert!(!said.contains(['\n', '\x1b']), "{said:?}");
            assert!(said.chars().count() < 200, "{}", said.len());
        }
    }
}

#[test]
fn a_compiler_that_is_not_optimised_says_what_to_do_about_it() {
    let hit = PoolLimits::default().hit(LimitName::CompileTimeout);
    let hit = hit.expect("it is the pool's");
    let problem = Problem::Slow { hit };
    let error = LoadError::new("a.wasm".into(), problem);
    let said = error.to_string();
    let begin = "cannot load `a.wasm`: compiling it ran past 120s (default); ";
    assert!(said.starts_with(begin), "{said}");
    let advice = "set `opt-level = 2` under `[profile.dev.package.\"*\"]` in its Cargo.toml";
    assert!(said.ends_with(advice), "{said}");
    let name = error.limit().map(|limit| limit.name);
    assert_eq!(name, Some(LimitName::CompileTimeout));
}
