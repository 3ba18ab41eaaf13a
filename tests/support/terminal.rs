//! A terminal of our own, for programs that behave otherwise on one.

use std::fs::File;
use std::io::Read;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::process::Stdio;
use std::ptr::{null, null_mut};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The side of a pseudo-terminal that a person would sit at.
pub struct Terminal {
    other: File,
    seen: Arc<Mutex<Vec<u8>>>,
}

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
        }
    }

    /// A stream of a program that is this terminal.
    pub fn stream(&self) -> Stdio {
        Stdio::from(self.other.try_clone().expect("a descriptor"))
    }

    /// All that was written to it, control codes and all.
    pub fn seen(&self) -> String {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&seen).into_owned()
    }

    /// What a person sees now.
    pub fn screen(&self) -> Vec<String> {
        let mut parser = vt100::Parser::new(ROWS, COLUMNS, 0);
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        parser.process(&seen);
        let rows = parser.screen().rows(0, COLUMNS);
        let mut rows: Vec<String> = rows.map(|row| row.trim_end().to_owned()).collect();
        while rows.pop_if(|row| row.is_empty()).is_some() {}
        rows
    }
}
