//! The checks that a change has to pass, one step after another, each with its time.
//! The first step that fails ends the run.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::command::{ask, cargo, root, run};
use crate::toolchain::{Install, OtherMachine, Toolchain};
use crate::{demo, guests, interpreters, packages, project, surroundings, toolchain};

/// The packages that are built, linted and tested together.
const OURS: [&str; 9] = [
    "sandpool",
    "sandpool-bench",
    "sandpool-cli",
    "sandpool-derive",
    "sandpool-protocol",
    "sandpool-sys",
    "sandpool-value",
    "sandpool-worker",
    "xtask",
];

/// The package whose tests are the integration tests: they need the command.
pub const COMMAND: &str = "sandpool-cli";

/// The library with fewer features than it has by default.
const SMALLER: [(&str, &str); 2] = [
    ("lints of the library without its worker", ""),
    ("lints of the library without its worker, traced", "tracing"),
];

/// A program of somebody else's: features are one set for all that is built together,
/// so it is built, linted and tested apart.
const EMBEDDER: &str = "sandpool-embedder";

/// Format and lints of both workspaces, other sets of features, the other kind of machine,
/// the dependencies; the guests' lints only where there is a compiler for them, since
/// linting should not install one.
pub fn lint(install: Install) -> Result<()> {
    let mut steps = Steps::start();
    lint_steps(&mut steps, toolchain::find().as_ref(), install)?;
    steps.finish();
    Ok(())
}

/// Everything: guests, lints, then unit, integration and doc tests and the
/// examples. `arguments` go to `cargo test`.
pub fn test(arguments: &[OsString], install: Install) -> Result<()> {
    let mut steps = Steps::start();
    let toolchain = toolchain::ensure(install)?;
    steps.step("guests", || guests::build(&toolchain).map(drop))?;
    lint_steps(&mut steps, Some(&toolchain), install)?;
    steps.step("tests", || {
        let packages = OURS.map(|package| ["--package", package]).concat();
        run(cargo(root()).arg("test").args(packages).args(arguments))
    })?;
    steps.step("tests of an embedder", || {
        run(cargo(root()).args(["test", "--package", EMBEDDER]))
    })?;
    steps.step("a new project", || project::check(&toolchain))?;
    // The demo checks what it claims, so running it is a test.
    steps.step("demo", || run(&mut demo::command(demo::Guests::Compiled)))?;
    steps.step("demo without compiled guests", || {
        run(&mut demo::command(demo::Guests::Written))
    })?;
    steps.finish();
    Ok(())
}

/// The benches, which build in release; criterion keeps the last results and
/// says what changed. That of interpreters is one of the command's.
pub fn bench(arguments: &[OsString]) -> Result<()> {
    if let Some((name, arguments)) = arguments.split_first()
        && name == "interpreters"
    {
        return interpreters::bench(arguments);
    }
    let mut command = cargo(root());
    command.args(["bench", "--package", "sandpool"]);
    // A bench by its name is run alone; anything else is for all of them.
    let name = arguments.first().filter(|name| {
        root()
            .join("host/sandpool/benches")
            .join(name)
            .with_extension("rs")
            .is_file()
    });
    let arguments = match name {
        Some(name) => {
            command.arg("--bench").arg(name);
            &arguments[1..]
        }
        None => {
            command.arg("--benches");
            arguments
        }
    };
    run(command.arg("--").args(arguments))
}

/// The duration of a storm of kills, and the number of tasks at a time.
const STORM: [(&str, &str); 2] = [
    ("SANDPOOL_STORM_SECONDS", "60"),
    ("SANDPOOL_STORM_TASKS", "1000000"),
];

/// The packages, each built from its own tarball; the hostile corpus in so many orders, a
/// storm of kills, then the other integration tests as often as the corpus, for what goes
/// wrong only now and then, and once in every surrounding. Stops at the first failure, so
/// that its report is the last thing on screen.
pub fn soak(times: u32, install: Install) -> Result<()> {
    let mut steps = Steps::start();
    let toolchain = toolchain::ensure(install)?;
    steps.step("packages, each from its tarball", packages::build)?;
    steps.step("guests", || guests::build(&toolchain).map(drop))?;
    let test = |names: &[&str]| {
        let mut cargo = cargo(root());
        cargo.args(["test", "--quiet", "--package", COMMAND]);
        for name in names {
            cargo.args(["--test", name]);
        }
        cargo
    };
    steps.step(&format!("the hostile corpus in {times} orders"), || {
        run(test(&["corpus"]).env("SANDPOOL_CORPUS_SEEDS", times.to_string()))
    })?;
    steps.step("a kill storm", || {
        run(test(&["integration"]).arg("kill_storm::").envs(STORM))
    })?;
    build_examples(&mut steps)?;
    for round in 1..=times {
        steps.step(&format!("round {round} of {times}"), || {
            run(&mut test(&["integration", "process_wide"]))
        })?;
    }
    surrounded_steps(&mut steps, &[])?;
    steps.finish();
    Ok(())
}

/// The integration tests in those surroundings whose names hold one of these words; in
/// all of them if there are no words.
pub fn surroundings(names: &[String]) -> Result<()> {
    let mut steps = Steps::start();
    surrounded_steps(&mut steps, names)?;
    steps.finish();
    Ok(())
}

/// Tests run them, and cargo builds them only for a run of all tests.
fn build_examples(steps: &mut Steps) -> Result<()> {
    steps.step("examples", || {
        run(cargo(root()).args([
            "build",
            "--package",
            "sandpool",
            "--package",
            COMMAND,
            "--examples",
        ]))
    })
}

fn surrounded_steps(steps: &mut Steps, names: &[String]) -> Result<()> {
    build_examples(steps)?;
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|word| name.contains(word));
    for surrounding in surroundings::all() {
        if is_wanted(&surrounding.name) {
            let step = format!("integration tests {}", surrounding.name);
            steps.step(&step, || run(&mut surrounding.tests()))?;
        }
    }
    let missing = surroundings::no_ordinary_user();
    if let Some(why) = missing.filter(|_| is_wanted(surroundings::ORDINARY_USER)) {
        println!(
            "== integration tests {}: left out, {why}",
            surroundings::ORDINARY_USER
        );
    }
    Ok(())
}

fn lint_steps(steps: &mut Steps, toolchain: Option<&Toolchain>, install: Install) -> Result<()> {
    steps.step("format", || {
        run(cargo(root()).args(["fmt", "--all", "--check"]))
    })?;
    steps.step("format of the guests", || {
        run(cargo(&guests::source()).args(["fmt", "--all", "--check"]))
    })?;
    for (step, packages) in [("lints", &OURS[..]), ("lints of an embedder", &[EMBEDDER])] {
        steps.step(step, || {
            let mut clippy = cargo(root());
            clippy.arg("clippy");
            for package in packages {
                clippy.args(["--package", package]);
            }
            run(clippy.args(["--all-targets", "--", "-D", "warnings"]))
        })?;
    }
    for (step, features) in SMALLER {
        steps.step(step, || {
            let mut clippy = cargo(root());
            clippy.args(["clippy", "--package", "sandpool", "--no-default-features"]);
            clippy.args(["--features", features]);
            run(clippy.args(["--", "-D", "warnings"]))
        })?;
    }
    match OtherMachine::find(install) {
        Ok(machine) => steps.step(&format!("check for {}", toolchain::OTHER), || {
            let mut check = machine.check(root());
            for package in OURS {
                check.args(["--package", package]);
            }
            run(check.arg("--all-targets"))
        })?,
        Err(why) => println!("== check for {}: left out, {why}", toolchain::OTHER),
    }
    if ask(cargo(root()).args(["deny", "--version"])).is_some() {
        steps.step("licenses, bans and sources", || {
            let mut deny = cargo(root());
            deny.args(["deny", "check", "licenses", "bans", "sources"]);
            run(&mut deny)
        })?;
    } else {
        println!(
            "== licenses, bans and sources: left out, there is no cargo-deny here \
             (`cargo install --locked cargo-deny`)"
        );
    }
    let Some(toolchain) = toolchain else {
        println!("lints of the guests: left out, there is no compiler for them here");
        return Ok(());
    };
    steps.step("lints of the guests", || {
        if !guests::clippy(toolchain)? {
            println!("left out: the compiler for the guests has no clippy");
        }
        Ok(())
    })
}

/// Runs steps and keeps the time.
struct Steps {
    begin: Instant,
    passed: u32,
}

impl Steps {
    fn start() -> Self {
        Steps {
            begin: Instant::now(),
            passed: 0,
        }
    }

    fn step(&mut self, name: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("== {name}");
        let begin = Instant::now();
        step().with_context(|| format!("{name} failed after {}", time(begin.elapsed())))?;
        println!("== {name}: passed in {}", time(begin.elapsed()));
        self.passed += 1;
        Ok(())
    }

    fn finish(self) {
        let time = time(self.begin.elapsed());
        println!("== all {} steps passed in {time}", self.passed);
    }
}

fn time(duration: Duration) -> String {
    match duration.as_secs() {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// The packages of the workspace, by name, with their manifests.
#[cfg(test)]
pub fn members() -> Vec<(String, String)> {
    let manifest = |folder: &str| {
        let path = root().join(folder).join("Cargo.toml");
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
    };
    let workspace = manifest("");
    let members = workspace
        .split_once("members = [")
        .and_then(|(_, rest)| rest.split_once(']'));
    let (folders, _) = members.expect("members");
    let named = folders.split('"').skip(1).step_by(2).map(|folder| {
        let package = manifest(folder);
        let mut lines = package.lines();
        let name = lines.find_map(|line| line.strip_prefix("name = "));
        let name = name.expect("a name").trim_matches('"').to_owned();
        (name, package)
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_of_the_workspace_is_linted_and_tested() {
        for (name, _) in members() {
            assert!(
                OURS.contains(&&*name) || name == EMBEDDER,
                "{name} is not tested"
            );
        }
    }
}
