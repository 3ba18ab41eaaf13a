//! Building the guest `python`: CPython, with its library and our code in a snapshot.
//!
//! The tool for that, componentize-py, comes from PyPI and is installed into a virtual
//! environment below `target/`. A machine without Python builds every other guest. The tool
//! links CPython from shared libraries, which are merged afterwards (`merge/`).

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{on_path, root, run};
use crate::merge;

/// The files of WIT packages, each before those that use it.
const WIT: [&str; 7] = [
    "guest-tasks/python/wit/deps/io.wit",
    "guest-tasks/python/wit/deps/cli.wit",
    "guest-tasks/python/wit/deps/filesystem.wit",
    "guest-tasks/python/wit/deps/http.wit",
    "wit/host/host.wit",
    "wit/script/script.wit",
    "guest-tasks/python/wit/world.wit",
];
const GUEST: &str = "guest-tasks/python";
const WORLD: &str = "sandpool:python/python";

/// Builds the guest below `target_folder`, if anything has changed since it was built.
/// Returns the module; nothing where Python or its packages are missing, which is said.
pub fn build(target_folder: &Path) -> Result<Option<PathBuf>> {
    let folder = target_folder.join("python");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let module = folder.join("python.wasm");
    let inputs = inputs()?;
    // Written last: a build that was cut short is done again.
    let record = folder.join("inputs");
    if module.is_file() && fs::read_to_string(&record).is_ok_and(|old| old == inputs) {
        return Ok(Some(module));
    }
    let environment = match environment(&folder)? {
        Ok(environment) => environment,
        Err(why) => {
            println!("not building the guest `python`: {why}");
            return Ok(None);
        }
    };
    let copy = folder.join("app");
    copy_sources(&copy)?;
    let mut componentize = Command::new(environment.join("bin/componentize-py"));
    componentize.current_dir(root());
    for file in WIT {
        componentize.args(["-d", file]);
    }
    let of_libraries = folder.join("of-libraries.wasm");
    componentize
        .args(["-w", WORLD, "componentize", "app", "-p"])
        .arg(&copy)
        .arg("-o")
        .arg(&of_libraries)
        // Where it looks for packages that the snapshot needs.
        .env("VIRTUAL_ENV", &environment);
    run(&mut componentize)?;
    let linked = fs::read(&of_libraries)
        .with_context(|| format!("cannot read `{}`", of_libraries.display()))?;
    let merged = merge::merge(&linked).context("cannot merge the libraries of `python`")?;
    fs::write(&module, merged).with_context(|| format!("cannot write `{}`", module.display()))?;
    fs::write(&record, inputs).with_context(|| format!("cannot write `{}`", record.display()))?;
    Ok(Some(module))
}

/// Returns the virtual environment with the packages of `requirements.txt`, which is made
/// where there is none yet; or the reason why there is none.
fn environment(folder: &Path) -> Result<Result<PathBuf, String>> {
    let environment = folder.join("venv");
    let requirements = root().join(GUEST).join("requirements.txt");
    let wanted = read(&requirements)?;
    let record = environment.join("requirements");
    if fs::read_to_string(&record).is_ok_and(|installed| installed == wanted) {
        return Ok(Ok(environment));
    }
    if let Err(why) = make_environment(&environment) {
        return Ok(Err(why));
    }
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet"])
        .args(["--disable-pip-version-check", "-r"])
        .arg(&requirements);
    if run(&mut pip).is_err() {
        return Ok(Err(
            "pip could not install `guest-tasks/python/requirements.txt`; is PyPI in reach?".into(),
        ));
    }
    fs::write(&record, wanted).with_context(|| format!("cannot write `{}`", record.display()))?;
    Ok(Ok(environment))
}

/// Makes an empty virtual environment; or returns the reason why there can be none.
pub fn make_environment(environment: &Path) -> Result<(), String> {
    let python = on_path("python3").ok_or("there is no `python3` on PATH")?;
    let mut venv = Command::new(python);
    venv.args(["-m", "venv", "--clear"]).arg(environment);
    run(&mut venv).map_err(|_| {
        "`python3 -m venv` failed; on Debian, `apt-get install python3-venv`".to_owned()
    })
}

/// Returns the texts of all files that the module is made of, one after the other.
fn inputs() -> Result<String> {
    let mut files: Vec<PathBuf> = WIT.iter().map(|file| root().join(file)).collect();
    files.push(root().join(GUEST).join("requirements.txt"));
    files.extend(sources()?.iter().map(|file| root().join(GUEST).join(file)));
    let mut inputs = String::new();
    for file in files {
        let _ = writeln!(inputs, "==> {}\n{}", file.display(), read(&file)?);
    }
    let _ = writeln!(inputs, "==> merge\n{}", merge::SOURCES.concat());
    Ok(inputs)
}

/// Returns the guest's own Python files, relative to its folder.
fn sources() -> Result<Vec<PathBuf>> {
    let package = root().join(GUEST).join("sandpool_guest");
    let mut files = vec![PathBuf::from("app.py")];
    for entry in
        fs::read_dir(&package).with_context(|| format!("cannot read `{}`", package.display()))?
    {
        let name = PathBuf::from(entry?.file_name());
        if name.extension().is_some_and(|extension| extension == "py") {
            files.push(Path::new("sandpool_guest").join(name));
        }
    }
    files.sort();
    Ok(files)
}

/// Copies the guest's Python files, since Python leaves compiled ones beside those that it
/// imports.
fn copy_sources(to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("cannot remove `{}`", to.display()))?;
    }
    let package = to.join("sandpool_guest");
    fs::create_dir_all(&package).with_context(|| format!("cannot make `{}`", package.display()))?;
    for file in sources()? {
        fs::copy(root().join(GUEST).join(&file), to.join(&file))
            .with_context(|| format!("cannot copy `{}`", file.display()))?;
    }
    Ok(())
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))
}
