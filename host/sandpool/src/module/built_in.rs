//! Modules by name: `python` is a file `python.wasm` in one of a few folders.

use std::env;
use std::path::{Component, Path, PathBuf};

use super::error::Problem;

/// The variable that names a folder of modules, or several as in `$PATH`.
const VARIABLE: &str = "SANDPOOL_MODULES";

/// Returns the name of a built-in module, if that is what a path is: a word without `/` and
/// `.`. A file in the working directory is `./python`.
pub(super) fn name_of(path: &Path) -> Option<&str> {
    let text = path.to_str()?;
    let is_word = !text.is_empty() && !text.contains(['/', '.']);
    is_word.then_some(text)
}

/// Finds the file of a built-in module. `worker` is the program that workers are, beside
/// which one is looked for too.
pub(super) fn find(name: &str, worker: &Path) -> Result<PathBuf, Problem> {
    let folders = folders(worker);
    let mut files = folders
        .iter()
        .map(|folder| folder.join(format!("{name}.wasm")));
    let found = files.find(|file| file.is_file());
    found.ok_or_else(|| Problem::NoBuiltIn {
        name: name.to_owned(),
        folders,
    })
}

/// Returns the folders in which built-in modules are looked for, the first one first.
fn folders(worker: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(named) = env::var_os(VARIABLE) {
        folders.extend(env::split_paths(&named).filter(|folder| !folder.as_os_str().is_empty()));
    }
    let programs = [env::current_exe().ok(), worker.canonicalize().ok()];
    for program in programs.into_iter().flatten() {
        for folder in folders_of(&program) {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
    }
    folders
}

/// Returns the folders that belong to a program: its own, the one of an installation, and
/// that of a checkout.
fn folders_of(program: &Path) -> Vec<PathBuf> {
    let Some(folder) = program.parent() else {
        return Vec::new();
    };
    let mut folders = vec![folder.to_owned()];
    if let Some(prefix) = folder.parent() {
        folders.push(prefix.join("share/sandpool"));
    }
    let is_target = |folder: &&Path| {
        let last = folder.components().next_back();
        last == Some(Component::Normal("target".as_ref()))
    };
    folders.extend(
        folder
            .ancestors()
            .find(is_target)
            .map(|it| it.join("guests")),
    );
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_without_a_slash_and_a_dot_is_a_name() {
        assert_eq!(name_of(Path::new("python")), Some("python"));
        for path in [
            "./python",
            "python.wasm",
            "a/python",
            "/python",
            "",
            ".",
            "..",
        ] {
            assert_eq!(name_of(Path::new(path)), None, "{path}");
        }
    }

    #[test]
    fn a_program_has_its_own_folder_the_installations_and_the_checkouts() {
        let of = |program: &str| -> Vec<String> {
            let folders = folders_of(Path::new(program));
            let shown = folders.iter().map(|folder| folder.display().to_string());
            shown.collect()
        };
        assert_eq!(of("/usr/bin/sandpool"), ["/usr/bin", "/usr/share/sandpool"]);
        assert_eq!(
            of("/src/target/debug/deps/it-1"),
            [
                "/src/target/debug/deps",
                "/src/target/debug/share/sandpool",
                "/src/target/guests"
            ]
        );
    }

    #[test]
    fn a_module_that_is_nowhere_is_told_with_the_places() {
        let problem = find("no-such-module", Path::new("/bin/sh"));
        let problem = problem.expect_err("nobody has it").to_string();
        assert!(
            problem.starts_with("no module of this name is installed"),
            "{problem}"
        );
        assert!(problem.contains("/share/sandpool`"), "{problem}");
        assert!(problem.contains("`./no-such-module`"), "{problem}");
    }
}
