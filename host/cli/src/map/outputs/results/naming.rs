//! The names of results: placeholders as a TEMPLATE has them, filled with an input's
//! values.
//!
//! Values are data of anybody's. A name that they make stays within the folder, or it
//! is refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::map::inputs::Shape;
use crate::map::template::Word;
use crate::report::Failure;

/// Names of ours begin so, as long as a result is not whole.
pub const UNFINISHED: &str = ".sandpool-";

/// The longest name of a file that Linux knows.
const MAX_NAME_LEN: usize = 255;

/// The form of the result of each input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultLayout {
    File,
    Folder,
}

/// A path with placeholders in it.
#[derive(Debug)]
pub struct Pattern {
    folder: PathBuf,
    /// The rest of the name.
    name: Word,
    layout: ResultLayout,
}

impl Pattern {
    /// Reads what `--results` says; `None` if no placeholder is in it.
    pub fn read(text: &str, shape: &Shape) -> Result<Option<Self>, Failure> {
        if !text.contains('{') {
            return Ok(None);
        }
        let (path, layout) = match text.trim_end_matches('/') {
            path if path.len() < text.len() => (path, ResultLayout::Folder),
            path => (path, ResultLayout::File),
        };
        let mut name = Word::read(path, shape)?;
        if let Some(stray) = name.braces() {
            let columns = match shape.columns.as_slice() {
                [] => String::new(),
                columns => format!(", and the columns are {}", columns.join(", ")),
            };
            return Err(Failure::usage(format!(
                "`{stray}`, in `--results`, is not a placeholder{columns}"
            ))
            .hint("`sandpool map --help` lists them"));
        }
        if !name.has_placeholder() {
            return Ok(None);
        }
        let folder = match name.take_folder() {
            folder if folder.is_empty() => PathBuf::from("."),
            folder => PathBuf::from(folder),
        };
        Ok(Some(Pattern {
            folder,
            name,
            layout,
        }))
    }

    /// The folder that all names are in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn layout(&self) -> ResultLayout {
        self.layout
    }

    /// The name for an input, below the folder. `Err` says why it can have none.
    fn of(&self, values: &[&str], number: u64) -> Result<String, String> {
        let name = self.name.fill(values, number);
        below(&name).map_err(|why| {
            let shown = sandpool::value::quoted(&name);
            let folder = self.folder.display();
            format!("its result would be {shown} in `{folder}`, {why}")
        })
    }
}

/// The path of a result, as it is shown.
pub fn shown(folder: &Path, name: &str) -> String {
    match folder == Path::new(".") {
        true => name.to_owned(),
        false => folder.join(name).display().to_string(),
    }
}

/// The path without what means nothing in it, if it stays where it is.
fn below(path: &str) -> Result<String, &'static str> {
    const OUTSIDE: &str = "which is outside that folder";
    if path.starts_with('/') {
        return Err(OUTSIDE);
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(OUTSIDE),
            part if part.len() > MAX_NAME_LEN => return Err("which is too long for a file name"),
            part if part.contains('\0') => {
                return Err("but a file name cannot contain a NUL character");
            }
            part if part.starts_with(UNFINISHED) => {
                return Err("but names that begin with `.sandpool-` are reserved");
            }
            part => parts.push(part),
        }
    }
    match parts.is_empty() || path.ends_with('/') {
        true => Err("which is not a file name"),
        false => Ok(parts.join("/")),
    }
}

/// Makes names of inputs, if results are named after them.
#[derive(Clone, Debug, Default)]
pub struct Naming(Option<Arc<Pattern>>);

/// The name of an input's result; `Err` says why it can have none.
pub type Name = Result<Box<str>, String>;

impl Naming {
    pub fn new(pattern: Option<Arc<Pattern>>) -> Self {
        Naming(pattern)
    }

    /// Returns the name of a result in errors.
    pub fn shown(&self, name: &str) -> String {
        match &self.0 {
            Some(pattern) => shown(pattern.folder(), name),
            None => name.to_owned(),
        }
    }

    /// The name for the `number`th input, which has these values; `None` if results are
    /// not named after inputs.
    pub fn of(&self, values: &[&str], number: u64) -> Option<Name> {
        let pattern = self.0.as_ref()?;
        Some(pattern.of(values, number).map(String::into_boxed_str))
    }

    /// The same for a value that need not be text.
    pub fn of_bytes(&self, value: &[u8], number: u64) -> Option<Name> {
        self.0.as_ref()?;
        match std::str::from_utf8(value) {
            Ok(value) => self.of(&[value], number),
            Err(_) => Some(Err("it is not UTF-8 and cannot name its result".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        let pattern = Pattern::read(text, &Shape::lines()).unwrap();
        pattern.expect("there is a placeholder in it")
    }

    fn name(text: &str, value: &str) -> Result<String, String> {
        pattern(text).of(&[value], 3)
    }

    #[test]
    fn a_pattern_is_a_folder_and_a_name_in_it() {
        let parts = |text: &str| {
            let pattern = pattern(text);
            let name = pattern.of(&["d/a.jpg"], 3).unwrap();
            let folder = pattern.folder().display().to_string();
            (folder, name, pattern.layout() == ResultLayout::Folder)
        };
        let of = |folder: &str, name: &str, layout| (folder.to_owned(), name.to_owned(), layout);
        assert_eq!(parts("out/{/.}.png"), of("out", "a.png", false));
        assert_eq!(parts("{.}.png"), of(".", "d/a.png", false));
        assert_eq!(parts("/x/y/z-{#}-{/}"), of("/x/y", "z-3-a.jpg", false));
        assert_eq!(parts("../o/{//}/{/.}/"), of("../o", "d/a", true));
        assert_eq!(parts("/{#}"), of("/", "3", false));
        assert!(Pattern::read("out", &Shape::lines()).unwrap().is_none());
    }

    #[test]
    fn no_input_leads_out_of_the_folder() {
        for path in ["../x", "a/../../x", "/etc/passwd", "..", "a/..", "//x"] {
            let why = name("out/{}", path).unwrap_err();
            assert!(why.ends_with("which is outside that folder"), "{why}");
        }
        for path in ["", "/", "a/", ".", "./.", "a\0b", ".sandpool-3"] {
            assert!(name("out/{}", path).is_err(), "{path:?}");
        }
        assert!(name("out/{}", &"x".repeat(256)).is_err());
        assert_eq!(name("out/{//}/{/}", "a").unwrap(), "a");
        assert_eq!(name("out/{}", "a//./b").unwrap(), "a/b");
        assert_eq!(name("out/x{}", "/b").unwrap(), "x/b");
        assert_eq!(name("out/{/}.txt", "../b").unwrap(), "b.txt");
        assert_eq!(name("out/{}", "...").unwrap(), "...");
    }

    #[test]
    fn a_placeholder_that_means_nothing_is_refused() {
        let shape = Shape::table(&["id", "name"]);
        let read = |text: &str| Pattern::read(text, &shape);
        assert!(read("out/{id}-{name/.}").unwrap().is_some());
        assert!(read("out/{nam}.png").is_err());
        assert!(read("out/{3}").is_err());
    }
}
