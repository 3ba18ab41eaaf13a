//! Files, and all else that a task has only where it was granted.
//!
//! It shows what a task finds when it asks for them: what the standard library
//! says, in `lib.rs`, and what WASI itself says, in `raw.rs`.

mod raw;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
use std::time::SystemTime;

wit_bindgen::generate!({ path: "wit", world: "files" });

struct Files;

/// An error as text, with the path that it is about.
fn told<T>(path: &str, result: io::Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("`{path}`: {error}"))
}

/// So many bytes.
fn some(bytes: u64) -> Vec<u8> {
    vec![b'x'; bytes as usize]
}

/// Standard output without a buffer, which stays open.
struct OwnStdout(ManuallyDrop<File>);

impl OwnStdout {
    fn new() -> Self {
        // SAFETY: the callee wants a descriptor that is open and that nobody closes
        // meanwhile: this one is open from the first, and is not closed here.
        OwnStdout(ManuallyDrop::new(unsafe { File::from_raw_fd(1) }))
    }

    fn write(&self, bytes: u64) -> io::Result<u64> {
        let mut stdout: &File = &self.0;
        stdout.write(&some(bytes)).map(|written| written as u64)
    }
}

impl Guest for Files {
    fn read_file(path: String) -> Result<String, String> {
        told(&path, fs::read_to_string(&path))
    }

    fn write_file(path: String, text: String) -> Result<(), String> {
        told(&path, fs::write(&path, text))
    }

    fn append_file(path: String, text: String) -> Result<(), String> {
        let opened = OpenOptions::new().append(true).open(&path);
        told(
            &path,
            opened.and_then(|mut file| file.write_all(text.as_bytes())),
        )
    }

    fn truncate_file(path: String) -> Result<(), String> {
        let opened = OpenOptions::new().write(true).open(&path);
        told(&path, opened.and_then(|file| file.set_len(0)))
    }

    fn remove_file(path: String) -> Result<(), String> {
        told(&path, fs::remove_file(&path))
    }

    fn move_file(from: String, to: String) -> Result<(), String> {
        told(&from, fs::rename(&from, to))
    }

    fn link_file(from: String, to: String) -> Result<(), String> {
        told(&from, fs::hard_link(&from, to))
    }

    fn make_symlink(target: String, path: String) -> Result<(), String> {
        raw::symlink(&target, &path)
    }

    fn set_times(path: String) -> Result<(), String> {
        let opened = File::open(&path);
        told(
            &path,
            opened.and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH)),
        )
    }

    fn make_dir(path: String) -> Result<(), String> {
        told(&path, fs::create_dir(&path))
    }

    fn remove_dir(path: String) -> Result<(), String> {
        told(&path, fs::remove_dir(&path))
    }

    fn list_dir(path: String) -> Result<Vec<String>, String> {
        let mut names = Vec::new();
        for entry in told(&path, fs::read_dir(&path))? {
            names.push(
                told(&path, entry)?
                    .file_name()
                    .to_string_lossy()
                    .into_owned(),
            );
        }
        names.sort();
        Ok(names)
    }

    fn kind_of(path: String) -> Option<String> {
        let kind = fs::symlink_metadata(path).ok()?.file_type();
        let name = if kind.is_dir() {
            "directory"
        } else if kind.is_symlink() {
            "link"
        } else {
            "file"
        };
        Some(name.to_owned())
    }

    fn can_read(paths: Vec<String>) -> Vec<bool> {
        paths.iter().map(|path| fs::read(path).is_ok()).collect()
    }

    fn read_again(path: String, times: u32) -> Vec<String> {
        let mut found = Vec::new();
        for _ in 0..times {
            if let Ok(text) = fs::read_to_string(&path)
                && !found.contains(&text)
            {
                found.push(text);
            }
        }
        found
    }

    fn read_below(directory: String, path: String) -> Result<String, String> {
        raw::read(&directory, &path)
    }

    fn stream_through(directory: String, path: String, text: String) -> Result<String, String> {
        raw::stream_through(&directory, &path, &text)
    }

    fn print_at_once(bytes: u64) -> u64 {
        // Not `io::stdout()`, which would write again what was not written.
        let stdout = OwnStdout::new();
        stdout.write(bytes).unwrap_or(0)
    }

    fn write_at_once(path: String, bytes: u64) -> Result<u64, String> {
        let written = File::create(&path).and_then(|mut file| file.write(&some(bytes)));
        told(&path, written.map(|written| written as u64))
    }

    fn read_at_once(path: String, bytes: u64) -> Result<u64, String> {
        let read = File::open(&path).and_then(|mut file| file.read(&mut some(bytes)));
        told(&path, read.map(|read| read as u64))
    }

    fn given_dirs() -> Vec<String> {
        raw::given_dirs()
    }

    fn given_env() -> Vec<(String, String)> {
        let mut variables: Vec<_> = std::env::vars().collect();
        variables.sort();
        variables
    }

    fn given_args() -> Vec<String> {
        std::env::args().collect()
    }

    fn given_freely() -> (u64, bool) {
        raw::given_freely()
    }

    fn look_up(host: String) -> Result<String, String> {
        raw::look_up(&host)
    }
}

export!(Files);
