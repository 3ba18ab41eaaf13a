//! Counts lines, words and bytes, as `wc` does.
//!
//! It shows that an ordinary program with a `main` is a task module too: a
//! command, which gets arguments and stdin and answers with stdout, stderr and
//! an exit code. It uses the standard library alone and knows nothing of
//! components; files it can read only where a directory was granted.

mod count;
#[cfg(old_wasi_libc)]
mod old_wasi_libc;
mod options;

use std::fs::File;
use std::io::{self, Write};
use std::process::ExitCode;

use count::Counts;
use options::Options;

fn main() -> ExitCode {
    #[cfg(old_wasi_libc)]
    old_wasi_libc::run_constructors();

    let options = match options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("wc: {message}");
            eprintln!("usage: wc [-lwc] [FILE]...");
            // WASI 0.2 knows only success and failure: what the host sees of
            // this is 1.
            return ExitCode::from(2);
        }
    };
    match report(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("wc: cannot write: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Counts every input and prints a line for each, and one for the total if
/// there are several. Whether all of them could be read.
fn report(options: &Options) -> io::Result<bool> {
    let mut rows = Vec::new();
    let mut total = Counts::default();
    for file in &options.files {
        match count_file(file) {
            Ok(counts) => {
                total.add(&counts);
                rows.push((counts, file.as_str()));
            }
            Err(e) => eprintln!("wc: {file}: {e}"),
        }
    }
    let all_read = rows.len() == options.files.len();
    let width = options.column_width(total.bytes);
    if options.files.len() > 1 {
        rows.push((total, "total"));
    }

    let mut stdout = io::stdout().lock();
    for (counts, name) in rows {
        let columns: Vec<String> = options
            .selected(&counts)
            .map(|n| format!("{n:width$}"))
            .collect();
        let gap = if name.is_empty() { "" } else { " " };
        writeln!(stdout, "{}{gap}{name}", columns.join(" "))?;
    }
    stdout.flush()?;
    Ok(all_read)
}

/// `-` is stdin, and so is the empty name, which stands for no name at all.
fn count_file(file: &str) -> io::Result<Counts> {
    match file {
        "" | "-" => count::count(io::stdin().lock()),
        path => count::count(File::open(path)?),
    }
}
