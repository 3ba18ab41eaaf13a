//! The meaning of a text of the input: an argument, a line of JSON, the name of a file,
//! or what a command reads from stdin.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;

use sandpool::Input;
use sandpool::value::{LineFormat, Utf8, quoted};

use super::fingerprint;
use crate::apply::{NOT_TEXT, read_whole};
use crate::map::job::Job;

/// The meaning of a text of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A line, in a format that may make several arguments of it.
    Line(LineFormat),
    /// An argument, as a user types it.
    Word,
    /// An argument whose type does not matter as long as it is text or bytes.
    Text,
    /// The name of a file, whose contents are the argument, or a command's
    /// standard input.
    File,
    /// A command's standard input.
    Stdin,
}

impl Reading {
    /// Returns whether texts need not be UTF-8 for this job.
    pub fn takes_bytes(self, job: &Job) -> bool {
        match self {
            // A file's name is bytes.
            Reading::Stdin | Reading::File => true,
            Reading::Text => job.takes_bytes(),
            _ => false,
        }
    }

    /// Returns the input that the `number`th text makes, and its fingerprint.
    pub fn text(self, text: &str, number: u64, job: &Job, utf8: Utf8) -> (Input, u64) {
        let hash = || fingerprint([text.as_bytes()]);
        match self {
            Reading::Line(format) => (job.line(text, number, format), hash()),
            Reading::Word => (job.texts(&[text], number), hash()),
            Reading::Text => (job.text(text, number), hash()),
            Reading::Stdin | Reading::File => {
                self.bytes(text.as_bytes().to_vec(), number, job, utf8)
            }
        }
    }

    /// The same for one that [takes bytes](Reading::takes_bytes).
    pub fn bytes(self, bytes: Vec<u8>, number: u64, job: &Job, utf8: Utf8) -> (Input, u64) {
        if self == Reading::File {
            return file(OsStr::from_bytes(&bytes), number, job, utf8);
        }
        let hash = fingerprint([bytes.as_slice()]);
        let input = job.contents(bytes, "the line", &[], number, utf8);
        (input, hash)
    }
}

fn file(path: &OsStr, number: u64, job: &Job, utf8: Utf8) -> (Input, u64) {
    let shown = path.to_string_lossy();
    let refused = |why: String| (Input::Invalid(why), fingerprint([path.as_bytes()]));
    if path.to_str().is_none() && job.has_values() && utf8 == Utf8::Strict {
        let name = quoted(&shown);
        return refused(format!(
            "the name {name} is not UTF-8, but the words of a command must be ({NOT_TEXT})"
        ));
    }
    match File::open(path).and_then(read_whole) {
        Ok(contents) => {
            let hash = fingerprint([path.as_bytes(), &contents]);
            let input = job.contents(contents, &shown, &[&shown], number, utf8);
            (input, hash)
        }
        Err(error) => refused(format!("{} cannot be read: {error}", quoted(&shown))),
    }
}
