//! The modules of its own crate that a source file names, by the paths in its code that
//! begin with `crate::` or `super::`. Knows the shape that rustfmt gives to code.

use std::path::Path;

/// A path that a file names, from the crate's root, and the line on which it begins.
#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    pub line: usize,
    pub path: Vec<String>,
}

/// The path of a file's module from the crate's root: `pool/worker/mod.rs` is
/// `pool::worker`. `file` is relative to `src`.
pub fn module_of(file: &Path) -> Vec<String> {
    let without_ending = file.with_extension("");
    let parts = without_ending.iter().map(|part| part.to_string_lossy());
    let mut module: Vec<String> = parts.map(String::from).collect();
    module.pop_if(|last| last == "mod");
    module
}

/// The imports of a file, and the paths that its code spells out.
pub fn imports(module: &[String], code: &str) -> Vec<Import> {
    let mut found = Vec::new();
    let mut inner: Vec<(usize, String)> = Vec::new();
    let mut offset = 0;
    for (line, text) in code.split_inclusive('\n').enumerate() {
        let trimmed = text.trim();
        let indent = text.len() - text.trim_start().len();
        if trimmed == "}" {
            inner.pop_if(|(opened_at, _)| *opened_at == indent);
        }
        if let Some(name) = inline_module(trimmed) {
            inner.push((indent, name.to_owned()));
        }
        let names = inner.iter().map(|(_, name)| name.clone());
        let here: Vec<String> = module.iter().cloned().chain(names).collect();
        for at in beginnings(text) {
            let mut paths = Vec::new();
            tree(&code[offset + at..], &[], &mut paths);
            let resolved = paths.iter().map(|path| resolve(&here, path));
            found.extend(resolved.map(|path| Import {
                line: line + 1,
                path,
            }));
        }
        offset += text.len();
    }
    found
}

/// The name of the module that a line opens.
fn inline_module(line: &str) -> Option<&str> {
    let opened = line.strip_suffix(" {")?;
    let (before, name) = opened.rsplit_once(' ').unwrap_or(("", opened));
    (before == "mod" || before.ends_with(" mod")).then_some(name)
}

/// Where a path that begins with `crate::` or `super::` stands in a line.
fn beginnings(line: &str) -> Vec<usize> {
    let in_a_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let stand_alone = |at: &usize| !line[..*at].ends_with(in_a_path);
    let starts = ["crate::", "super::"].into_iter();
    starts
        .flat_map(|start| line.match_indices(start).map(|(at, _)| at))
        .filter(stand_alone)
        .collect()
}

/// Reads a path or a tree of them; returns the text behind it.
fn tree<'a>(text: &'a str, before: &[&'a str], found: &mut Vec<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
            if rest.is_empty() {
                return rest;
            }
            if let Some(behind) = rest.strip_prefix('}') {
                return behind;
            }
            rest = tree(rest, before, found);
        }
    }
    let in_name = |c: char| c.is_alphanumeric() || c == '_' || c == '*';
    let end = text.find(|c| !in_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let path = [before, &[name]].concat();
    match rest.strip_prefix("::") {
        Some(deeper) if !name.is_empty() && !deeper.starts_with('<') => tree(deeper, &path, found),
        _ => {
            found.push(path.into_iter().map(String::from).collect());
            // Behind `as NAME`, or whatever cannot be read.
            &rest[rest.find([',', '}', ';']).unwrap_or(rest.len())..]
        }
    }
}

/// A path of the module `here`, from the crate's root.
fn resolve(here: &[String], path: &[String]) -> Vec<String> {
    let ups = path.iter().take_while(|part| *part == "super").count();
    match path[0] == "crate" {
        true => path[1..].to_vec(),
        false => [&here[..here.len() - ups.min(here.len())], &path[ups..]].concat(),
    }
}

#[test]
fn paths_are_read_from_code_and_from_uses() {
    let code = "\
use std::fmt;
use super::pace::Pace;
use crate::pool::{
    keys::{KeyId, WorkerKey as Key},
    scheduler,
};

pub(super) fn run(x: u32) -> crate::notify::Notify {
    super::super::hand_out::run::<super::Task>(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use super::super::clock;
}

use super::window;
";
    let module = module_of(Path::new("pool/worker/handle.rs"));
    let imports = imports(&module, code);
    let found = imports.iter().map(|it| (it.line, it.path.join("::")));
    let found: Vec<(usize, String)> = found.collect();
    let expected = [
        (2, "pool::worker::pace::Pace"),
        (3, "pool::keys::KeyId"),
        (3, "pool::keys::WorkerKey"),
        (3, "pool::scheduler"),
        (8, "notify::Notify"),
        (9, "pool::hand_out::run"),
        (9, "pool::worker::Task"),
        (14, "pool::worker::handle::*"),
        (15, "pool::worker::clock"),
        (18, "pool::worker::window"),
    ];
    let expected = expected.map(|(line, path)| (line, path.to_owned()));
    assert_eq!(found, expected);
    assert_eq!(module_of(Path::new("pool/worker/mod.rs")).len(), 2);
}
