//! A terminal of our own, for programs that behave otherwise on one.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::process::Stdio;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::eventually;

/// The side of a pseudo-terminal that a person would sit at.
pub struct Terminal {
    other: File,
    /// The keyboard.
    keys: File,
    seen: Arc<Mutex<Vec<u8>>>,
    /// The number of marks written behind the programs' output.
    marks: AtomicUsize,
    /// The sizes that it has had, and what had been seen by then.
    sizes: Mutex<Vec<(usize, Size)>>,
}

/// Rows and columns.
type Size = (u16, u16);

/// A control string that nobody else writes, and that no terminal shows.
const MARK_TEXT: &str = "\u{1b}_mark\u{1b}\\";
const MARK: &[u8] = MARK_TEXT.as_bytes();

/// Its size.
pub const ROWS: u16 = 40;
pub const COLUMNS: u16 = 120;

fn winsize((rows, columns): Size) -> libc::winsize {
    libc::winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// Both sides of a new pseudo-terminal, ours first.
#[expect(
    unsafe_code,
    reason = "every crate that would do it turns on features of ours, and wasmtime is built again"
)]
fn pair(size: Size) -> [OwnedFd; 2] {
    let size = winsize(size);
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
        Terminal::of((ROWS, COLUMNS))
    }

    /// One of another size.
    pub fn of(size: Size) -> Self {
        let [ours, other] = pair(size);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&seen);
        let mut ours = File::from(ours);
        let keys = ours.try_clone().expect("a descriptor");
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
            keys,
            seen,
            marks: AtomicUsize::new(0),
            sizes: Mutex::new(vec![(0, size)]),
        }
    }

    /// Gives it another size, as a person does who drags its edge.
    #[expect(unsafe_code, reason = "as for opening one")]
    pub fn resize(&self, size: Size) {
        let seen = self.seen().len();
        let asked = winsize(size);
        // SAFETY: the descriptor is open, and the size is one that it reads.
        let failed = unsafe { libc::ioctl(self.other.as_raw_fd(), libc::TIOCSWINSZ, &asked) };
        assert_eq!(failed, 0, "it can have another size");
        let mut sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        sizes.push((seen, size));
    }

    /// Types these keys.
    pub fn type_keys(&self, keys: &str) {
        (&self.keys).write_all(keys.as_bytes()).expect("typed");
    }

    /// The stdin of a program that is this terminal.
    pub fn stdin(&self) -> File {
        self.other.try_clone().expect("a descriptor")
    }

    /// A stream of a program that is this terminal.
    pub fn stream(&self) -> Stdio {
        Stdio::from(self.other.try_clone().expect("a descriptor"))
    }

    /// All that was written to it until now, control codes and all.
    pub fn seen(&self) -> String {
        // Written bytes may not have been read yet: a mark behind them tells.
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

    /// Returns the visible screen.
    pub fn screen(&self) -> Vec<String> {
        let seen = self.seen();
        let sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, (mut rows, mut columns)) = sizes[0];
        let mut parser = vt100::Parser::new(rows, columns, 0);
        let mut shown = 0;
        for (until, size) in &sizes[1..] {
            parser.process(&seen.as_bytes()[shown..*until]);
            (rows, columns) = *size;
            parser.screen_mut().set_size(rows, columns);
            shown = *until;
        }
        parser.process(&seen.as_bytes()[shown..]);
        let rows = parser.screen().rows(0, columns);
        let mut rows: Vec<String> = rows.map(|row| row.trim_end().to_owned()).collect();
        while rows.pop_if(|row| row.is_empty()).is_some() {}
        rows
    }
}
