//! Numbers from text, each whole or not at all.
//!
//! A number that its type does not hold is refused, never bent: an integer has
//! to be in range, and a float has to hold an integer exactly. What is written
//! with a point or an exponent is an integer where it is a whole number (`1.0`,
//! as tables have it), and to a float the nearest one, as everywhere.

use super::text::quoted;
use super::{Mismatch, Type, Value};

/// Returns whether the type is one of numbers.
pub(super) fn is_number(ty: &Type) -> bool {
    ty.integer_range().is_some() || matches!(ty, Type::F32 | Type::F64)
}

/// Reads a number of the type from text in JSON's syntax; `None` if the text is
/// no number in it.
pub(super) fn read_number(text: &str, ty: &Type) -> Option<Result<Value, Mismatch>> {
    let shape = Decimal::of(text)?;
    Some(match ty {
        Type::F32 | Type::F64 => read_float(text, &shape, ty),
        ty => read_integer(text, &shape, ty),
    })
}

fn read_integer(text: &str, shape: &Decimal<'_>, ty: &Type) -> Result<Value, Mismatch> {
    // i128 is several times slower to read.
    let n = match (shape.is_integer(), text.parse::<i64>()) {
        (true, Ok(n)) => Whole::Is(n.into()),
        _ => shape.whole(),
    };
    match n {
        Whole::Is(n) => {
            Value::from_integer(n, ty).ok_or_else(|| Mismatch::out_of_range(quoted(text), ty))
        }
        Whole::TooLarge => Err(Mismatch::out_of_range(quoted(text), ty)),
        Whole::Not => Err(Mismatch::of(quoted(text), ty)),
    }
}

fn read_float(text: &str, shape: &Decimal<'_>, ty: &Type) -> Result<Value, Mismatch> {
    let value = match ty {
        // Not by way of a double, which would round twice.
        Type::F32 => text.parse().ok().map(Value::F32),
        _ => text.parse().ok().map(Value::F64),
    };
    let refused = |why: &str| Err(Mismatch::of(quoted(text), ty).because(why));
    match value {
        Some(Value::F32(x)) if !x.is_finite() => refused(OUT_OF_RANGE),
        Some(Value::F64(x)) if !x.is_finite() => refused(OUT_OF_RANGE),
        Some(value) if shape.is_integer() && !holds(&value, text) => refused(NOT_EXACT),
        Some(value) => Ok(value),
        None => refused("it is not a number"),
    }
}

const OUT_OF_RANGE: &str = "it is out of range";
const NOT_EXACT: &str = "no float holds this integer exactly";

/// Returns whether a float is the integer of this text: exactly, or because programs
/// write the float so (JavaScript pads the digits that it needs with zeros).
fn holds(value: &Value, text: &str) -> bool {
    let exact = |x: f64| text.parse::<i128>().is_ok_and(|n| is_integer(x, n));
    match value {
        Value::F32(x) => exact((*x).into()) || x.to_string() == text,
        Value::F64(x) => exact(*x) || x.to_string() == text,
        _ => false,
    }
}

/// The integer as a float of the type, if such a one holds it exactly.
pub(super) fn float_of_integer(n: i128, ty: &Type) -> Option<Value> {
    match ty {
        Type::F32 => Some(n as f32)
            .filter(|x| is_integer((*x).into(), n))
            .map(Value::F32),
        Type::F64 => Some(n as f64).filter(|x| is_integer(*x, n)).map(Value::F64),
        _ => None,
    }
}

fn is_integer(x: f64, n: i128) -> bool {
    // The largest float below 2^127 is far from it: nothing is cut off here.
    x.abs() < i128::MAX as f64 && x as i128 == n
}

/// The integer that a double is, if all integers up to it have a double of
/// their own, so that none was rounded to it.
pub(super) fn integer_of_double(x: f64) -> Option<i128> {
    const EXACT: f64 = (1u64 << f64::MANTISSA_DIGITS) as f64;
    (x.trunc() == x && x.abs() < EXACT).then_some(x as i128)
}

/// A decimal number in JSON's syntax, taken apart.
struct Decimal<'a> {
    negative: bool,
    whole: &'a str,
    fraction: Option<&'a str>,
    exponent: Option<&'a str>,
}

/// The integer that a decimal is.
#[derive(Debug, PartialEq, Eq)]
enum Whole {
    Is(i128),
    /// It is one, but no type holds it.
    TooLarge,
    /// It has a fraction.
    Not,
}

impl<'a> Decimal<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, Some(exponent)),
            None => (text, None),
        };
        let (digits, fraction) = match number.split_once('.') {
            Some((digits, fraction)) => (digits, Some(fraction)),
            None => (number, None),
        };
        let whole = digits.strip_prefix('-').unwrap_or(digits);
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let unsigned = |text: &'a str| text.strip_prefix(['+', '-']).unwrap_or(text);
        let sound = are_digits(whole)
            && (whole == "0" || !whole.starts_with('0'))
            && fraction.is_none_or(are_digits)
            && exponent.map(unsigned).is_none_or(are_digits);
        sound.then_some(Decimal {
            negative: digits.len() > whole.len(),
            whole,
            fraction,
            exponent,
        })
    }

    /// Returns whether it is written as an integer.
    fn is_integer(&self) -> bool {
        self.fraction.is_none() && self.exponent.is_none()
    }

    /// The integer that it is, found in its digits and not by way of a float.
    fn whole(&self) -> Whole {
        let fraction = self.fraction.unwrap_or_default();
        let digits = [self.whole, fraction].concat();
        let all = digits.trim_start_matches('0');
        let kept = all.trim_end_matches('0');
        if kept.is_empty() {
            return Whole::Is(0);
        }
        let places = fraction.len() as i128;
        let dropped = (all.len() - kept.len()) as i128;
        // An exponent that no i64 holds moves the point out of any number.
        let exponent = match self.exponent.map(str::parse::<i64>) {
            None => 0,
            Some(Ok(exponent)) => exponent.into(),
            Some(Err(_)) if self.exponent.is_some_and(|e| e.starts_with('-')) => i64::MIN.into(),
            Some(Err(_)) => i64::MAX.into(),
        };
        match exponent + dropped - places {
            ..0 => Whole::Not,
            zeros => self.with_zeros(kept, zeros),
        }
    }

    fn with_zeros(&self, digits: &str, zeros: i128) -> Whole {
        let number = || {
            let factor = 10i128.checked_pow(u32::try_from(zeros).ok()?)?;
            digits.parse::<i128>().ok()?.checked_mul(factor)
        };
        match number() {
            Some(n) => Whole::Is(if self.negative { -n } else { n }),
            None => Whole::TooLarge,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, ty: &Type) -> Option<Value> {
        read_number(text, ty).and_then(Result::ok)
    }

    #[test]
    fn a_decimal_is_the_integer_that_it_is_and_no_other() {
        for (text, n) in [
            ("1.0", 1),
            ("-3.00", -3),
            ("1e3", 1000),
            ("1.5e1", 15),
            ("120e-1", 12),
            ("-0", 0),
            ("0.0e-99999999999999999999", 0),
            ("9007199254740993.0", 9_007_199_254_740_993),
        ] {
            assert_eq!(read(text, &Type::S64), Some(Value::S64(n)), "{text}");
        }
        for text in ["1.5", "1e-1", "1e99999999999999999999", "1e19", "-9.3e18"] {
            assert_eq!(read(text, &Type::S64), None, "{text}");
        }
        for text in [
            "", "-", "+1", "01", ".5", "1.", "1e", "0x10", "1_000", "nan", " 1",
        ] {
            assert!(read_number(text, &Type::S64).is_none(), "{text}");
            assert!(read_number(text, &Type::F64).is_none(), "{text}");
        }
    }

    #[test]
    fn a_float_holds_an_integer_exactly_or_refuses_it() {
        let double = |text| read(text, &Type::F64);
        assert_eq!(
            double("9007199254740992"),
            Some(Value::F64(9_007_199_254_740_992.0))
        );
        assert_eq!(double("9007199254740993"), None);
        assert_eq!(double("18446744073709551617"), None);
        assert_eq!(
            double("1152921504606846976"),
            Some(Value::F64(2f64.powi(60)))
        );
        // As JavaScript writes the float, and nobody an integer that is meant.
        assert_eq!(
            double("123456789012345680000"),
            Some(Value::F64(1.2345678901234568e20))
        );
        assert_eq!(double("0.1"), Some(Value::F64(0.1)));
        assert_eq!(double("1e23"), Some(Value::F64(1e23)));
        assert_eq!((double("1e400"), double("-1e400")), (None, None));
        let single = |text| read(text, &Type::F32);
        assert_eq!(single("16777216"), Some(Value::F32(16_777_216.0)));
        assert_eq!((single("16777217"), single("1e39")), (None, None));
        assert_eq!(single("0.1"), Some(Value::F32(0.1)));
    }

    #[test]
    fn bits_without_a_sign_are_read_by_either() {
        let bits = |text| read(text, &Type::I32);
        assert_eq!(bits("4294967295"), Some(Value::S32(-1)));
        assert_eq!(bits("2147483648"), Some(Value::S32(i32::MIN)));
        assert_eq!(bits("-2147483648"), Some(Value::S32(i32::MIN)));
        assert_eq!((bits("4294967296"), bits("-2147483649")), (None, None));
        let bits = |text| read(text, &Type::I64);
        assert_eq!(bits("18446744073709551615"), Some(Value::S64(-1)));
        assert_eq!(bits("-9223372036854775808"), Some(Value::S64(i64::MIN)));
        assert_eq!(
            (bits("18446744073709551616"), bits("-9223372036854775809")),
            (None, None)
        );
    }

    proptest! {
        #[test]
        fn an_integer_is_read_as_itself_however_it_is_written(n in any::<i64>(), zeros in 0usize..5) {
            let expected = Some(Value::S64(n));
            prop_assert_eq!(read(&n.to_string(), &Type::S64), expected.clone());
            let text = format!("{n}.{}", "0".repeat(zeros + 1));
            prop_assert_eq!(read(&text, &Type::S64), expected.clone());
            let text = format!("{n}{}e-{zeros}", "0".repeat(zeros));
            prop_assert_eq!(read(&text, &Type::S64), expected);
        }

        #[test]
        fn a_float_is_read_as_it_is_written(x in any::<f64>(), y in any::<f32>()) {
            for text in [x.to_string(), format!("{x:e}")] {
                prop_assert_eq!(read(&text, &Type::F64), Some(Value::F64(x)));
            }
            prop_assert_eq!(read(&y.to_string(), &Type::F32), Some(Value::F32(y)));
        }
    }
}
