//! What a text of the input means: an argument, a line of JSON, the name of a
//! file, or what a command reads from stdin.

use std::fs::File;

use sandpool::Input;
use sandpool::value::{LineFormat, quoted};

use super::fingerprint;
use crate::cli::apply::read_whole;
use crate::cli::map::job::Job;

/// What a text of the input means.
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
    /// Whether texts need not be UTF-8 for this job.
    pub fn takes_bytes(self, job: &Job) -> bool {
        match self {
            Reading::Stdin => true,
            Reading::Text => job.takes_bytes(),
            _ => false,
        }
    }

    /// What the `number`th input asks for, and its fingerprint.
    pub fn text(self, text: &str, number: u64, job: &Job) -> (Input, u64) {
        let hash = || fingerprint([text.as_bytes()]);
        match self {
            Reading::Line(format) => (job.line(text, number, format), hash()),
            Reading::Word | Reading::Text => (job.texts(&[text], number), hash()),
            Reading::Stdin => self.bytes(text.as_bytes().to_vec(), number, job),
            Reading::File => file(text, number, job),
        }
    }

    /// The same for one that [takes bytes](Reading::takes_bytes).
    pub fn bytes(self, bytes: Vec<u8>, number: u64, job: &Job) -> (Input, u64) {
        let hash = fingerprint([bytes.as_slice()]);
        (job.contents(bytes, "the line", &[], number), hash)
    }
}

fn file(path: &str, number: u64, job: &Job) -> (Input, u64) {
    match File::open(path).and_then(read_whole) {
        Ok(contents) => {
            let hash = fingerprint([path.as_bytes(), &contents]);
            (job.contents(contents, path, &[path], number), hash)
        }
        Err(error) => {
            let text = format!("{} cannot be read: {error}", quoted(path));
            (Input::Invalid(text), fingerprint([path.as_bytes()]))
        }
    }
}
