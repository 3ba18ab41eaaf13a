//! `:::` and its like, as GNU parallel has them: inputs on the command line.
//! They are split off before the flags are read, since all that follows is data.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::report::Failure;

/// Where one value of each input comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    /// True if it goes along with those before it (`:::+`), instead of being combined
    /// with each of them.
    pub linked: bool,
    pub origin: ValuesSource,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValuesSource {
    /// `:::`: the words themselves.
    Words(Vec<OsString>),
    /// `::::`: the lines of a file.
    Lines(PathBuf),
}

/// A separator's continuation.
#[derive(Clone, Copy)]
struct Separator {
    files: bool,
    linked: bool,
}

fn separator(word: &OsString) -> Option<Separator> {
    let (files, linked) = match word.to_str()? {
        ":::" => (false, false),
        ":::+" => (false, true),
        "::::" => (true, false),
        "::::+" => (true, true),
        _ => return None,
    };
    Some(Separator { files, linked })
}

/// Takes from the words of a command line what stands behind its first `:::`.
pub fn split_off(words: &mut Vec<OsString>) -> Result<Vec<Values>, Failure> {
    let Some(first) = words.iter().position(|word| separator(word).is_some()) else {
        return Ok(Vec::new());
    };
    let behind = words.split_off(first);
    let mut all: Vec<(Separator, Vec<OsString>)> = Vec::new();
    for word in behind {
        match (separator(&word), all.last_mut()) {
            (Some(separator), _) => all.push((separator, Vec::new())),
            (None, Some((_, words))) => words.push(word),
            // The first word is a separator.
            (None, None) => {}
        }
    }
    let mut values = Vec::new();
    for (Separator { files, linked }, words) in all {
        if linked && values.is_empty() {
            return Err(Failure::usage(
                "a `+` pairs values with the values before them, but no values come before the first `:::`",
            ));
        }
        let origins: Vec<_> = match files {
            // Each file is a source of its own.
            true => words
                .into_iter()
                .map(|word| ValuesSource::Lines(word.into()))
                .collect(),
            false => vec![ValuesSource::Words(words)],
        };
        if origins.is_empty() {
            return Err(Failure::usage("`::::` is followed by names of files"));
        }
        values.extend(origins.into_iter().map(|origin| Values { linked, origin }));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> (Vec<OsString>, Result<Vec<Values>, Failure>) {
        let mut words: Vec<OsString> = line.split(' ').map(Into::into).collect();
        let values = split_off(&mut words);
        (words, values)
    }

    fn words(linked: bool, words: &[&str]) -> Values {
        Values {
            linked,
            origin: ValuesSource::Words(words.iter().map(Into::into).collect()),
        }
    }

    #[test]
    fn all_behind_the_colons_is_data() {
        let (left, values) = split("map m.wasm f -j 2 ::: a -j --help ::: b :::+ c");
        assert_eq!(left, ["map", "m.wasm", "f", "-j", "2"]);
        assert_eq!(
            values.unwrap(),
            [
                words(false, &["a", "-j", "--help"]),
                words(false, &["b"]),
                words(true, &["c"])
            ]
        );
        assert_eq!(split("map ::: ").1.unwrap(), [words(false, &[""])]);
        assert_eq!(split("map :::").1.unwrap(), [words(false, &[])]);
        assert_eq!(split("map m.wasm").1.unwrap(), []);
    }

    #[test]
    fn each_file_is_a_source() {
        let lines = |linked, path: &str| Values {
            linked,
            origin: ValuesSource::Lines(path.into()),
        };
        assert_eq!(
            split("map :::: a b ::: c ::::+ -").1.unwrap(),
            [
                lines(false, "a"),
                lines(false, "b"),
                words(false, &["c"]),
                lines(true, "-")
            ]
        );
        assert!(split("map ::::").1.is_err());
        assert!(split("map :::+ a").1.is_err());
    }
}
