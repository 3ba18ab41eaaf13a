//! Measures how fast texts of several kinds are checked and read as values of scripts:
//! `cargo run --release --package sandpool-value --example script_speed`.

use std::io::Write as _;
use std::time::Instant;

use sandpool_value::script::{ScriptValue, compact};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let row = r#"{"id":12345,"name":"Ada Lovelace","tags":["a","b"],"score":-12.75,"ok":true}"#;
    for (name, part) in [
        ("objects", row.to_owned()),
        (
            "objects with white space",
            row.replace(',', ", ").replace(':', ": "),
        ),
        ("integers", "1234567".to_owned()),
        ("short strings", r#""abc""#.to_owned()),
        ("long strings", format!("\"{}\"", "x".repeat(1000))),
        ("escapes", r#""\u00e9\n\u00e9\n""#.to_owned()),
        ("no ASCII", r#""日本語のテキスト""#.to_owned()),
        ("brackets", "[[[[]]]]".to_owned()),
    ] {
        let parts = vec![part.as_str(); 8_000_000 / (part.len() + 1)];
        let text = format!("[{}]", parts.join(","));
        let mut out = Vec::new();
        compact(&text, &mut out)?;
        let compacted = fastest(|| {
            out.clear();
            compact(&text, &mut out)
        });
        let read = fastest(|| ScriptValue::from_json(&text));
        let speed = |seconds| text.len() as f64 / 1e6 / seconds;
        writeln!(
            std::io::stdout(),
            "{name}: compacts {:.0} MB/s, reads {:.0} MB/s",
            speed(compacted),
            speed(read)
        )?;
    }
    Ok(())
}

/// Returns the seconds of the fastest of a few runs.
fn fastest<T>(mut run: impl FnMut() -> T) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        drop(run());
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}
