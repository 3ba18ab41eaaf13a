//! The command line of `wc`.

use crate::count::Counts;

/// The counts to print, and the files to count.
pub struct Options {
    lines: bool,
    words: bool,
    bytes: bool,
    /// The empty name stands for stdin where no file was named.
    pub files: Vec<String>,
}

/// Reads the arguments: `-l`, `-w`, `-c`, several in one word, and files; all
/// words after `--` are files.
pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        lines: false,
        words: false,
        bytes: false,
        files: Vec::new(),
    };
    let mut files_only = false;
    for argument in arguments {
        match argument.strip_prefix('-') {
            Some(letters) if !files_only && !letters.is_empty() => {
                if letters == "-" {
                    files_only = true;
                    continue;
                }
                for letter in letters.chars() {
                    match letter {
                        'l' => options.lines = true,
                        'w' => options.words = true,
                        'c' => options.bytes = true,
                        _ => return Err(format!("unknown option `{argument}`")),
                    }
                }
            }
            _ => options.files.push(argument),
        }
    }
    if !(options.lines || options.words || options.bytes) {
        (options.lines, options.words, options.bytes) = (true, true, true);
    }
    if options.files.is_empty() {
        options.files.push(String::new());
    }
    Ok(options)
}

impl Options {
    /// The counts that were asked for, always in the order of `wc`.
    pub fn selected(&self, counts: &Counts) -> impl Iterator<Item = u64> {
        [
            (self.lines, counts.lines),
            (self.words, counts.words),
            (self.bytes, counts.bytes),
        ]
        .into_iter()
        .filter_map(|(wanted, n)| wanted.then_some(n))
    }

    /// Returns the width of a column: a single number stands alone; stdin, whose size
    /// nobody knows beforehand, gets seven digits; files get what fits all.
    pub fn column_width(&self, total_bytes: u64) -> usize {
        let columns = [self.lines, self.words, self.bytes];
        let single = columns.into_iter().filter(|wanted| *wanted).count() == 1;
        if single && self.files.len() == 1 {
            1
        } else if self.files.iter().any(|f| f.is_empty() || f == "-") {
            7
        } else {
            total_bytes.to_string().len()
        }
    }
}
