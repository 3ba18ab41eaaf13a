//! Every combination of values from several sources, the last changing fastest,
//! as GNU parallel does it; linked ones go side by side.
//!
//! The first source is read as it is needed. Those behind it are read again for
//! each of its values, so they are kept in memory.

use std::path::Path;

use super::lines::{Ending, Line, StreamLines, lines_of};
use super::reading::Reading;
use super::stream::{Stream, unreadable};
use super::words::{Origin, Values};
use super::{Item, Source, fingerprint, label};
use crate::cli::map::job::Named;
use crate::cli::report::{Failure, Kind};

/// Values one after the other.
enum Column {
    Words(std::vec::IntoIter<String>),
    Lines(String, StreamLines),
}

impl Column {
    fn open(origin: Origin, ending: Ending, quiet: bool) -> Result<Self, Failure> {
        match origin {
            Origin::Words(words) => Ok(Column::Words(words.into_iter())),
            Origin::Lines(path) => {
                let stream = Stream::open(Path::new(&path), quiet)?;
                let (name, lines) = lines_of(stream, ending);
                Ok(Column::Lines(name, lines))
            }
        }
    }

    fn next(&mut self) -> anyhow::Result<Option<String>> {
        match self {
            Column::Words(words) => Ok(words.next()),
            Column::Lines(name, lines) => {
                match lines.next().map_err(|error| unreadable(name, error))? {
                    None => Ok(None),
                    Some(Line::Whole(bytes)) => match String::from_utf8(bytes) {
                        Ok(text) => Ok(Some(text)),
                        Err(_) => anyhow::bail!("the input, {name}, has a line that is not UTF-8"),
                    },
                    Some(Line::TooLong(why)) => anyhow::bail!("in the input, {name}, {why}"),
                }
            }
        }
    }
}

/// Columns that go side by side, as far as the shortest reaches.
struct Linked(Vec<Column>);

impl Linked {
    fn next(&mut self) -> anyhow::Result<Option<Vec<String>>> {
        self.0.iter_mut().map(Column::next).collect()
    }
}

/// The values of all inputs.
pub struct Combinations {
    first: Linked,
    /// For each source behind the first, all that it has.
    others: Vec<Vec<Vec<String>>>,
    /// What the first has now, and which of the others' come next.
    now: Option<(Vec<String>, Vec<usize>)>,
    width: usize,
}

impl Combinations {
    /// Opens the sources, and reads all but the first.
    pub fn open(sources: Vec<Values>, ending: Ending, quiet: bool) -> Result<Self, Failure> {
        let width = sources.len();
        let mut groups: Vec<Linked> = Vec::new();
        for Values { linked, origin } in sources {
            let column = Column::open(origin, ending, quiet)?;
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

    /// How many values an input has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many there are, if that is known before all are read.
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

    fn next(&mut self) -> anyhow::Result<Option<Vec<String>>> {
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
    job: Named,
    /// The number of the last input, from 1.
    number: u64,
}

impl CombinationSource {
    pub fn new(combinations: Combinations, reading: Reading, job: Named) -> Self {
        CombinationSource {
            combinations,
            reading,
            job,
            number: 0,
        }
    }
}

impl Source for CombinationSource {
    fn next(&mut self) -> anyhow::Result<Option<Item>> {
        let Some(values) = self.combinations.next()? else {
            return Ok(None);
        };
        self.number += 1;
        let texts: Vec<_> = values.iter().map(String::as_str).collect();
        let name = self.job.naming.of(&texts, self.number);
        let (input, hash) = match texts.as_slice() {
            [value] => self.reading.text(value, self.number, &self.job),
            _ => {
                let hash = fingerprint(values.iter().map(String::as_bytes));
                (self.job.texts(&texts, self.number), hash)
            }
        };
        Ok(Some(Item {
            label: label(&values.join(" ")),
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
            origin: Origin::Words(words.iter().map(ToString::to_string).collect()),
        };
        let sources = sources.iter().map(values).collect();
        let mut combinations = Combinations::open(sources, Ending::Newline, true).unwrap();
        let len = combinations.len();
        let mut all = Vec::new();
        while let Some(values) = combinations.next().unwrap() {
            all.push(values.join(""));
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
