//! The packages that are published, and what each must carry to be built by somebody who
//! has nothing but its tarball.

use anyhow::{Context, Result, bail, ensure};

use crate::command::{ask, cargo, root, run};

/// Each with the files that it must carry besides [`EVERY`], in the order in which they
/// depend on each other.
pub const PUBLISHED: [(&str, &[&str]); 8] = [
    ("sandpool-sys", &[]),
    (
        "sandpool-derive",
        &["docs/from_value.md", "docs/to_value.md"],
    ),
    ("sandpool-value", &[]),
    ("sandpool-protocol", &["build.rs"]),
    (
        "sandpool-worker",
        &[
            "build.rs",
            "wit/host/host.wit",
            "wit/task.wit",
            "wit/world.wit",
        ],
    ),
    ("sandpool", &[]),
    (
        "sandpool-bench",
        &[
            "src/peers/peers.py",
            "src/peers/piscina.js",
            "src/peers/worker.js",
        ],
    ),
    (
        "sandpool-cli",
        &[
            "src/new/Cargo.toml.in",
            "src/new/README.md.in",
            "src/new/gitignore.in",
            "src/new/lib.rs.in",
            "src/new/rust-toolchain.toml.in",
            "src/new/world.wit.in",
        ],
    ),
];

const EVERY: [&str; 4] = ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// Asks cargo what each package would carry; an error names the first file that is missing.
pub fn check_lists() -> Result<()> {
    for (package, own) in PUBLISHED {
        let mut list = cargo(root());
        list.args(["package", "--list", "--allow-dirty", "--offline"]);
        let files = ask(list.args(["--package", package]))
            .with_context(|| format!("`cargo package --list --package {package}` failed"))?;
        for wanted in EVERY.iter().chain(own) {
            let is_there = files.lines().any(|file| file == *wanted);
            ensure!(is_there, "the package `{package}` has no `{wanted}`");
        }
    }
    Ok(())
}

/// Packs every package and builds it from its own tarball, where it finds the others of
/// its version as a registry would hand them out. Compiles wasmtime from nothing.
pub fn build() -> Result<()> {
    let mut package = cargo(root());
    package.args(["package", "--allow-dirty"]);
    for (name, _) in PUBLISHED {
        package.args(["--package", name]);
    }
    run(&mut package)
}

/// The manifests of the published packages, by name.
pub fn manifests() -> Result<Vec<(&'static str, String)>> {
    let read = |(name, _): (&'static str, _)| {
        let folder = match name.strip_prefix("sandpool-") {
            Some(role) => role,
            None => name,
        };
        let path = root().join("host").join(folder).join("Cargo.toml");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        if !text.contains(&format!("name = \"{name}\"\n")) {
            bail!("`{}` is not the manifest of `{name}`", path.display());
        }
        Ok((name, text))
    };
    PUBLISHED.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_carries_what_it_is_built_from() {
        check_lists().expect("complete");
    }

    #[test]
    fn every_package_of_the_workspace_is_published_or_says_that_it_is_not() {
        let published = PUBLISHED.map(|(name, _)| name);
        for (name, manifest) in crate::checks::members() {
            let is_private = manifest.contains("\npublish = false\n");
            assert_eq!(!is_private, published.contains(&&*name), "{name}");
        }
    }
}
