//! The demo's real input: the text files of this repository.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// A text file, read.
pub struct TextFile {
    /// Its path within the repository.
    pub name: String,
    pub text: String,
}

/// Every text file of the repository in `root`: what git knows, or, where this
/// is no git checkout, all that lies there. What is not UTF-8 is no text.
pub fn text_files(root: &Path) -> Result<Vec<TextFile>> {
    let mut names = match listed_by_git(root) {
        Some(names) => names,
        None => walk(root)?,
    };
    names.sort();
    let mut files = Vec::new();
    for name in names {
        // Git also lists what was deleted and not yet committed, and links.
        let Ok(bytes) = fs::read(root.join(&name)) else {
            continue;
        };
        if let Ok(text) = String::from_utf8(bytes)
            && !text.contains('\0')
        {
            let name = name.display().to_string();
            files.push(TextFile { name, text });
        }
    }
    ensure!(
        !files.is_empty(),
        "there is no text file in `{}`",
        root.display()
    );
    Ok(files)
}

#[expect(
    clippy::disallowed_methods,
    reason = "git is no child of a pool, and is waited for right here"
)]
fn listed_by_git(root: &Path) -> Option<Vec<PathBuf>> {
    let output = std::process::Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["ls-files", "-z"])
        .output()
        .ok()?;
    let names = String::from_utf8(output.stdout).ok()?;
    let names: Vec<PathBuf> = names.split_terminator('\0').map(PathBuf::from).collect();
    (output.status.success() && !names.is_empty()).then_some(names)
}

/// All files below `root`, without hidden folders and without `target/`, which
/// holds what was built from the others.
fn walk(root: &Path) -> Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            let name = entry.file_name();
            if kind.is_dir() && name != "target" && !name.as_encoded_bytes().starts_with(b".") {
                folders.push(entry.path());
            } else if kind.is_file() {
                names.push(entry.path().strip_prefix(root)?.to_owned());
            }
        }
    }
    Ok(names)
}
