//! Numbers as people read them.

use std::time::Duration;

/// `4.2µs`, `870µs`, `12.3ms`, `4.21s`, `1m20s`, `2h03m`.
pub fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match time.as_secs_f64() {
        // So that what is rounded up to the next unit is shown in it.
        s if s < 0.000_009_95 => format!("{:.1}µs", s * 1e6),
        s if s < 0.000_999_5 => format!("{:.0}µs", s * 1e6),
        s if s < 0.999_5 => digits(s * 1e3, "ms"),
        s if s < 59.95 => digits(s, "s"),
        _ if seconds < 3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// A time that is guessed: `31s`, `1m20s`.
pub fn seconds(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        _ => time(Duration::from_secs(seconds)),
    }
}

/// Three digits that count.
fn digits(value: f64, unit: &str) -> String {
    match value {
        v if v < 9.995 => format!("{v:.2}{unit}"),
        v if v < 99.95 => format!("{v:.1}{unit}"),
        v => format!("{v:.0}{unit}"),
    }
}

/// `1,234,567`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `1 task`, `1,234 tasks`.
pub fn counted(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {what}{s}", count(number))
}

/// `12.5/s`, `1,234/s`.
pub fn rate(per_second: f64) -> String {
    match per_second {
        rate if rate < 9.95 => format!("{rate:.1}/s"),
        // It is not negative, and what is too large stays the largest.
        rate => format!("{}/s", count(rate.round() as u64)),
    }
}

/// The beginning of a text, on one line.
pub fn clip(text: &str, chars: usize) -> String {
    let text = super::sanitize::line(text);
    match text.char_indices().nth(chars) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_unit_that_suits_them() {
        let shown = |seconds: f64| time(Duration::from_secs_f64(seconds));
        assert_eq!(shown(0.000_004_23), "4.2µs");
        assert_eq!(shown(0.000_87), "870µs");
        assert_eq!(shown(0.000_999_9), "1.00ms");
        assert_eq!(shown(0.0123), "12.3ms");
        assert_eq!(shown(0.3), "300ms");
        assert_eq!(shown(0.999_9), "1.00s");
        assert_eq!(shown(4.209), "4.21s");
        assert_eq!(shown(59.99), "0m59s");
        assert_eq!(shown(80.4), "1m20s");
        assert_eq!(shown(7_380.0), "2h03m");
        assert_eq!([seconds(31), seconds(80)], ["31s", "1m20s"]);
    }

    #[test]
    fn numbers_have_their_thousands_apart() {
        assert_eq!(["0", "999"], [count(0), count(999)]);
        assert_eq!(["1,000", "1,234,567"], [count(1_000), count(1_234_567)]);
        assert_eq!(["0.5/s", "1,235/s"], [rate(0.5), rate(1234.5)]);
        assert_eq!(
            ["1 task", "2 tasks"],
            [counted(1, "task"), counted(2, "task")]
        );
    }

    #[test]
    fn a_text_that_is_too_long_ends_in_dots() {
        assert_eq!(clip("añb", 3), "añb");
        assert_eq!(clip("añb\u{1b}", 2), "añ…");
    }
}
