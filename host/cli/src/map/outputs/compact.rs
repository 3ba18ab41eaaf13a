//! Takes out of a file of results what was superseded: of an input that was run
//! again, all results but the last.
//!
//! The file is replaced in one step, or, where it cannot be, written where it is; a run
//! that is killed in the midst of that leaves what [`reconcile`] finds out. Before it is, its log knows how large it will
//! be, so whatever kills the run leaves a file that a run can go on with; see
//! [`Joblog::shrinks_to`].
//!
//! [`reconcile`]: crate::map::joblog::reconcile

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;

use crate::map::atomic_file::AtomicFile;
use crate::map::joblog::Joblog;

/// Compacts the file, if there is something to be taken out of it.
pub fn compact(path: &Path, log: &mut Joblog) -> io::Result<()> {
    let Some(spans) = log.spans_if_superseded()? else {
        return Ok(());
    };
    let mut atomic = AtomicFile::near(path)?;
    let file = File::open(path)?;
    let whole = file.metadata()?.len();
    let (mut from, mut to) = (BufReader::new(file), BufWriter::new(atomic.file()));
    let (mut end, mut size) = (0, 0);
    log.pieces(spans, |piece, stays| {
        let length = piece.end - piece.start;
        end = piece.end;
        if stays {
            size += length;
            io::copy(&mut (&mut from).take(length), &mut to)?;
            return Ok(());
        }
        let length = i64::try_from(length).map_err(io::Error::other)?;
        from.seek_relative(length)
    })?;
    if end != whole {
        return Err(io::Error::other("it does not match the log"));
    }
    to.flush()?;
    drop(to);
    log.shrinks_to(size)?;
    atomic.put(path).or_else(|_| atomic.write_into(path))
}
