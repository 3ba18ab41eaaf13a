//! Integers of any size, as their digits. Nothing here calculates.

use std::fmt;

/// An integer of any size, held as its decimal digits: without leading zeros, with `-` if it
/// is below 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BigInt(Box<str>);

impl BigInt {
    /// Returns the integer that these decimal digits write, with or without a `-` before
    /// them; none if the text is anything else.
    pub fn new(digits: &str) -> Option<Self> {
        let (sign, digits) = match digits.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", digits),
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(Self(match digits.trim_start_matches('0') {
            "" => "0".into(),
            digits => format!("{sign}{digits}").into(),
        }))
    }

    /// Returns the decimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the integer, if it has at most 128 bits.
    pub fn to_i128(&self) -> Option<i128> {
        self.0.parse().ok()
    }

    /// Returns the integer of these digits, which a formatter of integers has written.
    pub(super) fn from_digits(digits: String) -> Self {
        Self(digits.into())
    }

    pub(super) fn is_zero(&self) -> bool {
        &*self.0 == "0"
    }
}

macro_rules! from_integers {
    ($($integer:ty)*) => {$(
        impl From<$integer> for BigInt {
            fn from(n: $integer) -> Self {
                Self(n.to_string().into())
            }
        }
    )*};
}

from_integers!(i32 u32 i64 u64 i128 u128);

impl fmt::Display for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_an_integer_and_nothing_else_is() {
        for (text, digits) in [
            ("0", "0"),
            ("-0", "0"),
            ("007", "7"),
            ("-00120", "-120"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
        ] {
            assert_eq!(BigInt::new(text).unwrap().as_str(), digits);
        }
        for text in [
            "", "-", "+1", "1.0", "1e3", " 1", "1_000", "0x1", "--1", "१",
        ] {
            assert_eq!(BigInt::new(text), None, "{text}");
        }
        let least = BigInt::from(i128::MIN);
        assert_eq!(least.to_i128(), Some(i128::MIN));
        assert_eq!(BigInt::from(u128::MAX).to_i128(), None);
    }
}
