//! Reads the values of flags: durations, sizes, variables, words.
//!
//! Every function here is a clap value parser, so its error is one line that
//! clap puts behind the flag's name.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::thread;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use sandpool::Isolation;

/// A limit as a flag gives it; `none` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrNone<T>(pub Option<T>);

impl fmt::Display for OrNone<Duration> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(time) => write!(f, "{time:?}"),
            None => f.write_str("none"),
        }
    }
}

impl fmt::Display for OrNone<u64> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(amount) => write!(f, "{amount}"),
            None => f.write_str("none"),
        }
    }
}

/// `--timeout`: a time, or for `map` a share of how long tasks have taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    Time(OrNone<Duration>),
    /// So many percent of the median so far.
    OfMedian(u32),
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Timeout::Time(time) => time.fmt(f),
            Timeout::OfMedian(percent) => write!(f, "{percent}%"),
        }
    }
}

/// `--env NAME[=VALUE]`; without a value it is taken from our environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    pub value: Option<String>,
}

/// `--kwarg NAME=WORD`. A word may name a file, and such names are bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyword {
    pub name: String,
    pub word: OsString,
}

/// `300ms`, `2s`, `1m`, `1m30s`, `1.5h`, or `none`.
pub fn duration(text: &str) -> Result<OrNone<Duration>, String> {
    match delay(text)? {
        OrNone(Some(Duration::ZERO)) => {
            Err("a time must be longer than 0; for no limit use `none`".into())
        }
        time => Ok(time),
    }
}

/// As [`duration`], or `0s`.
pub fn delay(text: &str) -> Result<OrNone<Duration>, String> {
    if text == "none" {
        return Ok(OrNone(None));
    }
    let shape =
        || "a duration is a number and a unit, as in `300ms`, `2s` or `1m`, or `none`".to_owned();
    let mut seconds = 0.0;
    let mut rest = text;
    if rest.is_empty() {
        return Err(shape());
    }
    while !rest.is_empty() {
        let (number, unit, after) = take_quantity(rest).ok_or_else(shape)?;
        seconds += number
            * match unit {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" | "min" => 60.0,
                "h" => 3600.0,
                "" => return Err(format!("it has no unit; for seconds use `{text}s`")),
                _ => {
                    return Err(format!(
                        "`{unit}` is not a unit of time; use us, ms, s, m or h"
                    ));
                }
            };
        rest = after;
    }
    let value = Duration::try_from_secs_f64(seconds)
        .map_err(|_| "it is too long; for no limit use `none`".to_owned())?;
    Ok(OrNone(Some(value)))
}

/// As [`duration`], or `200%`.
pub fn timeout(text: &str) -> Result<Timeout, String> {
    let Some(percent) = text.strip_suffix('%') else {
        return duration(text).map(Timeout::Time);
    };
    match percent.parse() {
        Ok(percent) if percent > 100 => Ok(Timeout::OfMedian(percent)),
        _ => Err("a share of the median is a whole number above 100, as in `200%`".into()),
    }
}

/// `128MiB`, `64K`, `1.5G`, a plain number of bytes, or `none`. `K`, `M` and
/// `G` are powers of 1024, as `KiB` is; `KB`, `MB` and `GB` are powers of 1000.
pub fn size(text: &str) -> Result<OrNone<u64>, String> {
    if text == "none" {
        return Ok(OrNone(None));
    }
    let shape =
        || "a size is a number and a unit, as in `64K`, `128MiB` or `1G`, or `none`".to_owned();
    let (number, unit, after) = take_quantity(text).ok_or_else(shape)?;
    if !after.is_empty() {
        return Err(shape());
    }
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => {
            return Err(format!(
                "`{unit}` is not a unit of size; use B, KiB, MiB or GiB"
            ));
        }
    };
    let bytes = number * factor as f64;
    if factor == 1 && bytes.fract() != 0.0 || bytes > 0.0 && bytes < 1.0 {
        return Err(format!(
            "it is not a whole number of bytes; with a unit it is a size, as in `{number}G`"
        ));
    }
    // 2^53: beyond it a float no longer holds every whole number, and no
    // machine has as much.
    if bytes > 9_007_199_254_740_992.0 {
        return Err("it is too large; for no limit use `none`".into());
    }
    Ok(OrNone(Some(bytes as u64)))
}

/// A number of processes: `4`, `50%` of the cores, `+1` or `-1` beside them. At
/// least one.
pub fn processes(text: &str) -> Result<usize, String> {
    processes_of(text, thread::available_parallelism().map_or(1, usize::from))
}

fn processes_of(text: &str, cores: usize) -> Result<usize, String> {
    let shape = || {
        "a number of processes is `4`, `50%` of the cores, or `+1` or `-1` relative to them"
            .to_owned()
    };
    let number = |text: &str| text.parse::<usize>().map_err(|_| shape());
    if let Some(percent) = text.strip_suffix('%') {
        let processes = cores.saturating_mul(number(percent)?) / 100;
        return Ok(processes.max(1));
    }
    if let Some(more) = text.strip_prefix('+') {
        return Ok(cores.saturating_add(number(more)?));
    }
    if let Some(fewer) = text.strip_prefix('-') {
        return Ok(cores.saturating_sub(number(fewer)?).max(1));
    }
    match number(text)? {
        0 => Err("a pool needs at least 1 process".into()),
        processes => Ok(processes),
    }
}

/// A load: a number of running processes, or `100%` of the cores.
pub fn load(text: &str) -> Result<f64, String> {
    load_of(text, thread::available_parallelism().map_or(1, usize::from))
}

fn load_of(text: &str, cores: usize) -> Result<f64, String> {
    let load = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().map(|p| p / 100.0 * cores as f64),
        None => text.parse::<f64>(),
    };
    match load {
        Ok(load) if load.is_finite() && load > 0.0 => Ok(load),
        _ => {
            Err("a load is a number of running processes, as in `4`, or `100%` of the cores".into())
        }
    }
}

/// Units of fuel: a whole number, with underscores if one likes, or `none`.
pub fn fuel(text: &str) -> Result<OrNone<u64>, String> {
    if text == "none" {
        return Ok(OrNone(None));
    }
    let digits = text.replace('_', "");
    let number = digits
        .parse()
        .map_err(|_| "fuel is a whole number, or `none`".to_owned())?;
    Ok(OrNone(Some(number)))
}

/// Splits `1.5GiB...` into its number, its unit and what follows.
fn take_quantity(text: &str) -> Option<(f64, &str, &str)> {
    let is_digit = |c: char| c.is_ascii_digit() || c == '.';
    let digits = text.find(|c| !is_digit(c)).unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    let letters = rest.find(is_digit).unwrap_or(rest.len());
    let (unit, after) = rest.split_at(letters);
    Some((number.parse().ok()?, unit.trim(), after))
}

/// `NAME` or `NAME=VALUE`.
pub fn variable(text: &str) -> Result<Variable, String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    match name {
        "" => Err("a variable is `NAME` or `NAME=VALUE`".into()),
        _ => Ok(Variable {
            name: name.to_owned(),
            value,
        }),
    }
}

/// A parser of `NAME=WORD`.
pub fn keywords() -> impl TypedValueParser<Value = Keyword> {
    OsStringValueParser::new().try_map(|text| keyword(&text))
}

/// `NAME=WORD`.
fn keyword(text: &OsStr) -> Result<Keyword, String> {
    let bytes = text.as_bytes();
    let equals = bytes.iter().position(|byte| *byte == b'=').unwrap_or(0);
    match std::str::from_utf8(&bytes[..equals]) {
        Ok(name) if !name.is_empty() => Ok(Keyword {
            name: name.to_owned(),
            word: OsStr::from_bytes(&bytes[equals + 1..]).to_owned(),
        }),
        _ => Err("an argument by name is `NAME=WORD`, as in `n=30`".into()),
    }
}

/// `process`, `process-reuse=N` or `process-per-task`.
pub fn isolation(text: &str) -> Result<Isolation, String> {
    match text {
        "process" => return Ok(Isolation::Process),
        "process-per-task" => return Ok(Isolation::ProcessPerTask),
        "process-reuse" => {
            return Err(
                "give the number of tasks for which an instance is kept, as in `process-reuse=100`"
                    .into(),
            );
        }
        "in-process" => {
            return Err(
                "the command does not run guests in its own process; the library does, for \
                 trusted modules (`sandpool::in_process`), and `sandpool bench` measures it"
                    .into(),
            );
        }
        _ => {}
    }
    let unknown = || "use `process`, `process-reuse=N` or `process-per-task`".to_owned();
    let tasks = text.strip_prefix("process-reuse=").ok_or_else(unknown)?;
    let tasks = tasks
        .parse()
        .map_err(|_| format!("`{tasks}` is not a number of tasks (1 or more)"))?;
    Ok(Isolation::ProcessReuse(tasks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU64;

    #[test]
    fn durations_need_a_unit_and_may_be_none() {
        let read = |text| duration(text).unwrap().0;
        assert_eq!(read("300ms"), Some(Duration::from_millis(300)));
        assert_eq!(read("2s"), Some(Duration::from_secs(2)));
        assert_eq!(read("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(read("1.5h"), Some(Duration::from_secs(5400)));
        assert_eq!(read("none"), None);
        assert_eq!(
            duration("300").unwrap_err(),
            "it has no unit; for seconds use `300s`"
        );
        assert!(duration("").unwrap_err().starts_with("a duration is"));
        for wrong in [
            "",
            "s",
            "-1s",
            "0s",
            "1y",
            "1e400s",
            "nones",
            "1..2s",
            "99999999999999999999h",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_delay_is_one_too_and_no_limit() {
        assert_eq!(delay("0s"), Ok(OrNone(Some(Duration::ZERO))));
        assert_eq!(delay("2s"), duration("2s"));
        let refused = duration("0ms").unwrap_err();
        assert!(
            refused.starts_with("a time must be longer than 0"),
            "{refused}"
        );
    }

    #[test]
    fn a_timeout_may_be_a_share_of_the_median() {
        assert_eq!(timeout("200%"), Ok(Timeout::OfMedian(200)));
        assert_eq!(timeout("none"), Ok(Timeout::Time(OrNone(None))));
        for wrong in ["100%", "%", "-5%", "1.5%", "200 %", "200"] {
            assert!(timeout(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024_unless_they_end_in_a_plain_b() {
        let read = |text| size(text).unwrap().0;
        assert_eq!(read("128MiB"), Some(128 << 20));
        assert_eq!(read("64K"), Some(64 << 10));
        assert_eq!(read("1g"), Some(1 << 30));
        assert_eq!(read("1.5KiB"), Some(1536));
        assert_eq!(read("5KB"), Some(5000));
        assert_eq!(read("1000"), Some(1000));
        assert_eq!(read("none"), None);
        assert_eq!(read("0"), Some(0));
        assert_eq!(read(".5G"), Some(512 << 20));
        assert_eq!(
            size(".5").unwrap_err(),
            "it is not a whole number of bytes; with a unit it is a size, as in `0.5G`"
        );
        for wrong in [
            "1.5",
            "0.0001K",
            "",
            "MiB",
            "-1",
            "1X",
            "1M2",
            "1e3",
            "99999999T",
        ] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn processes_are_a_number_or_counted_from_the_cores() {
        let read = |text| processes_of(text, 8);
        assert_eq!(read("3"), Ok(3));
        assert_eq!(
            [read("50%"), read("1%"), read("200%")],
            [Ok(4), Ok(1), Ok(16)]
        );
        assert_eq!(
            [read("+1"), read("-1"), read("-100")],
            [Ok(9), Ok(7), Ok(1)]
        );
        for wrong in ["0", "", "%", "x", "1.5", "+", "-", "--1", "5%%"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_load_is_a_number_or_a_share_of_the_cores() {
        assert_eq!(load_of("2.5", 8), Ok(2.5));
        assert_eq!(load_of("50%", 8), Ok(4.0));
        for wrong in ["0", "-1", "", "inf", "x%"] {
            assert!(load_of(wrong, 8).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_keyword_is_split_at_its_first_equals_sign() {
        let keyword = |text: &str| keyword(OsStr::new(text));
        assert_eq!(
            keyword("a=b=c").unwrap(),
            Keyword {
                name: "a".into(),
                word: "b=c".into()
            }
        );
        assert_eq!(keyword("a=").unwrap().word, "");
        assert!(keyword("a").is_err() && keyword("=b").is_err());
        assert_eq!(variable("HOME").unwrap().value, None);
        assert_eq!(variable("HOME=").unwrap().value, Some(String::new()));
    }

    #[test]
    fn isolation_names_what_there_is() {
        assert_eq!(isolation("process"), Ok(Isolation::Process));
        assert_eq!(isolation("process-per-task"), Ok(Isolation::ProcessPerTask));
        let hundred = NonZeroU64::new(100).unwrap();
        assert_eq!(
            isolation("process-reuse=100"),
            Ok(Isolation::ProcessReuse(hundred))
        );
        for wrong in ["process-reuse=0", "process-reuse", "in-process", "thread"] {
            assert!(isolation(wrong).is_err(), "{wrong}");
        }
    }
}
