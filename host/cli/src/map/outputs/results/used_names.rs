//! The names of results that inputs have already: no result takes the place of
//! another's.
//!
//! A name is remembered by its fingerprint, and so are the folders that it is in.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use xxhash_rust::xxh3::xxh3_64;

/// The meaning of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NameUse {
    Result,
    Folder,
}

/// The names of all inputs so far.
#[derive(Debug, Default)]
pub struct UsedNames(HashMap<u64, NameUse>);

impl UsedNames {
    /// Takes a name; `Err` says who has it.
    pub fn take(&mut self, name: &str) -> Result<(), &'static str> {
        const RESULT: &str = "an earlier input's result has that name";
        for (end, _) in name.match_indices('/') {
            let folder = xxh3_64(&name.as_bytes()[..end]);
            match self.0.entry(folder).or_insert(NameUse::Folder) {
                NameUse::Folder => {}
                NameUse::Result => return Err("a folder of that name is an earlier result"),
            }
        }
        match self.0.entry(xxh3_64(name.as_bytes())) {
            Entry::Vacant(vacant) => {
                vacant.insert(NameUse::Result);
                Ok(())
            }
            Entry::Occupied(taken) => Err(match taken.get() {
                NameUse::Result => RESULT,
                NameUse::Folder => "an earlier input's result is in a folder of that name",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_once_and_no_result_is_a_folder_of_others() {
        let mut names = UsedNames::default();
        assert_eq!(names.take("a/b"), Ok(()));
        assert_eq!(names.take("a/c"), Ok(()));
        assert!(names.take("a/b").is_err());
        assert!(names.take("a").is_err(), "it is a folder");
        assert!(names.take("a/b/c").is_err(), "it is a file");
        assert_eq!(names.take("ab"), Ok(()));
    }
}
