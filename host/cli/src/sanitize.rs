//! Keeps a guest's bytes from steering the terminal.
//!
//! Whatever a guest can choose (its errors, logs, names of exports) and that
//! we put into a message of ours goes through here, and so does what the tasks of
//! a map print, if a terminal shows it. A result that is printed with `--raw`, and
//! what `run` passes through, are the guest's own output and do not.

use sandpool::value::Printable;

/// The text on one line, with what would steer a terminal as `\n`, `\t` and
/// `\u{1b}`.
pub fn line(text: &str) -> String {
    Printable(text).to_string()
}

/// Returns whether a character stands in such a text as itself.
pub fn is_shown(c: char) -> bool {
    let mut buffer = [0; 4];
    let c: &str = c.encode_utf8(&mut buffer);
    line(c) == c
}

/// The same with its tabs kept, for output that is shown line by line.
pub fn tabbed(text: &str) -> String {
    text.split('\t').map(line).collect::<Vec<_>>().join("\t")
}

/// Bytes that should be text, line by line; what is no UTF-8 shows as `\u{fffd}`.
pub fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(tabbed).collect()
}

/// The same as one text, with its ends of lines kept.
pub fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown = String::with_capacity(text.len());
    for whole in text.split_inclusive('\n') {
        let line = whole.strip_suffix('\n');
        // A terminal is at the line's beginning then anyway.
        let line = line.map(|line| line.strip_suffix('\r').unwrap_or(line));
        shown.push_str(&tabbed(line.unwrap_or(whole)));
        if line.is_some() {
            shown.push('\n');
        }
    }
    shown
}

/// Appends the text as a JSON string, with the control codes that JSON lets
/// pass (DEL and the C1 set) as `\u009b`, as the library writes values.
pub fn put_json_string(text: &str, out: &mut Vec<u8>) {
    let start = out.len();
    // A string always serialises, and writing to a vector cannot fail.
    let _ = serde_json::to_writer(&mut *out, text);
    // The C1 set is 0xC2 0x80 to 0xC2 0x9F in UTF-8.
    if text.bytes().any(|byte| matches!(byte, 0x7f | 0xc2)) {
        let json = out.split_off(start);
        for c in String::from_utf8_lossy(&json).chars() {
            match c.is_control() {
                true => out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes()),
                false => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_codes_are_shown_and_not_obeyed() {
        assert_eq!(line("plain, ünïcödé ✓"), "plain, ünïcödé ✓");
        assert_eq!(line("\u{1b}[31mred\u{7}"), "\\u{1b}[31mred\\u{7}");
        assert_eq!(line("a\nhint: b\tc\rd"), "a\\nhint: b\\tc\\rd");
        assert_eq!(line("\u{9b}2J \u{202e}evil"), "\\u{9b}2J \\u{202e}evil");
    }

    #[test]
    fn lines_keep_their_tabs_and_survive_bad_utf8() {
        assert_eq!(lines(b"a\tb\r\nc\xff\x1b"), ["a\tb", "c\u{fffd}\\u{1b}"]);
        assert!(lines(b"").is_empty());
        assert_eq!(
            text(b"a\tb\r\n\n\rc\xff\x1b"),
            "a\tb\n\n\\rc\u{fffd}\\u{1b}"
        );
        assert_eq!(text(b"\n"), "\n");
    }

    #[test]
    fn a_json_string_means_the_same_and_holds_no_control_code() {
        let text = "a\u{7f}b\u{9b}c\u{e9}\u{a0}\n\u{1b}";
        let mut json = b"[".to_vec();
        put_json_string(text, &mut json);
        let json = String::from_utf8(json).unwrap();
        assert!(!json.chars().any(char::is_control), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json[1..]).unwrap(), text);
    }
}
