//! A check that a project made by `sandpool new` does as its README says: it is made,
//! tested natively, built for the pool, and called through the command.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::command::{ask, cargo, root, run};
use crate::guests;
use crate::toolchain::{TARGET, Toolchain};

const NAME: &str = "new-task";

/// Makes a project beneath `target/` and tries it.
pub fn check(toolchain: &Toolchain) -> Result<()> {
    let folder = root().join("target/new-project");
    let project = folder.join(NAME);
    // The build folder of an earlier project stays beside it.
    if project.exists() {
        fs::remove_dir_all(&project)
            .with_context(|| format!("cannot remove `{}`", project.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    run(sandpool().arg("new").arg(&project))?;
    // The crates that the guests use are here already; their newest ones may not.
    let lock = guests::source().join("Cargo.lock");
    fs::copy(lock, project.join("Cargo.lock")).context("cannot copy the guests' Cargo.lock")?;

    run(cargo(&project).args(["fmt", "--check"]))?;
    let native = folder.join("native");
    run(cargo(&project).arg("test").arg("--target-dir").arg(native))?;
    let target = guests::target_folder();
    run(&mut toolchain.cargo(&project, &target, "build"))?;
    let module = target.join(TARGET).join("release/new_task.wasm");
    expect(&module, &["greet", "Ada"], r#""Hello, Ada!""#)?;
    expect(
        &module,
        &["summarize", "[1, 2, 6]"],
        r#"{"least":1.0,"greatest":6.0,"mean":3.0}"#,
    )
}

/// Calls a function of the module and compares what is printed.
fn expect(module: &Path, words: &[&str], printed: &str) -> Result<()> {
    let got = ask(sandpool().arg("apply").arg(module).args(words));
    println!(
        "{} prints {}",
        words.join(" "),
        got.as_deref().unwrap_or("nothing")
    );
    ensure!(
        got.as_deref() == Some(printed),
        "`sandpool apply` of `{}` should print {printed}",
        words.join(" ")
    );
    Ok(())
}

/// The command, built if it has to be.
fn sandpool() -> std::process::Command {
    let mut cargo = cargo(root());
    cargo.args([
        "run",
        "--quiet",
        "--package",
        "sandpool-cli",
        "--bin",
        "sandpool",
        "--",
    ]);
    cargo
}
