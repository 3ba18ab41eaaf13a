//! The terminal, where a progress bar may stand on the last line: whatever else
//! is written there is written while the bar is away.

use std::io::{self, IsTerminal as _, StdoutLock, Write};
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;
use sandpool::stdio::Waiting;

static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// From now on this bar gives way to what is written.
pub fn share(bar: Option<ProgressBar>) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// Writes something while the bar, if there is one, is away.
pub fn beside_bar<T>(write: impl FnOnce() -> T) -> T {
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// A stream that may go to the terminal, too.
pub struct BesideBar<W> {
    out: W,
    /// True if it goes to the terminal.
    shares: bool,
}

impl BesideBar<Waiting<StdoutLock<'static>>> {
    pub fn stdout() -> Self {
        let out = io::stdout();
        BesideBar {
            shares: out.is_terminal() && io::stderr().is_terminal(),
            out: Waiting::new(out.lock()),
        }
    }
}

impl<W: Write> Write for BesideBar<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.shares {
            return self.out.write(bytes);
        }
        beside_bar(|| {
            let written = self.out.write(bytes)?;
            // Or the rest of a line would come where the bar is drawn again.
            self.out.flush()?;
            Ok(written)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
