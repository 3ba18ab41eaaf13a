//! A terminal of our own, for programs that behave otherwise on one.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::process::Stdio;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::eventually;

/// The side of a pseudo-terminal that a person would sit at.
pub struct Terminal {
    other: File,
    seen: Arc<Mutex<Vec<u8>>>,
    /// How many marks were written behind what programs wrote.
    marks: AtomicUsize,
}

/// A control string that nobody else writes, and that no terminal shows.
const MARK_TEXT: &str = "\u{1b}_mark\u{1b}\\";
const MARK: &[u8] = MARK_TEXT.as_bytes();

/// Its size.
pub const ROWS: u16 = 40;
pub const COLUMNS: u16 = 120;

/// Both sides of a new pseudo-terminal, ours first.
#[expect(
    unsafe_code,
    reason = "every crate that would do it turns on features of ours, and wasmtime is built again"
)]
fn pair() -> [OwnedFd; 2] {
    let size = libc::winsize {
        ws_row: ROWS,
        ws_col: COLUMNS,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let (mut ours, mut other) = (-1, -1);
    // SAFETY: the first two pointers are to integers that it writes, the last
    // to a size that it reads; name and settings may be null.
    let failed = unsafe { libc::openpty(&mut ours, &mut other, null_mut(), null(), &size) };
    assert_eq!(failed, 0, "there are pseudo-terminals");
    // SAFETY: both were just opened, and nobody else has them.
    [ours, other].map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

impl Terminal {
    pub fn open() -> Self {
        let [ours, other] = pair();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&seen);
        let mut ours = File::from(ours);
        // It ends when the other side is closed everywhere.
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = ours.read(&mut buffer) {
                let mut seen = shared.lock().unwrap_or_else(PoisonError::into_inner);
                seen.extend_from_slice(&buffer[..read]);
            }
        });
        Terminal {
            other: File::from(other),
            seen,
            marks: AtomicUsize::new(0),
        }
    }

    /// A stream of a program that is this terminal.
    pub fn stream(&self) -> Stdio {
        Stdio::from(self.other.try_clone().expect("a descriptor"))
    }

    /// All that was written to it until now, control codes and all.
    pub fn seen(&self) -> String {
        // What was written may not have been read yet: a mark behind it tells.
        (&self.other).write_all(MARK).expect("written");
        let marks = self.marks.fetch_add(1, Ordering::Relaxed) + 1;
        let mut text = String::new();
        eventually("what was written is read", || {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            text = String::from_utf8_lossy(&seen).into_owned();
            text.matches(MARK_TEXT).count() >= marks
        });
        text.replace(MARK_TEXT, "")
    }

    /// What a person sees now.
    pub fn screen(&self) -> Vec<String> {
        let mut parser = vt100::Parser::new(ROWS, COLUMNS, 0);
        parser.process(self.seen().as_bytes());
        let rows = parser.screen().rows(0, COLUMNS);
        let mut rows: Vec<String> = rows.map(|row| row.trim_end().to_owned()).collect();
        while rows.pop_if(|row| row.is_empty()).is_some() {}
        rows
    }
}
