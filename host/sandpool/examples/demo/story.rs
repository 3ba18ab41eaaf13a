//! The output of the demo: headings, and indented lines beneath them.
#![expect(clippy::print_stdout, reason = "the demo is there to be read")]

use std::time::Duration;

/// The number of characters shown of a guest's message.
const SHOWN: usize = 88;

pub fn heading(text: &str) {
    println!("\n{text}");
}

pub fn line(text: &str) {
    println!("  {text}");
}

/// A message that a guest had a hand in, fit for a terminal: one short line
/// without control codes.
pub fn one_line(text: &str) -> String {
    let mut characters = text.lines().next().unwrap_or_default().chars();
    let mut shown: String = characters
        .by_ref()
        .take(SHOWN)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect();
    if characters.next().is_some() {
        shown.push_str("...");
    }
    shown
}

pub fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

pub fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

/// Tasks per second.
pub fn rate(tasks: usize, duration: Duration) -> String {
    format!("{:.0} tasks/s", tasks as f64 / duration.as_secs_f64())
}
