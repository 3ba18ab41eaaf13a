//! Finds a guest's last words on standard error before it ended badly: the text of a panic,
//! the end of a traceback, the complaint of an allocator.

use crate::outcome::{Outcome, Verdict};
use sandpool_value::Printable;

/// The number of bytes of standard error that are looked at, from its end.
const LOOKED_AT: usize = 16 * 1024;

/// The number of lines of a panic that are shown.
const PANIC_LINES: usize = 8;

/// The number of lines of any other text that are shown.
const LAST_LINES: usize = 4;

/// The largest size in bytes of the shown words.
const MAX_WORDS_LEN: usize = 1000;

/// Adds the guest's last words on standard error to an outcome's error, if they were
/// captured. Only for tasks whose guest ended by itself: the host knows better how the
/// others ended.
pub(crate) fn add<T>(outcome: &mut Outcome<T>) {
    let by_itself = match outcome.verdict {
        Verdict::Trap | Verdict::Exit | Verdict::MemoryLimit | Verdict::InternalError => true,
        // The function's own error is in the payload already.
        Verdict::Error => outcome.error_value.is_none(),
        _ => false,
    };
    let words = outcome.stderr.as_deref().filter(|_| by_itself);
    if let (Some(error), Some(words)) = (&mut outcome.error, words.and_then(last_words)) {
        error.push_str("; stderr: ");
        error.push_str(&words);
    }
}

/// Returns the last lines as one line, with control characters escaped; `None` if no line
/// is worth showing.
fn last_words(stderr: &[u8]) -> Option<String> {
    let end = &stderr[stderr.len().saturating_sub(LOOKED_AT)..];
    let text = String::from_utf8_lossy(end);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(is_telling).collect();
    let panic = lines.iter().rposition(|line| begins_a_panic(line));
    let told = match panic {
        Some(first) => {
            // An interpreter written in Rust panics over an error of its program.
            let raised = lines[..first]
                .iter()
                .any(|line| line.starts_with("Traceback"));
            let first = first - usize::from(raised && first > 0);
            &lines[first..lines.len().min(first + PANIC_LINES)]
        }
        None => &lines[lines.len().saturating_sub(LAST_LINES)..],
    };
    let mut words = String::new();
    for line in told {
        match words.chars().last() {
            None => {}
            // The next line belongs to this one.
            Some(':') => words.push(' '),
            Some(_) => words.push_str(" | "),
        }
        words.push_str(&Printable(line).to_string());
    }
    if words.len() > MAX_WORDS_LEN {
        words.truncate(words.floor_char_boundary(MAX_WORDS_LEN));
        words.push('…');
    }
    (!words.is_empty()).then_some(words)
}

/// Returns `true` if a line is worth showing.
fn is_telling(line: &&str) -> bool {
    let hints_at_a_setting = line.starts_with("note: ") && line.contains("RUST_BACKTRACE");
    // Marks beneath the code in a traceback.
    let is_a_mark = line.chars().all(|c| matches!(c, '^' | '~' | ' '));
    !hints_at_a_setting && !is_a_mark
}

fn begins_a_panic(line: &str) -> bool {
    line.starts_with("thread '") && line.contains(" panicked at ")
        || line.starts_with("panicked at ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_its_place_and_without_what_rust_says_of_backtraces() {
        let stderr = b"working\n\nthread '<unnamed>' (1) panicked at src/lib.rs:33:9:\n\
            left: 1\n right: 2\n\
            note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        let told = "thread '<unnamed>' (1) panicked at src/lib.rs:33:9: left: 1 | right: 2";
        assert_eq!(last_words(stderr).as_deref(), Some(told));
    }

    #[test]
    fn of_anything_else_the_last_lines_are_told() {
        let traceback = b"Traceback (most recent call last):\n  File \"/0/app.py\", line 9, in f\n\
              \x20   return 1/0\n           ~^~\nZeroDivisionError: division by zero\n";
        let told = "Traceback (most recent call last): File \"/0/app.py\", line 9, in f \
            | return 1/0 | ZeroDivisionError: division by zero";
        assert_eq!(last_words(traceback).as_deref(), Some(told));
        let python = b"Traceback (most recent call last):\n  File \"/0/app.py\", line 7, in f\n\
            ZeroDivisionError: division by zero\n\n\
            thread '<unnamed>' (1) panicked at runtime/src/lib.rs:1280:25:\n\
            Python function threw an unexpected exception\n";
        let told = "ZeroDivisionError: division by zero | thread '<unnamed>' (1) panicked at \
            runtime/src/lib.rs:1280:25: Python function threw an unexpected exception";
        assert_eq!(last_words(python).as_deref(), Some(told));
        let many: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
        let told = "line 9996 | line 9997 | line 9998 | line 9999";
        assert_eq!(last_words(many.as_bytes()).as_deref(), Some(told));
        assert_eq!(last_words(b"\n  \n"), None);
        assert_eq!(last_words(b""), None);
    }

    #[test]
    fn it_is_bounded_and_steers_no_terminal() {
        let evil = "\u{1b}[2J\r\u{7}é\u{202e}".repeat(10_000);
        let words = last_words(evil.as_bytes()).expect("something");
        assert!(
            words.len() <= MAX_WORDS_LEN + '…'.len_utf8(),
            "{}",
            words.len()
        );
        assert!(!words.chars().any(char::is_control), "{words}");
        assert!(last_words(&[0xff; 100_000]).is_some());
    }
}
