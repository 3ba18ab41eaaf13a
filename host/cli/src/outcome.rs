//! An outcome as a line of JSON: the short form that `map` writes, and the
//! full one of `map --outcomes` and `run --outcome`.
//!
//! A value goes from the outcome into the line without a tree in between, and
//! the line's buffer is used again: `map` writes one for each of a million
//! inputs.

use std::io::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sandpool::{Origin, Outcome, Value, Verdict, value};

use super::flags::settings;
use super::map::{Opened, Stored};
use super::report;
use super::sanitize::put_json_string;

/// The amount of detail in an outcome's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Index, verdict, the value or the error, and what was refused.
    Short,
    /// Every field of the outcome.
    Full,
}

/// A JSON object that grows field by field.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> Object<'a> {
    fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Object { out, first: true }
    }

    fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    fn number(&mut self, key: &str, number: impl itoa::Integer) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).as_bytes();
        self.key(key).extend_from_slice(digits);
    }

    fn text(&mut self, key: &str, text: &str) {
        put_json_string(text, self.key(key));
    }

    fn value(&mut self, key: &str, value: &Value) {
        put_value(value, self.key(key));
    }

    /// Output of a guest: text if it is UTF-8, else as bytes are written in a value.
    fn output(&mut self, key: &str, bytes: &[u8]) {
        put_output(bytes, self.key(key));
    }

    fn milliseconds(&mut self, key: &str, time: Duration) {
        let micros = time.as_micros();
        let _ = write!(self.key(key), "{}.{:03}", micros / 1000, micros % 1000);
    }

    fn close(self) {
        self.out.push(b'}');
    }
}

/// Appends a value as JSON.
pub fn put_value(value: &Value, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = value::write_json(value, out);
}

/// Appends a command's output as a JSON string, or as `{"base64":...}` if it is
/// no UTF-8.
pub fn put_output(bytes: &[u8], out: &mut Vec<u8>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => put_json_string(text, out),
        Err(_) => {
            let _ = write!(out, "{{\"base64\":\"{}\"}}", BASE64.encode(bytes));
        }
    }
}

/// Appends where a value is, in the place of the value.
pub fn put_place(stored: &Stored, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    put_stored(&mut object, Some(stored));
    object.close();
}

/// Makes lines of JSON, each in the same buffer.
#[derive(Debug, Default)]
pub struct LineWriter {
    line: Vec<u8>,
}

/// A buffer beyond this is given back after its line: one large result is not
/// kept for a million small ones.
const KEPT_CAPACITY: usize = 1 << 20;

impl LineWriter {
    /// The line that `put` makes, with its newline.
    pub fn line(&mut self, put: impl FnOnce(&mut Vec<u8>)) -> &[u8] {
        self.line.clear();
        self.line.shrink_to(KEPT_CAPACITY);
        put(&mut self.line);
        self.line.push(b'\n');
        &self.line
    }
}

/// Appends an outcome as a JSON object, with its `input` where that is given, and
/// where its value is, if that is `stored` elsewhere. A value that is JSON stands there as
/// that, if it was `opened`.
pub fn put_outcome(
    outcome: &Outcome<Value>,
    opened: Option<Opened<'_>>,
    input: Option<&str>,
    stored: Option<&Stored>,
    detail: Detail,
    out: &mut Vec<u8>,
) {
    let mut object = Object::open(out);
    object.number("index", outcome.index);
    if let Some(input) = input {
        object.text("input", input);
    }
    object.text("verdict", outcome.verdict.name());
    match (opened, &outcome.value) {
        (Some(opened), _) => opened.put(object.key("value")),
        (None, Some(value)) => object.value("value", value),
        (None, None) => {}
    }
    if outcome.verdict != Verdict::Ok {
        object.text("error", &report::outcome_text(outcome));
    }
    put_stored(&mut object, stored);
    match detail {
        Detail::Short => {
            put_http(&mut object, outcome);
            put_refusals(&mut object, outcome);
        }
        Detail::Full => put_details(&mut object, outcome),
    }
    object.close();
}

/// Appends a command's outcome: its output stands where a call has its value.
pub fn put_command_outcome(
    outcome: &Outcome<Value>,
    input: Option<&str>,
    stored: Option<&Stored>,
    detail: Detail,
    out: &mut Vec<u8>,
) {
    let mut object = Object::open(out);
    object.number("index", outcome.index);
    if let Some(input) = input {
        object.text("input", input);
    }
    object.text("verdict", outcome.verdict.name());
    if !matches!(outcome.verdict, Verdict::Ok | Verdict::Exit) {
        object.text("error", &report::outcome_text(outcome));
    }
    put_stored(&mut object, stored);
    match detail {
        Detail::Short => {
            if let Some(code) = outcome.exit_code.filter(|code| *code != 0) {
                object.number("exit_code", code);
            }
            for (key, bytes) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
                if let Some(bytes) = bytes {
                    object.output(key, bytes);
                }
            }
            put_http(&mut object, outcome);
            put_refusals(&mut object, outcome);
        }
        Detail::Full => put_details(&mut object, outcome),
    }
    object.close();
}

/// Appends all that is known of a task but its value and what it wrote, which
/// have files of their own.
pub fn put_record(outcome: &Outcome<Value>, input: &str, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.number("index", outcome.index);
    object.text("input", input);
    object.text("verdict", outcome.verdict.name());
    if outcome.verdict != Verdict::Ok {
        object.text("error", &report::outcome_text(outcome));
    }
    put_facts(&mut object, outcome);
    object.close();
}

fn put_stored(object: &mut Object<'_>, stored: Option<&Stored>) {
    match stored {
        None => {}
        Some(Stored::File(path)) => object.text("file", path),
        Some(Stored::Folder(path)) => object.text("folder", path),
    }
}

fn put_details(object: &mut Object<'_>, outcome: &Outcome<Value>) {
    put_facts(object, outcome);
    for (key, bytes) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
        if let Some(bytes) = bytes {
            object.output(key, bytes);
        }
    }
}

fn put_facts(object: &mut Object<'_>, outcome: &Outcome<Value>) {
    if let Some(value) = &outcome.error_value {
        object.value("error_value", value);
    }
    object.text("function", &outcome.function);
    object.text("module_hash", &outcome.module_hash);
    object.number("attempts", outcome.attempts);
    if outcome.poison {
        object.key("poison").extend_from_slice(b"true");
    }
    if let Some(pid) = outcome.worker_pid {
        object.number("worker_pid", pid);
    }
    object.milliseconds("queue_wait_ms", outcome.queue_wait);
    if let Some(time) = outcome.run_time {
        object.milliseconds("run_time_ms", time);
    }
    if let Some(time) = outcome.cpu_time {
        object.milliseconds("cpu_time_ms", time);
    }
    if let Some(bytes) = outcome.peak_memory {
        object.number("peak_memory", bytes);
    }
    if let Some(fuel) = outcome.fuel {
        object.number("fuel", fuel);
    }
    if let Some(code) = outcome.exit_code {
        object.number("exit_code", code);
    }
    if let Some(signal) = outcome.signal {
        object.number("signal", signal);
    }
    put_http(object, outcome);
    put_refusals(object, outcome);
    if let Some(limit) = &outcome.limit {
        let mut inner = Object::open(object.key("limit"));
        inner.text("name", limit.name.name());
        if let Some(flag) = settings::flag_of(limit) {
            inner.text("flag", flag);
        }
        inner.text("value", &limit.value);
        inner.text("origin", origin(limit.origin));
        inner.close();
    }
}

/// Appends the HTTP requests of the task, if there are any.
fn put_http(object: &mut Object<'_>, outcome: &Outcome<Value>) {
    if outcome.http.is_empty() {
        return;
    }
    let out = object.key("http");
    for (index, exchange) in outcome.http.iter().enumerate() {
        out.push(if index == 0 { b'[' } else { b',' });
        let mut inner = Object::open(out);
        inner.text("method", &exchange.method);
        inner.text("origin", &exchange.origin);
        if let Some(status) = exchange.status {
            inner.number("status", status);
        }
        inner.number("sent", exchange.sent);
        inner.number("bytes", exchange.received);
        inner.close();
    }
    out.push(b']');
}

/// Appends the refusals of the task, if there are any.
fn put_refusals(object: &mut Object<'_>, outcome: &Outcome<Value>) {
    if outcome.refusals.is_empty() {
        return;
    }
    let out = object.key("refusals");
    for (index, refusal) in outcome.refusals.iter().enumerate() {
        out.push(if index == 0 { b'[' } else { b',' });
        let mut inner = Object::open(out);
        inner.text("what", &refusal.what);
        inner.text("detail", &refusal.detail);
        inner.close();
    }
    out.push(b']');
}

/// Returns the traceback of a script's failure, if the task ended with one.
pub fn traceback(outcome: &Outcome<Value>) -> Option<&str> {
    let Some(Value::Record(fields)) = &outcome.error_value else {
        return None;
    };
    match fields.iter().find(|(name, _)| name == "traceback") {
        Some((_, Value::String(text))) => Some(text),
        _ => None,
    }
}

/// Where a limit came from, as a script reads it.
fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Default => "default",
        // All that this command sets, it sets by its flags.
        Origin::Pool | Origin::Call => "flag",
    }
}

/// A task's end as an exit code, after timeout(1): that of `run`, and what the
/// log of a `map` says.
pub fn exit_code(verdict: Verdict, guest: Option<i32>) -> u8 {
    match verdict {
        Verdict::Ok => 0,
        // A guest that failed must not pass for one that did not, as 256 would
        // when only its low byte is handed on.
        Verdict::Exit => match guest.unwrap_or(1).to_le_bytes()[0] {
            0 => 1,
            code => code,
        },
        Verdict::Error => 1,
        Verdict::Timeout => 124,
        Verdict::InternalError => 125,
        Verdict::InvalidModule | Verdict::CompileLimit | Verdict::InvalidArguments => 126,
        Verdict::Cancelled => report::INTERRUPTED,
        Verdict::Trap => 134,
        Verdict::CpuLimit
        | Verdict::OutOfFuel
        | Verdict::MemoryLimit
        | Verdict::OutputLimit
        | Verdict::Denied
        | Verdict::WorkerLost => 137,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_that_is_no_text_is_written_as_bytes_are() {
        let mut writer = LineWriter::default();
        assert_eq!(writer.line(|out| put_output(b"a\n", out)), b"\"a\\n\"\n");
        assert_eq!(
            writer.line(|out| put_output(&[0xff, 0], out)),
            b"{\"base64\":\"/wA=\"}\n"
        );
    }

    #[test]
    fn an_object_has_commas_between_its_fields() {
        let mut out = Vec::new();
        let mut object = Object::open(&mut out);
        object.number("a", 1u64);
        object.text("b", "x\"y");
        object.milliseconds("c", Duration::from_micros(1_002_003));
        object.close();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"a":1,"b":"x\"y","c":1002.003}"#
        );
    }

    #[test]
    fn a_large_line_does_not_keep_its_buffer() {
        let mut writer = LineWriter::default();
        writer.line(|out| out.resize(8 * KEPT_CAPACITY, b'x'));
        writer.line(|out| out.push(b'1'));
        assert!(writer.line.capacity() <= 2 * KEPT_CAPACITY);
    }

    #[test]
    fn the_guests_code_is_handed_on_and_never_turns_into_success() {
        assert_eq!(exit_code(Verdict::Ok, None), 0);
        assert_eq!(exit_code(Verdict::Exit, Some(42)), 42);
        assert_eq!(exit_code(Verdict::Exit, Some(256)), 1);
        assert_eq!(exit_code(Verdict::Exit, Some(-1)), 255);
        assert_eq!(exit_code(Verdict::Timeout, None), 124);
        assert_eq!(exit_code(Verdict::Trap, None), 134);
        assert_eq!(exit_code(Verdict::MemoryLimit, None), 137);
    }
}
