//! Numbers for people: three digits that count, and a unit that fits.

use super::figure::Unit;

/// A figure with its unit.
pub fn show(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Micros => time(value),
        unit => format!("{} {}", number(value), unit.name()),
    }
}

/// A time, given in microseconds.
fn time(micros: f64) -> String {
    let size = micros.abs();
    let (value, unit) = match () {
        () if size < 1.0 => (micros * 1e3, "ns"),
        () if size < 1e3 => (micros, "us"),
        () if size < 1e6 => (micros / 1e3, "ms"),
        () => (micros / 1e6, "s"),
    };
    format!("{} {unit}", number(value))
}

/// A number with three digits that count, and commas where it is long.
pub fn number(value: f64) -> String {
    let size = value.abs();
    let decimals = match () {
        () if size >= 100.0 => return whole(value),
        () if size >= 10.0 => 1,
        () if size >= 1.0 => 2,
        () if size == 0.0 => 0,
        () => 3,
    };
    format!("{value:.decimals$}")
}

fn whole(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 {
        format!("-{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_show_what_counts() {
        assert_eq!(show(0.1234, Unit::Micros), "123 ns");
        assert_eq!(show(12.345, Unit::Micros), "12.3 us");
        assert_eq!(show(3400.0, Unit::Micros), "3.40 ms");
        assert_eq!(show(-9.6, Unit::Micros), "-9.60 us");
        assert_eq!(show(1_234_567.8, Unit::PerSecond), "1,234,568 tasks/s");
        assert_eq!(number(0.0), "0");
        assert_eq!(number(-1234.0), "-1,234");
        assert_eq!(number(0.05), "0.050");
    }
}
