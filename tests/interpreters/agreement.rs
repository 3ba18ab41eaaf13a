//! The guests read and write the same form: `agreement.txt` says of each text what Rust,
//! Python and JavaScript write after they have read it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use sandpool::value::script::ScriptValue;

/// Columns with tabs between them: a text; what Rust, Python and JavaScript write, where `=`
/// is the text and `refused` an error.
const TEXTS: &str = include_str!("agreement.txt");

const PYTHON: &str = r#"
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from sandpool_guest import values
for line in sys.stdin.buffer:
    try:
        written = values.encode(values.decode(line.decode().rstrip("\n")))
    except (ValueError, TypeError):
        written = "refused"
    sys.stdout.buffer.write(written.encode() + b"\n")
"#;

const JAVASCRIPT: &str = r#"
const values = require(process.argv[1]);
for (const line of require("fs").readFileSync(0, "utf8").trimEnd().split("\n")) {
  let written = "refused";
  try {
    written = values.encode(values.decode(line));
  } catch {}
  console.log(written);
}
"#;

/// Returns each text with what the column says of it.
fn expected(column: usize) -> impl Iterator<Item = (&'static str, &'static str)> {
    TEXTS.lines().map(move |line| {
        let columns: Vec<&str> = line.split('\t').collect();
        assert_eq!(columns.len(), 4, "{line}");
        let expected = columns[column];
        (
            columns[0],
            if expected == "=" {
                columns[0]
            } else {
                expected
            },
        )
    })
}

/// Checks what was written of each text, in their order.
fn compare<'a>(column: usize, written: impl IntoIterator<Item = &'a str>) {
    let differences: Vec<String> = expected(column)
        .zip(written)
        .filter(|((_, expected), written)| expected != written)
        .map(|((text, expected), written)| format!("{text}\t{written}\tnot {expected}"))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn rust_writes_what_the_table_says() {
    let written: Vec<String> = expected(1)
        .map(|(text, _)| match ScriptValue::from_json(text) {
            Ok(value) => value.to_string(),
            Err(_) => "refused".to_owned(),
        })
        .collect();
    compare(1, written.iter().map(String::as_str));
}

#[test]
fn python_writes_what_the_table_says() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../guest-tasks/python");
    let version = "import sys; assert sys.version_info >= (3, 11)";
    check("python3", &["-c", version], &["-c", PYTHON, folder], 2);
}

#[test]
fn javascript_writes_what_the_table_says() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../guest-tasks/javascript/js/values.js"
    );
    check("node", &["-e", ""], &["-e", JAVASCRIPT, file], 3);
}

/// Runs an interpreter over the texts, if it is installed and the guests' sources are here.
#[expect(
    clippy::disallowed_methods,
    reason = "an interpreter of this machine, which reads to its end"
)]
fn check(interpreter: &str, probe: &[&str], words: &[&str], column: usize) {
    let usable = Command::new(interpreter)
        .args(probe)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !usable || !std::path::Path::new(words[2]).exists() {
        eprintln!("SKIPPED: `{interpreter}` is not installed in a version that fits");
        return;
    }
    let mut child = Command::new(interpreter)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it was started before");
    let mut input = child.stdin.take().expect("piped");
    for (text, _) in expected(column) {
        writeln!(input, "{text}").expect("it reads to its end");
    }
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let written = String::from_utf8(output.stdout).expect("text");
    assert_eq!(written.lines().count(), TEXTS.lines().count());
    compare(column, written.lines());
}
