//! Support for derived implementations of `ToValue` and `FromValue`. Not for others: it
//! changes as the macros do.

use super::{ConvertError, Value};

/// The payload of a case; one that is `()` in Rust is none in WIT.
#[must_use]
pub fn payload(value: Value) -> Option<Box<Value>> {
    super::convert_compound::payload(value)
}

/// The fields of a record, to be taken one by one.
#[derive(Debug)]
pub struct Fields {
    fields: Vec<Option<(String, Value)>>,
    /// The place of the next, as fields nearly always come in order.
    next: usize,
}

impl Fields {
    /// # Errors
    /// If the value is no record.
    pub fn of(value: Value) -> Result<Self, ConvertError> {
        match value {
            Value::Record(fields) => Ok(Fields {
                fields: fields.into_iter().map(Some).collect(),
                next: 0,
            }),
            other => Err(ConvertError::new(&other, "record")),
        }
    }

    /// Takes a field and reads it, or takes what it is when it is missing.
    ///
    /// # Errors
    /// If it is missing and must not be, or is something else than is read.
    pub fn take<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value) -> Result<T, ConvertError>,
        missing: impl FnOnce() -> Option<T>,
    ) -> Result<T, ConvertError> {
        let next = self.next.min(self.fields.len());
        let (before, behind) = self.fields.split_at_mut(next);
        let mut places = behind.iter_mut().chain(before);
        let is_it = |field: &Option<(String, Value)>| {
            field.as_ref().is_some_and(|(found, _)| found == name)
        };
        let found = places.find(|field| is_it(field)).and_then(Option::take);
        self.next += 1;
        match found {
            Some((_, value)) => read(value).map_err(|error| error.in_field(name)),
            None => missing().ok_or_else(|| ConvertError::missing_field(name)),
        }
    }
}

/// The items of a tuple, to be taken one after the other.
#[derive(Debug)]
pub struct Items {
    items: std::iter::Enumerate<std::vec::IntoIter<Value>>,
}

impl Items {
    /// # Errors
    /// If the value is no tuple of so many, and no record of so many fields.
    pub fn of(value: Value, count: usize) -> Result<Self, ConvertError> {
        let items = match value {
            Value::Tuple(items) if items.len() == count => items,
            Value::Record(fields) if fields.len() == count => {
                fields.into_iter().map(|(_, value)| value).collect()
            }
            other => return Err(ConvertError::new(&other, format!("tuple of {count}"))),
        };
        Ok(Items {
            items: items.into_iter().enumerate(),
        })
    }

    /// Takes the next and reads it.
    ///
    /// # Errors
    /// If it is something else than is read.
    pub fn next<T>(
        &mut self,
        read: impl FnOnce(Value) -> Result<T, ConvertError>,
    ) -> Result<T, ConvertError> {
        // There are as many as are taken.
        let (index, value) = self.items.next().unwrap_or((0, Value::unit()));
        read(value).map_err(|error| error.in_element(index))
    }
}

/// The case of an enum or variant, and its payload.
///
/// # Errors
/// If the value is neither.
pub fn case(value: Value) -> Result<(String, Option<Box<Value>>), ConvertError> {
    match value {
        Value::Enum(case) => Ok((case, None)),
        Value::Variant(case, payload) => Ok((case, payload)),
        other => Err(ConvertError::new(&other, "enum or variant")),
    }
}

/// Reads the payload of a case; one that is missing is `()`.
///
/// # Errors
/// If it is something else than is read.
pub fn in_case<T>(
    name: &str,
    payload: Option<Box<Value>>,
    read: impl FnOnce(Value) -> Result<T, ConvertError>,
) -> Result<T, ConvertError> {
    let value = payload.map_or(Value::unit(), |value| *value);
    read(value).map_err(|error| error.in_field(name))
}

/// Returns the known flags that are set.
///
/// # Errors
///
/// Returns an error if the value is no flags, or a flag is set that is not known.
pub fn flags<const COUNT: usize>(
    value: Value,
    known: &[&str; COUNT],
) -> Result<[bool; COUNT], ConvertError> {
    let Value::Flags(set) = value else {
        return Err(ConvertError::new(&value, "flags"));
    };
    let mut are_set = [false; COUNT];
    for name in &set {
        let place = known.iter().position(|known| known == name);
        let place = place.ok_or_else(|| ConvertError::unknown_name(name, known))?;
        are_set[place] = true;
    }
    Ok(are_set)
}
