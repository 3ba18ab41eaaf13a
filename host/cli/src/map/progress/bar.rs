//! The display of progress, in words and as a bar.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::termios::tcgetwinsize;
use sandpool::ProgressReport;

use super::View;
use crate::{report, screen, show};

/// So much of an input is shown.
const LABEL: usize = 24;

/// So much of what a guest says is shown.
const MESSAGE: usize = 40;

/// Draws itself at most so often in a second.
const HERTZ: u8 = 10;

/// The bar on the terminal's last line.
pub struct Bar {
    bar: ProgressBar,
    layout: BarLayout,
    colour: bool,
}

/// The content of the display, and the room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BarLayout {
    has_total: bool,
    /// On a narrow terminal the words are all there is room for: a second row could
    /// not be drawn over.
    narrow: bool,
}

/// A terminal of fewer columns is narrow.
const WIDE: u16 = 60;

impl Bar {
    pub fn new() -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(HERTZ);
        let layout = BarLayout {
            has_total: false,
            narrow: is_narrow(),
        };
        let bar = ProgressBar::with_draw_target(None, target).with_style(layout.style());
        screen::share(Some(bar.clone()));
        Bar {
            bar,
            layout,
            colour: report::use_colour(),
        }
    }

    pub fn draw(&mut self, view: &View) {
        let total = view.extent.all();
        let layout = BarLayout {
            has_total: total.is_some(),
            // It may have been another a moment ago.
            narrow: is_narrow(),
        };
        if self.layout != layout {
            self.layout = layout;
            self.bar.set_style(layout.style());
        }
        let place = view.done + view.extent.done_before();
        self.bar.update(|state| {
            if let Some(total) = total {
                state.set_len(total);
            }
            state.set_pos(place);
        });
        self.bar.set_message(line(view, self.colour));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        screen::share(None);
        self.bar.finish_and_clear();
    }
}

impl BarLayout {
    fn style(self) -> ProgressStyle {
        let template = match self {
            BarLayout { narrow: true, .. } => "{wide_msg}",
            BarLayout {
                has_total: true, ..
            } => "[{bar:24}] {wide_msg}",
            _ => "{spinner} {wide_msg}",
        };
        // The templates are ours, and good.
        ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ")
    }
}

/// Returns whether stderr is a terminal with few columns; one that does not say how
/// many it has has enough.
fn is_narrow() -> bool {
    tcgetwinsize(io::stderr()).is_ok_and(|size| (1..WIDE).contains(&size.ws_col))
}

/// `1,234 of 5,000 done, 3 failed, 4 running, 123/s, ETA 31s, slowest [17] 12.3s 30`.
/// Those that an earlier run did are counted as well, also where they failed.
pub fn line(view: &View, colour: bool) -> String {
    let extent = &view.extent;
    let place = show::count(view.done + extent.done_before());
    let about = if extent.is_about { "about " } else { "" };
    let mut line = match extent.all() {
        Some(total) => format!("{place} of {about}{} done", show::count(total)),
        None => format!("{place} done"),
    };
    let failed = view.failed + extent.failed_before;
    if failed > 0 {
        let failed = format!("{} failed", show::count(failed));
        line += ", ";
        line += &if colour { report::red(&failed) } else { failed };
    }
    // Writing to a string cannot fail.
    let _ = write!(
        line,
        ", {} running, {}",
        show::count(view.running),
        show::rate(view.per_second)
    );
    if let Some(eta) = eta(view) {
        let _ = write!(line, ", ETA {}", show::seconds(eta));
    }
    if let Some(slowest) = &view.slowest {
        let _ = write!(line, ", slowest {slowest}");
    }
    line
}

/// The seconds that are left, at this rate.
fn eta(view: &View) -> Option<u64> {
    let done = view.done + view.extent.done_before();
    let left = view.extent.all()?.checked_sub(done)?;
    let seconds = (left as f64 / view.per_second).ceil();
    // Of what would take for ever nothing is said; the rest fits.
    seconds.is_finite().then_some(seconds as u64)
}

/// `[17] 12.3s 30: 4 of 9, parsing`.
pub fn slowest(seq: u64, ran: Duration, label: &str, report: Option<&ProgressReport>) -> String {
    let mut text = format!("[{seq}] {} {}", show::time(ran), show::clip(label, LABEL));
    if let Some(report) = report {
        let _ = write!(text, ": {}", show::count(report.done));
        if let Some(total) = report.total {
            let _ = write!(text, " of {}", show::count(total));
        }
        if let Some(message) = &report.message {
            let _ = write!(text, ", {}", show::clip(message, MESSAGE));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::ledger::Extent;

    #[test]
    fn a_line_says_all_that_is_known() {
        let mut view = View {
            done: 1_000,
            failed: 3,
            running: 4,
            extent: Extent {
                read: 1_500,
                skipped: 234,
                failed_before: 2,
                total: Some(5_000),
                ..Extent::default()
            },
            per_second: 123.0,
            slowest: Some("[17] 12.3s 30".into()),
        };
        assert_eq!(
            line(&view, false),
            "1,234 of 5,000 done, 5 failed, 4 running, 123/s, ETA 31s, slowest [17] 12.3s 30"
        );
        view.extent.is_about = true;
        assert!(line(&view, false).starts_with("1,234 of about 5,000 done, "));
        view = View {
            done: 5,
            per_second: 0.0,
            ..View::default()
        };
        assert_eq!(line(&view, false), "5 done, 0 running, 0.0/s");
    }
}
