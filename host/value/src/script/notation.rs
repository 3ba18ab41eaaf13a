//! Checks of the texts that stand for dates, times, decimal numbers and UUIDs, in the
//! notations that the guests write.

/// Checks a date: `2024-02-29`, or with six digits and a sign for the year, as JavaScript
/// writes those beyond 9999.
pub(super) fn is_date(text: &str) -> bool {
    let mut rest = Rest(text.as_bytes());
    rest.date().is_some() && rest.is_empty()
}

/// Checks a time: `HH:MM`, with seconds, a fraction of them and an offset from UTC if wanted.
pub(super) fn is_time(text: &str) -> bool {
    let mut rest = Rest(text.as_bytes());
    rest.time().is_some() && rest.is_empty()
}

/// Checks a date, or a date and a time with `T` or a space between them.
pub(super) fn is_datetime(text: &str) -> bool {
    let mut rest = Rest(text.as_bytes());
    rest.date().is_some()
        && (rest.is_empty() || (rest.one_of(b"T ").is_some() && rest.time().is_some()))
        && rest.is_empty()
}

/// Checks a number of Python's `decimal`: digits with a point and an exponent if wanted, an
/// infinity, or NaN, in upper or lower case.
pub(super) fn is_decimal(text: &str) -> bool {
    let mut rest = Rest(text.as_bytes());
    rest.one_of(b"+-");
    let lower = rest.0.to_ascii_lowercase();
    if matches!(&lower[..], b"inf" | b"infinity") {
        return true;
    }
    let signalling = lower.strip_prefix(b"s").unwrap_or(&lower);
    if let Some(payload) = signalling.strip_prefix(b"nan") {
        return payload.iter().all(u8::is_ascii_digit);
    }
    let mut digits = rest.digits();
    if rest.one_of(b".").is_some() {
        digits += rest.digits();
    }
    if digits > 0 && rest.one_of(b"eE").is_some() {
        rest.one_of(b"+-");
        digits = rest.digits();
    }
    digits > 0 && rest.is_empty()
}

/// Reads a UUID: hexadecimal digits in groups of 8, 4, 4, 4 and 12.
pub(super) fn read_uuid(text: &str) -> Option<[u8; 16]> {
    let mut groups = text.split('-');
    let mut uuid = 0u128;
    for length in [8, 4, 4, 4, 12] {
        let group = groups.next().filter(|group| {
            group.len() == length && group.bytes().all(|b| b.is_ascii_hexdigit())
        })?;
        uuid = uuid << (4 * length) | u128::from_str_radix(group, 16).ok()?;
    }
    groups.next().is_none().then(|| uuid.to_be_bytes())
}

/// Writes a UUID as `read_uuid` reads it, in lower case.
pub(super) fn write_uuid(uuid: [u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(uuid));
    let groups = [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ];
    groups.join("-")
}

/// What is left of a text.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        if !bytes.contains(first) {
            return None;
        }
        self.0 = rest;
        Some(*first)
    }

    /// Reads all digits that follow, and returns their count.
    fn digits(&mut self) -> usize {
        let count = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        self.0 = &self.0[count..];
        count
    }

    /// Reads a number of exactly so many digits, from `least` to `most`.
    fn number(&mut self, digits: usize, least: u32, most: u32) -> Option<u32> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        let number = number.iter().try_fold(0, |number, b| {
            b.is_ascii_digit()
                .then(|| number * 10 + u32::from(b - b'0'))
        })?;
        self.0 = rest;
        (least..=most).contains(&number).then_some(number)
    }

    fn date(&mut self) -> Option<()> {
        let year = match self.one_of(b"+-") {
            Some(_) => self.number(6, 0, 999_999)?,
            None => self.number(4, 0, 9999)?,
        };
        self.one_of(b"-")?;
        let month = self.number(2, 1, 12)?;
        self.one_of(b"-")?;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        self.number(2, 1, days).map(drop)
    }

    fn time(&mut self) -> Option<()> {
        self.clock()?;
        if self.one_of(b"+-").is_some() {
            self.clock()?;
        } else {
            self.one_of(b"Z");
        }
        Some(())
    }

    /// Reads hours, minutes, and seconds with their fraction if they follow.
    fn clock(&mut self) -> Option<()> {
        self.number(2, 0, 23)?;
        self.one_of(b":")?;
        self.number(2, 0, 59)?;
        if self.one_of(b":").is_some() {
            self.number(2, 0, 59)?;
            if self.one_of(b".").is_some() && !(1..=9).contains(&self.digits()) {
                return None;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_those_that_exist() {
        for text in [
            "2024-02-29",
            "0001-01-01",
            "2000-02-29",
            "+012345-12-31",
            "-000001-01-01",
        ] {
            assert!(is_date(text) && is_datetime(text), "{text}");
        }
        for text in [
            "",
            "2023-02-29",
            "1900-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-04-31",
            "24-01-01",
            "2024-1-1",
            "20240101",
            "2024-01-01T",
            "2024-W01-1",
            "12345-01-01",
            "2024-01-01Z",
            "２０２４-01-01",
        ] {
            assert!(!is_date(text) && !is_datetime(text), "{text}");
        }
        for text in [
            "00:00",
            "23:59:59",
            "01:02:03.5",
            "01:02:03.000001Z",
            "01:02+05:30",
            "01:02:03-00:00:01.5",
        ] {
            assert!(
                is_time(text) && is_datetime(&format!("2024-01-02T{text}")),
                "{text}"
            );
            assert!(is_datetime(&format!("2024-01-02 {text}")), "{text}");
        }
        for text in [
            "24:00",
            "12",
            "12:60",
            "12:00:60",
            "12:00:00.",
            "12:00+5",
            "1:02",
            "12:00z",
            "12:00:00.0123456789",
            "12:00Z ",
        ] {
            assert!(
                !is_time(text) && !is_datetime(&format!("2024-01-02T{text}")),
                "{text}"
            );
        }
    }

    #[test]
    fn decimals_are_those_that_python_writes() {
        for text in [
            "0", "-1.50", "1E+5", "1.5e-7", ".5", "5.", "+1", "NaN", "-sNaN12", "Infinity", "-inf",
        ] {
            assert!(is_decimal(text), "{text}");
        }
        for text in [
            "", "-", ".", "1e", "e5", "1_0", " 1", "0x1", "nano", "infinit", "--1", "1e5.5",
        ] {
            assert!(!is_decimal(text), "{text}");
        }
    }

    #[test]
    fn a_uuid_is_read_as_it_is_written() {
        let text = "01234567-89ab-cdef-0123-456789abcdef";
        let uuid = read_uuid(text).unwrap();
        assert_eq!(uuid[..4], [0x01, 0x23, 0x45, 0x67]);
        assert_eq!(write_uuid(uuid), text);
        assert_eq!(read_uuid(&text.to_uppercase()), Some(uuid));
        for text in [
            "",
            &text[1..],
            &text.replace('-', ""),
            &format!("{text}-"),
            "0123456x-89ab-cdef-0123-456789abcdef",
            "+1234567-89ab-cdef-0123-456789abcdef",
        ] {
            assert_eq!(read_uuid(text), None, "{text}");
        }
    }
}
