//! The words that `map` gives to a command module for each input, with GNU
//! parallel's placeholders in them.
//!
//! No shell is involved: a value with spaces stays one word, and nothing in it
//! is filled in again.

use super::inputs::Shape;
use crate::report::Failure;
use crate::shell;

/// The words after `--`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// As a shell would take them.
    text: String,
    words: Vec<Vec<Piece>>,
    /// No word says where the values stand: they come last.
    appends: bool,
}

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// `{#}`: the input's number, from 1.
    Number,
    Value(ValueChoice, PathPart),
}

/// Of an input's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ValueChoice {
    All,
    /// From 0.
    One(usize),
}

/// The part of a value that is wanted, taken as a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PathPart {
    Whole,
    /// `.`: without its extension.
    Stem,
    /// `/`: behind its last slash.
    Name,
    /// `//`: the folder that it is in.
    Folder,
    /// `/.`: the name without its extension.
    NameStem,
}

/// The spelling of each part, before the closing brace; the longest first, so that `//`
/// is not taken for `/`.
const PARTS: [(&str, PathPart); 5] = [
    ("//", PathPart::Folder),
    ("/.", PathPart::NameStem),
    ("/", PathPart::Name),
    (".", PathPart::Stem),
    ("", PathPart::Whole),
];

impl Template {
    /// Takes words apart, for inputs of this shape.
    pub fn new(words: &[String], shape: &Shape) -> Result<Self, Failure> {
        let quoted: Vec<_> = words.iter().map(|word| shell::quote(word)).collect();
        let text = quoted.join(" ");
        let words = words
            .iter()
            .map(|word| pieces(word, shape))
            .collect::<Result<Vec<_>, _>>()?;
        let mut placed = words.iter().flatten();
        let named = placed.any(|piece| !matches!(piece, Piece::Text(_)));
        Ok(Template {
            text,
            words,
            appends: !named && !shape.on_stdin,
        })
    }

    /// Returns whether an input's values stand in the words.
    pub fn has_values(&self) -> bool {
        let mut pieces = self.words.iter().flatten();
        self.appends || pieces.any(|piece| matches!(piece, Piece::Value(..)))
    }

    /// The words, as a shell would take them.
    pub fn describe(&self) -> &str {
        &self.text
    }

    /// The arguments for the input with these values, the `number`th.
    pub fn fill(&self, values: &[&str], number: u64) -> Vec<String> {
        let mut filled = Vec::with_capacity(self.words.len() + values.len());
        for word in &self.words {
            match word.as_slice() {
                // Alone in its word, it is as many words as there are values.
                [Piece::Value(ValueChoice::All, part)] => {
                    filled.extend(values.iter().map(|value| part.of(value).to_owned()));
                }
                pieces => filled.push(fill(pieces, values, number)),
            }
        }
        if self.appends {
            filled.extend(values.iter().map(ToString::to_string));
        }
        filled
    }
}

/// A single word with placeholders, which several values are joined in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word(Vec<Piece>);

impl Word {
    /// Takes a word apart, for inputs of this shape.
    pub fn read(word: &str, shape: &Shape) -> Result<Self, Failure> {
        pieces(word, shape).map(Word)
    }

    /// The word for the input with these values, the `number`th.
    pub fn fill(&self, values: &[&str], number: u64) -> String {
        fill(&self.0, values, number)
    }

    pub fn has_placeholder(&self) -> bool {
        let mut pieces = self.0.iter();
        pieces.any(|piece| !matches!(piece, Piece::Text(_)))
    }

    /// Something in braces that is no placeholder, if there is such a thing.
    pub fn braces(&self) -> Option<&str> {
        self.0.iter().find_map(|piece| {
            let Piece::Text(text) = piece else {
                return None;
            };
            let inside = &text[text.find('{')?..];
            Some(&inside[..=inside.find('}')?])
        })
    }

    /// Takes away the folder that the word begins with, as far as it is the same for
    /// all inputs: nothing, if there is none.
    pub fn take_folder(&mut self) -> String {
        let Some(Piece::Text(text)) = self.0.first_mut() else {
            return String::new();
        };
        let Some(end) = text.rfind('/') else {
            return String::new();
        };
        let name = text.split_off(end + 1);
        let folder = std::mem::replace(text, name);
        match folder.trim_end_matches('/') {
            "" => "/".to_owned(),
            folder => folder.to_owned(),
        }
    }
}

fn fill(pieces: &[Piece], values: &[&str], number: u64) -> String {
    let mut word = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => word.push_str(text),
            Piece::Number => word.push_str(&number.to_string()),
            Piece::Value(ValueChoice::One(index), part) => {
                word.push_str(values.get(*index).map_or("", |value| part.of(value)));
            }
            Piece::Value(ValueChoice::All, part) => {
                let parts: Vec<_> = values.iter().map(|value| part.of(value)).collect();
                word.push_str(&parts.join(" "));
            }
        }
    }
    word
}

fn pieces(word: &str, shape: &Shape) -> Result<Vec<Piece>, Failure> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = word;
    while let Some(open) = rest.find('{') {
        let (before, inside) = rest.split_at(open);
        text.push_str(before);
        let close = inside.find('}');
        let name = close.map(|close| &inside[1..close]);
        match name.map(|name| placeholder(name, shape)).transpose()? {
            Some(Some(piece)) => {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(piece);
                rest = &inside[close.map_or(1, |close| close + 1)..];
            }
            // Braces that mean nothing are the command's own.
            _ => {
                text.push('{');
                rest = &inside[1..];
            }
        }
    }
    text.push_str(rest);
    if !text.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

/// Reads the text between two braces; `None` if it means nothing.
fn placeholder(name: &str, shape: &Shape) -> Result<Option<Piece>, Failure> {
    if name == "#" {
        return Ok(Some(Piece::Number));
    }
    for (suffix, part) in PARTS {
        let Some(which) = name.strip_suffix(suffix) else {
            continue;
        };
        let index = match which {
            "" => {
                refuse_on_stdin(name, shape)?;
                return Ok(Some(Piece::Value(ValueChoice::All, part)));
            }
            which => match which.parse::<i64>() {
                Ok(place) => {
                    refuse_on_stdin(name, shape)?;
                    Some(nth(place, shape).ok_or_else(|| too_far(name, shape))?)
                }
                Err(_) => shape.columns.iter().position(|column| column == which),
            },
        };
        if let Some(index) = index {
            return Ok(Some(Piece::Value(ValueChoice::One(index), part)));
        }
    }
    Ok(None)
}

/// The index that a place means: 1 is the first value, -1 the last.
fn nth(place: i64, shape: &Shape) -> Option<usize> {
    let index = match place {
        1.. => usize::try_from(place).ok()? - 1,
        _ => shape
            .values
            .checked_sub(usize::try_from(place.checked_neg()?).ok()?)?,
    };
    (index < shape.values).then_some(index)
}

fn too_far(name: &str, shape: &Shape) -> Failure {
    let values = match shape.values {
        1 => "one value".to_owned(),
        several => format!("{several} values"),
    };
    Failure::usage(format!(
        "`{{{name}}}` stands for a value that does not exist: an input has {values}"
    ))
}

fn refuse_on_stdin(name: &str, shape: &Shape) -> Result<(), Failure> {
    match shape.on_stdin && shape.values == 0 {
        true => Err(Failure::usage(format!(
            "`{{{name}}}` has no meaning if the input is on stdin; `{{#}}` is its number"
        ))),
        false => Ok(()),
    }
}

impl PathPart {
    fn of(self, value: &str) -> &str {
        match self {
            PathPart::Whole => value,
            PathPart::Stem => stem(value),
            PathPart::Name => name(value),
            PathPart::NameStem => stem(name(value)),
            PathPart::Folder => folder(value),
        }
    }
}

/// Up to the last dot, unless a slash follows it.
fn stem(path: &str) -> &str {
    match path.rsplit_once('.') {
        Some((stem, extension)) if !extension.contains('/') => stem,
        _ => path,
    }
}

/// Returns the text after the last slash.
fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// As dirname(1) says it.
fn folder(path: &str) -> &str {
    let path = match path.trim_end_matches('/') {
        "" if path.starts_with('/') => return "/",
        path => path,
    };
    match path.rsplit_once('/').map(|(folder, _)| folder) {
        None => ".",
        Some(folder) => match folder.trim_end_matches('/') {
            "" => "/",
            folder => folder,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(words: &[&str], shape: &Shape) -> Result<Template, Failure> {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        Template::new(&words, shape)
    }

    fn fill(words: &[&str], line: &str) -> Vec<String> {
        new(words, &Shape::lines()).unwrap().fill(&[line], 3)
    }

    #[test]
    fn the_line_stands_where_the_braces_are() {
        assert_eq!(
            fill(&["-o", "{}.out", "{}{}"], "a b"),
            ["-o", "a b.out", "a ba b"]
        );
    }

    #[test]
    fn without_braces_the_line_is_the_last_word() {
        assert_eq!(fill(&["-l"], "a {} b"), ["-l", "a {} b"]);
        assert_eq!(fill(&[], "-x"), ["-x"]);
        assert_eq!(fill(&["-n", "{#}"], "x"), ["-n", "3"]);
    }

    #[test]
    fn braces_within_the_line_are_not_filled_again() {
        assert_eq!(fill(&["{}", "x"], "{}"), ["{}", "x"]);
    }

    #[test]
    fn braces_that_mean_nothing_are_left_alone() {
        for word in ["{", "}", "{{", "${HOME}", "{a,b}", "{ }", "{.}x{", "{#", ""] {
            let filled = fill(&[word], "a.b");
            assert_eq!(filled[0], word.replace("{.}", "a"), "{word}");
        }
        assert_eq!(fill(&["{{}}"], "x"), ["{x}"]);
    }

    #[test]
    fn parts_of_a_path_are_as_parallel_takes_them() {
        let parts = ["{}", "{.}", "{/}", "{//}", "{/.}"];
        let cases = [
            (
                "dir/file.tar.gz",
                ["dir/file.tar", "file.tar.gz", "dir", "file.tar"],
            ),
            ("file", ["file", "file", ".", "file"]),
            ("a.d/file", ["a.d/file", "file", "a.d", "file"]),
            ("/file.x", ["/file", "file.x", "/", "file"]),
            ("a//b/", ["a//b/", "", "a", ""]),
            ("/", ["/", "", "/", ""]),
            (".profile", ["", ".profile", ".", ""]),
        ];
        for (path, expected) in cases {
            assert_eq!(fill(&parts, path)[1..], expected, "{path}");
            assert_eq!(fill(&parts, path)[0], path);
        }
    }

    #[test]
    fn several_values_are_named_by_place_and_by_column() {
        let shape = Shape::table(&["name", "size", "2"]);
        let fill = |words: &[&str]| new(words, &shape).unwrap().fill(&["a/b.c", "7", "x y"], 1);
        assert_eq!(fill(&["{2}-{1/.}", "{-1}"]), ["7-b", "x y"]);
        assert_eq!(fill(&["{name}:{size}", "{name//}"]), ["a/b.c:7", "a"]);
        assert_eq!(fill(&["-v", "{}"]), ["-v", "a/b.c", "7", "x y"]);
        assert_eq!(fill(&["<{}>"]), ["<a/b.c 7 x y>"]);
        assert_eq!(fill(&["-v"]), ["-v", "a/b.c", "7", "x y"]);
        assert_eq!(fill(&["{none}"])[0], "{none}");
    }

    #[test]
    fn a_place_that_there_is_not_is_refused() {
        for word in ["{2}", "{0}", "{-2}", "{2/.}", "{99999999999999999999}"] {
            let result = new(&[word], &Shape::lines());
            // A word that is not a number is not a placeholder.
            assert_eq!(result.is_err(), word.len() < 20, "{word}");
        }
        let stdin = Shape {
            on_stdin: true,
            ..Shape::default()
        };
        assert!(new(&["{}"], &stdin).is_err());
        assert_eq!(new(&["-n{#}"], &stdin).unwrap().fill(&[], 2), ["-n2"]);
        assert_eq!(new(&["-l"], &stdin).unwrap().fill(&[], 2), ["-l"]);
    }
}
