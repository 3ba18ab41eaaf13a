//! The main job: words and digests of every text file, thumbnails of the
//! pictures; or, where only guests of WAT can be had, numbers.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use sandpool::value::FromValue;
use sandpool::{Call, Outcome, Pool};
use sha2::{Digest, Sha256};

use crate::files::TextFile;
use crate::guests::{Compiled, Guests};
use crate::pictures::Picture;
use crate::story::line;

/// The longer side of a thumbnail, in pixels.
const MAX_SIDE: u32 = 96;

/// The largest Fibonacci number that is asked for where there are no files to
/// work on.
const LAST_FIB: u32 = 24;

/// The subject of a task.
pub enum Subject<'a> {
    Words(&'a TextFile),
    Digest(&'a TextFile),
    Thumbnail(&'a Picture),
    Fib(u32),
}

/// The calls of the main job, each with its subject.
pub fn plan<'a>(
    pool: &Pool,
    guests: &Guests,
    files: &'a [TextFile],
    pictures: &'a [Picture],
) -> Vec<(Subject<'a>, Call)> {
    let Some(Compiled {
        text,
        digest,
        image,
        ..
    }) = &guests.compiled
    else {
        let fib = |n| (Subject::Fib(n), pool.call(&guests.math, "fib").arg(n));
        return (0..10).flat_map(|_| 0..=LAST_FIB).map(fib).collect();
    };
    let words = files.iter().map(|file| {
        let call = pool.call(text, "word-count").arg(file.text.as_str());
        (Subject::Words(file), call)
    });
    let digests = files.iter().map(|file| {
        let call = pool.call(digest, "sha256").arg(file.text.as_bytes());
        (Subject::Digest(file), call)
    });
    let thumbnails = pictures.iter().map(|picture| {
        let call = pool.call(image, "thumbnail").arg(picture.bytes.as_slice());
        (Subject::Thumbnail(picture), call.arg(MAX_SIDE))
    });
    words.chain(digests).chain(thumbnails).collect()
}

/// Checks every result against what this program itself makes of the subject,
/// and tells what was found. Thumbnails are written to `folder`.
pub fn check(results: Vec<(Subject<'_>, Outcome)>, folder: &Path) -> Result<()> {
    let mut words: HashMap<String, u64> = HashMap::new();
    let mut largest: Option<(&str, String)> = None;
    let mut thumbnails = Vec::new();
    let mut checked = [0; 3];
    for (subject, outcome) in results {
        match subject {
            Subject::Words(file) => {
                let counts: Vec<(String, u32)> = value_of(outcome, &file.name)?;
                check_words(file, &counts, &mut words)?;
                checked[0] += 1;
            }
            Subject::Digest(file) => {
                let digest: String = value_of(outcome, &file.name)?;
                let expected = hex(&Sha256::digest(&file.text));
                ensure!(
                    digest == expected,
                    "the digest of `{}` is {expected}, not {digest}",
                    file.name
                );
                checked[1] += 1;
                if largest.as_ref().is_none_or(|(_, max)| digest > *max) {
                    largest = Some((&file.name, digest));
                }
            }
            Subject::Thumbnail(picture) => {
                let bytes: Vec<u8> = value_of(outcome, picture.name)?;
                thumbnails.push(keep_thumbnail(picture, &bytes, folder)?);
            }
            Subject::Fib(n) => {
                let value: u64 = value_of(outcome, "fib")?;
                ensure!(value == fib(n), "fib({n}) is {}, not {value}", fib(n));
                checked[2] += 1;
            }
        }
    }
    if checked[2] > 0 {
        line(&format!("{} Fibonacci numbers, all right", checked[2]));
    }
    if let Some((name, digest)) = largest {
        let total: u64 = words.values().sum();
        line(&format!(
            "{total} words in {} text files: {}",
            checked[0],
            top_five(&words)
        ));
        line(&format!(
            "{} SHA-256 digests, all equal to this program's own; the largest is {}... of {name}",
            checked[1],
            &digest[..12]
        ));
        let folder = folder.strip_prefix(".").unwrap_or(folder).display();
        line(&format!(
            "thumbnails in {folder}: {}",
            thumbnails.join(", ")
        ));
    }
    Ok(())
}

/// The value of a task that was about `what`.
fn value_of<T: FromValue>(outcome: Outcome, what: &str) -> Result<T> {
    let Outcome {
        verdict,
        value,
        error,
        ..
    } = outcome.typed::<T>();
    let error = error.unwrap_or_default();
    value.with_context(|| format!("an honest task failed, for `{what}`: {verdict}: {error}"))
}

/// The guest's idea of a word is its own; but words stand apart, so there
/// cannot be more than half as many as bytes, nor any that the text has not.
fn check_words(
    file: &TextFile,
    counts: &[(String, u32)],
    words: &mut HashMap<String, u64>,
) -> Result<()> {
    let text = file.text.to_lowercase();
    for (word, count) in counts {
        ensure!(
            *count > 0 && text.contains(word.as_str()),
            "`{}` does not have the word `{word}`",
            file.name
        );
        *words.entry(word.clone()).or_default() += u64::from(*count);
    }
    let total: u64 = counts.iter().map(|(_, count)| u64::from(*count)).sum();
    ensure!(
        total <= file.text.len() as u64 / 2 + 1,
        "{total} words in the {} bytes of `{}`",
        file.text.len(),
        file.name
    );
    Ok(())
}

/// Checks that the thumbnail is a small picture of the same proportions, and
/// writes it beside its picture.
fn keep_thumbnail(picture: &Picture, bytes: &[u8], folder: &Path) -> Result<String> {
    let small = image::load_from_memory(bytes)
        .with_context(|| format!("the thumbnail of `{}` is no picture", picture.name))?;
    let (width, height) = (small.width(), small.height());
    let as_wide = f64::from(picture.width) / f64::from(picture.height) * f64::from(height);
    ensure!(
        width.max(height) == MAX_SIDE && (as_wide - f64::from(width)).abs() <= 1.0,
        "the thumbnail of `{}` has {width} x {height} pixels",
        picture.name
    );
    let name = format!("{}.{}", picture.name, picture.ending);
    let thumbnail = format!("{}-thumbnail.png", picture.name);
    for (name, bytes) in [(&name, picture.bytes.as_slice()), (&thumbnail, bytes)] {
        let path = folder.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(format!("{name} {width}x{height}"))
}

fn top_five(words: &HashMap<String, u64>) -> String {
    let mut words: Vec<(&String, &u64)> = words.iter().collect();
    words.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let shown = words.iter().take(5);
    let shown: Vec<String> = shown.map(|(word, n)| format!("{word} {n}")).collect();
    shown.join(", ")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The n-th Fibonacci number, as this program counts it.
pub fn fib(n: u32) -> u64 {
    let (mut a, mut b) = (0, 1);
    for _ in 0..n {
        (a, b) = (b, a + b);
    }
    a
}
