//! Every combination of values from several sources, the last changing fastest,
//! as GNU parallel does it; linked ones go side by side.
//!
//! The first source is read as it is needed. Those behind it are read again for
//! each of its values, so they are kept in memory.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use sandpool::Input;
use sandpool::value::{Utf8, quoted};

use super::lines::{InputLine, LineEnding, StreamLines, lines_of};
use super::reading::Reading;
use super::stream::{Stream, unreadable};
use super::words::{Values, ValuesSource};
use super::{Item, Source, fingerprint, label};
use crate::apply::NOT_TEXT;
use crate::map::job::Named;
use crate::map::outputs::results::naming::Name;
use crate::report::{Failure, Kind};

/// Values one after the other.
enum Column {
    Words(std::vec::IntoIter<OsString>),
    Lines(String, StreamLines),
}

impl Column {
    fn open(
        origin: ValuesSource,
        ending: LineEnding,
        utf8: Utf8,
        quiet: bool,
    ) -> Result<Self, Failure> {
        match origin {
            ValuesSource::Words(words) => Ok(Column::Words(words.into_iter())),
            ValuesSource::Lines(path) => {
                let stream = Stream::open(Path::new(&path), quiet)?;
                let stream = match ending {
                    LineEnding::Newline => stream.decoded(utf8),
                    LineEnding::Nul => stream,
                };
                let (name, lines) = lines_of(stream, ending);
                Ok(Column::Lines(name, lines))
            }
        }
    }

    /// The next value, which need not be text: it may name a file.
    fn next(&mut self) -> anyhow::Result<Option<OsString>> {
        match self {
            Column::Words(words) => Ok(words.next()),
            Column::Lines(name, lines) => {
                match lines.next().map_err(|error| unreadable(name, error))? {
                    None => Ok(None),
                    Some(InputLine::Whole(bytes)) => Ok(Some(OsString::from_vec(bytes))),
                    Some(InputLine::TooLong(why)) => anyhow::bail!("in the input, {name}, {why}"),
                }
            }
        }
    }
}

/// Columns that go side by side, as far as the shortest reaches.
struct Linked(Vec<Column>);

impl Linked {
    fn next(&mut self) -> anyhow::Result<Option<Vec<OsString>>> {
        self.0.iter_mut().map(Column::next).collect()
    }
}

/// The values of all inputs.
pub struct Combinations {
    first: Linked,
    /// For each source behind the first, all that it has.
    others: Vec<Vec<Vec<OsString>>>,
    /// The current values of the first source, and the next positions of the others.
    now: Option<(Vec<OsString>, Vec<usize>)>,
    width: usize,
}

impl Combinations {
    /// Opens the sources, and reads all but the first.
    pub fn open(
        sources: Vec<Values>,
        ending: LineEnding,
        utf8: Utf8,
        quiet: bool,
    ) -> Result<Self, Failure> {
        let width = sources.len();
        let mut groups: Vec<Linked> = Vec::new();
        for Values { linked, origin } in sources {
            let column = Column::open(origin, ending, utf8, quiet)?;
            match groups.last_mut().filter(|_| linked) {
                Some(group) => group.0.push(column),
                None => groups.push(Linked(vec![column])),
            }
        }
        let mut groups = groups.into_iter();
        let first = groups.next().unwrap_or(Linked(Vec::new()));
        let others = groups.map(|mut group| {
            let mut all = Vec::new();
            while let Some(values) = group
                .next()
                .map_err(|error| Failure::new(Kind::Unusable, error))?
            {
                all.push(values);
            }
            Ok(all)
        });
        let others = others.collect::<Result<Vec<_>, Failure>>()?;
        Ok(Combinations {
            first,
            others,
            now: None,
            width,
        })
    }

    /// Returns the number of values of an input.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Returns the number of inputs, if that is known before all are read.
    pub fn len(&self) -> Option<u64> {
        let words = |column: &Column| match column {
            Column::Words(words) => Some(words.len() as u64),
            Column::Lines(..) => None,
        };
        let first: Option<Vec<u64>> = self.first.0.iter().map(words).collect();
        let first = first?.into_iter().min().unwrap_or(0);
        let mut others = self.others.iter().map(|all| all.len() as u64);
        others.try_fold(first, u64::checked_mul)
    }

    fn next(&mut self) -> anyhow::Result<Option<Vec<OsString>>> {
        if self.others.iter().any(Vec::is_empty) {
            return Ok(None);
        }
        let (head, places) = match self.now.take() {
            Some(now) => now,
            None => match self.first.next()? {
                Some(head) => (head, vec![0; self.others.len()]),
                None => return Ok(None),
            },
        };
        let mut values = head.clone();
        for (all, place) in self.others.iter().zip(&places) {
            values.extend_from_slice(&all[*place]);
        }
        self.now = self.after(places).map(|places| (head, places));
        Ok(Some(values))
    }

    /// The places after these, the last counting fastest.
    fn after(&self, mut places: Vec<usize>) -> Option<Vec<usize>> {
        for (all, place) in self.others.iter().zip(&mut places).rev() {
            *place += 1;
            if *place < all.len() {
                return Some(places);
            }
            *place = 0;
        }
        None
    }
}

/// Each combination is an input.
pub struct CombinationSource {
    combinations: Combinations,
    reading: Reading,
    utf8: Utf8,
    job: Named,
    /// The number of the last input, from 1.
    number: u64,
}

impl CombinationSource {
    pub fn new(combinations: Combinations, reading: Reading, utf8: Utf8, job: Named) -> Self {
        CombinationSource {
            combinations,
            reading,
            utf8,
            job,
            number: 0,
        }
    }
}

impl CombinationSource {
    /// Returns the input that these values make, their fingerprint, and what their
    /// result is named.
    fn input(&self, values: Vec<OsString>) -> (Input, u64, Option<Name>) {
        let hash = fingerprint(values.iter().map(|value| value.as_bytes()));
        let texts = match <[OsString; 1]>::try_from(values) {
            Ok([value]) if self.reading.takes_bytes(&self.job) => {
                let bytes = value.into_vec();
                let name = self.job.naming.of_bytes(&bytes, self.number);
                let (input, hash) = self.reading.bytes(bytes, self.number, &self.job, self.utf8);
                return (input, hash, name);
            }
            Ok([value]) => self.text(value).map(|text| vec![text]),
            Err(values) => values.into_iter().map(|value| self.text(value)).collect(),
        };
        let texts = match texts {
            Ok(texts) => texts,
            Err(why) => return (Input::Invalid(why), hash, None),
        };
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        let name = self.job.naming.of(&texts, self.number);
        let (input, hash) = match texts.as_slice() {
            [text] => self.reading.text(text, self.number, &self.job, self.utf8),
            texts => (self.job.texts(texts, self.number), hash),
        };
        (input, hash, name)
    }

    fn text(&self, value: OsString) -> Result<String, String> {
        let shown = quoted(&value.to_string_lossy());
        self.utf8
            .read(value.into_vec())
            .ok_or_else(|| format!("{shown} is not UTF-8 ({NOT_TEXT})"))
    }
}

impl Source for CombinationSource {
    fn next(&mut self) -> anyhow::Result<Option<Item>> {
        let Some(values) = self.combinations.next()? else {
            return Ok(None);
        };
        self.number += 1;
        let shown: Vec<_> = values.iter().map(|value| value.to_string_lossy()).collect();
        let shown = label(&shown.join(" "));
        let (input, hash, name) = self.input(values);
        Ok(Some(Item {
            label: shown,
            hash,
            input,
            name,
            blank: 0,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(sources: &[(bool, &[&str])]) -> Vec<String> {
        let values = |(linked, words): &(bool, &[&str])| Values {
            linked: *linked,
            origin: ValuesSource::Words(words.iter().map(Into::into).collect()),
        };
        let sources = sources.iter().map(values).collect();
        let mut combinations =
            Combinations::open(sources, LineEnding::Newline, Utf8::Strict, true).unwrap();
        let len = combinations.len();
        let mut all = Vec::new();
        while let Some(values) = combinations.next().unwrap() {
            all.push(values.iter().map(|value| value.to_string_lossy()).collect());
        }
        assert_eq!(len, Some(all.len() as u64));
        all
    }

    #[test]
    fn the_last_source_changes_fastest() {
        let (x, y, z) = (["a", "b"], ["1", "2"], ["p", "q"]);
        assert_eq!(
            all(&[(false, &x), (false, &y), (false, &z)]),
            ["a1p", "a1q", "a2p", "a2q", "b1p", "b1q", "b2p", "b2q"]
        );
        assert_eq!(all(&[(false, &x)]), ["a", "b"]);
    }

    #[test]
    fn linked_sources_go_side_by_side_as_far_as_the_shortest_reaches() {
        let (x, y, z) = (["a", "b", "c"], ["1", "2"], ["p", "q"]);
        assert_eq!(all(&[(false, &x), (true, &y)]), ["a1", "b2"]);
        assert_eq!(
            all(&[(false, &z), (false, &x), (true, &y)]),
            ["pa1", "pb2", "qa1", "qb2"]
        );
    }

    #[test]
    fn without_values_there_is_nothing() {
        assert!(all(&[(false, &[])]).is_empty());
        assert!(all(&[(false, &["a"]), (false, &[])]).is_empty());
    }
}
