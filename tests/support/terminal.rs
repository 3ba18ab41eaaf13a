//! A terminal of our own, for programs that behave otherwise on one.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// The side of a pseudo-terminal that a person would sit at.
pub struct Terminal {
    other: File,
    seen: Arc<Mutex<Vec<u8>>>,
}

/// Its size.
pub const ROWS: u16 = 40;
pub const COLUMNS: u16 = 120;

impl Terminal {
    pub fn open() -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let ours: OwnedFd = openpt(flags).expect("there are pseudo-terminals");
        grantpt(&ours).expect("granted");
        unlockpt(&ours).expect("unlocked");
        let size = Winsize {
            ws_row: ROWS,
            ws_col: COLUMNS,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&ours, size).expect("it has a size");
        let name = ptsname(&ours, Vec::new()).expect("it has a name");
        let name = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes())).to_owned();
        let other = OpenOptions::new().read(true).write(true).open(name);
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
            other: other.expect("the other side is there"),
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
