//! Checks the conditions for a release, and reports them.
//!
//! Nothing here changes a file, makes a tag or publishes anything: that is for a person
//! and for `.github/workflows/release.yml`.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::command::{ask, root};
use crate::packages;

/// Checks all that a release needs, says of each whether it is there, and then what is
/// left to do. `tag` is the tag that is to be released, where there is one already.
pub fn check(tag: Option<&str>) -> Result<()> {
    let workspace = read("Cargo.toml")?;
    let version = version(&workspace)?;
    println!("== release of {version}");
    let checks = [
        ("versions", versions(&workspace, &version)),
        (
            "changelog",
            read("CHANGELOG.md").and_then(|text| section(&text, &version).map(drop)),
        ),
        ("packages", packages::check_lists()),
        ("work tree", is_clean()),
        ("tag", is_tagged(tag, &version)),
    ];
    let mut missing = 0;
    for (name, result) in &checks {
        match result {
            Ok(()) => println!("  ok       {name}"),
            Err(error) => {
                missing += 1;
                println!("  missing  {name}: {error:#}");
            }
        }
    }
    ensure!(
        missing == 0,
        "{version} is not ready: {missing} of {} checks failed",
        checks.len()
    );
    match tag {
        Some(tag) => println!("{tag} is ready"),
        None => println!("{}", what_is_left(&version)),
    }
    Ok(())
}

/// Prints the section of the changelog that tells of the version in Cargo.toml.
pub fn print_notes() -> Result<()> {
    let version = version(&read("Cargo.toml")?)?;
    println!("{}", section(&read("CHANGELOG.md")?, &version)?);
    Ok(())
}

fn read(file: &str) -> Result<String> {
    fs::read_to_string(root().join(file)).with_context(|| format!("cannot read `{file}`"))
}

fn what_is_left(version: &str) -> String {
    format!(
        "{version} is ready. What is left:\n  \
         cargo xtask test && cargo xtask soak   # where they have not passed for this commit\n  \
         git tag --annotate v{version} --message 'sandpool {version}'\n  \
         git push origin v{version}             # the release workflow tests, builds, publishes\n\
         By hand, without the workflow: cargo publish --workspace"
    )
}

/// The version of the workspace, which all packages have.
fn version(workspace: &str) -> Result<String> {
    let section = section_of_manifest(workspace, "workspace.package");
    let line = section.and_then(|lines| lines.lines().find_map(|l| l.strip_prefix("version = ")));
    let version = line.context("Cargo.toml has no version in [workspace.package]")?;
    Ok(version.trim_matches('"').to_owned())
}

fn section_of_manifest<'a>(manifest: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = manifest.split_once(&format!("[{name}]\n"))?;
    Some(rest.split_once("\n[").map_or(rest, |(section, _)| section))
}

/// All packages have the workspace's version, and name each other by exactly that: what
/// they say to each other changes without notice.
fn versions(workspace: &str, version: &str) -> Result<()> {
    let ours = section_of_manifest(workspace, "workspace.dependencies").unwrap_or_default();
    for (name, manifest) in packages::manifests()? {
        ensure!(
            manifest.contains("\nversion.workspace = true\n"),
            "`{name}` has a version of its own"
        );
        check_dependencies(name, &manifest)?;
        // Nothing depends on the command.
        if name == "sandpool-cli" {
            continue;
        }
        let wanted = format!("{name} = {{ version = \"={version}\", path = ");
        ensure!(
            ours.lines().any(|line| line.starts_with(&wanted)),
            "[workspace.dependencies] does not name `{name}` by the version \"={version}\""
        );
    }
    Ok(())
}

/// A manifest leaves the versions of ours to the workspace.
fn check_dependencies(name: &str, manifest: &str) -> Result<()> {
    let lines = manifest.lines().filter(|line| line.starts_with("sandpool"));
    for line in lines.filter(|line| line.contains('=')) {
        ensure!(
            line.contains("workspace = true"),
            "`{name}` names a version by itself: {line}"
        );
    }
    Ok(())
}

/// The changelog's section of a version: it has a date, and nothing waits above it.
fn section<'a>(changelog: &'a str, version: &str) -> Result<&'a str> {
    let sections: Vec<_> = changelog.split("\n## [").skip(1).collect();
    let find = |name: &str| {
        let mut found = sections.iter().filter_map(|section| {
            let (heading, text) = section.split_once('\n')?;
            let (title, rest) = heading.split_once(']')?;
            (title == name).then_some((rest, text))
        });
        found.next()
    };
    if let Some((_, waiting)) = find("Unreleased")
        && has_entries(waiting)
    {
        bail!("entries are still under [Unreleased]");
    }
    let (date, text) = find(version).with_context(|| format!("there is no section [{version}]"))?;
    ensure!(
        is_date(date.trim_start_matches(" - ")),
        "the section [{version}] has no date, as in `## [{version}] - 2026-01-31`"
    );
    ensure!(has_entries(text), "the section [{version}] says nothing");
    // The links of the whole file stand at its end.
    let end = text.find("\n[Unreleased]: ").unwrap_or(text.len());
    Ok(text[..end].trim())
}

fn has_entries(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("- "))
}

fn is_date(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let widths: Vec<_> = parts.iter().map(|part| part.len()).collect();
    let digits = |part: &&str| part.chars().all(|c| c.is_ascii_digit());
    widths == [4, 2, 2] && parts.iter().all(digits)
}

/// Checks that the work tree is clean: a release is a commit.
fn is_clean() -> Result<()> {
    let mut status = Command::new("git");
    status.args(["status", "--porcelain"]).current_dir(root());
    let changes = ask(&mut status).context("`git status` failed")?;
    if let Some(first) = changes.lines().next() {
        bail!(
            "{} files are not committed: {first} ...",
            changes.lines().count()
        );
    }
    Ok(())
}

/// A version is tagged once, and by its name.
fn is_tagged(tag: Option<&str>, version: &str) -> Result<()> {
    let name = format!("v{version}");
    if let Some(tag) = tag {
        ensure!(
            tag == name,
            "the tag is `{tag}`, the version wants `{name}`"
        );
        return Ok(());
    }
    let mut list = Command::new("git");
    list.args(["tag", "--list", &name]).current_dir(root());
    let found = ask(&mut list).context("`git tag` failed")?;
    ensure!(found.is_empty(), "`{name}` was tagged before");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packages_have_one_version_and_the_changelog_tells_of_it() {
        let workspace = read("Cargo.toml").expect("there");
        let version = version(&workspace).expect("a version");
        versions(&workspace, &version).expect("equal");
        let other = versions(&workspace, "9.9.9").expect_err("not equal");
        assert!(other.to_string().contains("\"=9.9.9\""), "{other}");
    }

    #[test]
    fn a_package_does_not_name_versions_of_ours_by_itself() {
        check_dependencies("a", "name = \"sandpool\"\nsandpool-sys.workspace = true\n")
            .expect("so");
        let error = check_dependencies("a", "sandpool-sys = \"1\"\n").expect_err("refused");
        assert!(
            error.to_string().contains("sandpool-sys = \"1\""),
            "{error}"
        );
    }

    #[test]
    fn a_release_has_a_dated_section_of_its_own_and_leaves_nothing_unreleased() {
        let changelog = |unreleased: &str, heading: &str, entry: &str| {
            format!(
                "# Changelog\n\n## [Unreleased]\n{unreleased}\n## [{heading}\n\n### Added\n\n{entry}\n\n\
                 ## [0.0.1] - 2020-01-01\n\n- Old.\n\n[Unreleased]: https://x\n"
            )
        };
        let good = changelog("", "0.1.0] - 2026-01-31", "- New.");
        assert_eq!(
            section(&good, "0.1.0").expect("good"),
            "### Added\n\n- New."
        );
        assert_eq!(section(&good, "0.0.1").expect("good"), "- Old.");
        for (text, reason) in [
            (
                changelog("- More.\n", "0.1.0] - 2026-01-31", "- New."),
                "[Unreleased]",
            ),
            (changelog("", "0.2.0] - 2026-01-31", "- New."), "no section"),
            (changelog("", "0.1.0]", "- New."), "no date"),
            (changelog("", "0.1.0] - soon", "- New."), "no date"),
            (changelog("", "0.1.0] - 2026-01-31", ""), "says nothing"),
        ] {
            let error = section(&text, "0.1.0").expect_err(reason);
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn a_tag_is_named_after_its_version() {
        is_tagged(Some("v1.2.3"), "1.2.3").expect("so");
        is_tagged(Some("1.2.3"), "1.2.3").expect_err("without the v");
    }
}
