//! The JSON form of items of shared objects, in both directions.
//!
//! It is serde_json's with two differences, both where serde_json would not give the item
//! back: an option that holds a value that is written as `null` is `{"some":...}`, as in
//! values of calls (`Some(None)` and `Some(())` are not `None`), and floats that are no
//! numbers are `"NaN"`, `"Infinity"` and `"-Infinity"`. Values that cannot be given back
//! are refused when they are put.

mod read;
mod write;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::SharedError;
use sandpool_protocol::request::Item;

/// The deepest nesting of arrays and objects that serde_json reads, in guests too.
const DEEPEST: usize = 127;

/// The key of the object that an option is written as, if its value alone would be taken
/// for something else.
const SOME: &str = "some";

const NAN: &str = "NaN";
const INFINITY: &str = "Infinity";
const NEGATIVE_INFINITY: &str = "-Infinity";

pub(super) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Item, SharedError> {
    let bytes = write::to_vec(value).map_err(|_| SharedError::Json)?;
    Ok(Item::from(bytes))
}

pub(super) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, SharedError> {
    let read = match read::has_words(bytes) {
        true => read::from_slice(bytes),
        // Without the words that only we read otherwise, serde_json is quicker.
        false => serde_json::from_slice(bytes),
    };
    read.map_err(|_| SharedError::Json)
}

#[cfg(test)]
mod tests;
