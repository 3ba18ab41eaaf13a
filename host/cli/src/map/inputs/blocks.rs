//! `--pipe`: the input in blocks of about the same size, each of which ends
//! where a line ends, as GNU parallel cuts them.

use std::collections::VecDeque;
use std::io::{self, Read};

use sandpool::Input;
use sandpool::value::Utf8;

use super::lines::LineEnding;
use super::stream::{CountedStream, Stream, unreadable};
use super::{Item, MAX_INPUT_LEN, Source, fingerprint, label};
use crate::map::job::{Job, Named};

/// A piece of the input.
#[derive(Debug, PartialEq, Eq)]
pub enum Block {
    Whole(Vec<u8>),
    /// It had no end of a line for longer than is bearable, and is gone.
    TooLong,
}

/// Cuts a stream into blocks.
pub struct Blocks<R> {
    input: R,
    end: u8,
    size: usize,
    longest: usize,
    /// Bytes read beyond the last block's end.
    rest: Vec<u8>,
}

impl<R: Read> Blocks<R> {
    pub fn new(input: R, ending: LineEnding, size: usize, longest: usize) -> Self {
        Blocks {
            input,
            end: ending.byte(),
            size: size.max(1),
            longest: longest.max(size),
            rest: Vec::new(),
        }
    }

    pub fn next(&mut self) -> io::Result<Option<Block>> {
        let mut block = std::mem::take(&mut self.rest);
        let mut searched = 0;
        loop {
            let more = self.fill(&mut block, searched)?;
            let end = block[searched..].iter().rposition(|byte| *byte == self.end);
            if !more {
                return Ok((!block.is_empty()).then_some(Block::Whole(block)));
            }
            if let Some(end) = end {
                self.rest = block.split_off(searched + end + 1);
                return Ok(Some(Block::Whole(block)));
            }
            searched = block.len();
            if searched >= self.longest {
                self.skip_line(block)?;
                return Ok(Some(Block::TooLong));
            }
        }
    }

    /// Reads until there is a block's worth behind what was `searched`; `false`
    /// at the end of the input.
    fn fill(&mut self, block: &mut Vec<u8>, searched: usize) -> io::Result<bool> {
        let wanted = (searched + self.size).saturating_sub(block.len()) as u64;
        let read = self.input.by_ref().take(wanted).read_to_end(block)?;
        Ok(read as u64 == wanted)
    }

    /// Reads on to the end of a line, and keeps what is behind it.
    fn skip_line(&mut self, mut chunk: Vec<u8>) -> io::Result<()> {
        loop {
            chunk.clear();
            let more = self.fill(&mut chunk, 0)?;
            if let Some(end) = chunk.iter().position(|byte| *byte == self.end) {
                self.rest = chunk.split_off(end + 1);
                return Ok(());
            }
            if !more {
                return Ok(());
            }
        }
    }
}

/// Each block of some streams, one after the other, is an input.
pub struct BlockSource {
    streams: VecDeque<(String, Blocks<CountedStream>)>,
    utf8: Utf8,
    job: Named,
    /// The number of the last input, from 1.
    number: u64,
}

impl BlockSource {
    pub fn new(
        streams: Vec<Stream>,
        ending: LineEnding,
        size: usize,
        utf8: Utf8,
        job: Named,
    ) -> Self {
        let is_text = !matches!(*job, Job::Command(_)) && !job.takes_bytes();
        let blocks = |stream: Stream| {
            let stream = match is_text && ending == LineEnding::Newline {
                true => stream.decoded(utf8),
                false => stream,
            };
            let name = stream.name().to_owned();
            (
                name,
                Blocks::new(stream.buffered(), ending, size, MAX_INPUT_LEN),
            )
        };
        BlockSource {
            streams: streams.into_iter().map(blocks).collect(),
            utf8,
            job,
            number: 0,
        }
    }
}

impl Source for BlockSource {
    fn next(&mut self) -> anyhow::Result<Option<Item>> {
        while let Some((name, blocks)) = self.streams.front_mut() {
            let Some(block) = blocks.next().map_err(|error| unreadable(name, error))? else {
                self.streams.pop_front();
                continue;
            };
            self.number += 1;
            let (input, hash) = match block {
                Block::Whole(bytes) => {
                    let hash = fingerprint([bytes.as_slice()]);
                    let (job, number) = (&self.job, self.number);
                    let input = job.contents(bytes, "the block", &[], number, self.utf8);
                    (input, hash)
                }
                Block::TooLong => {
                    let why = format!("a line is longer than {} bytes", blocks.longest);
                    (Input::Invalid(why), 0)
                }
            };
            return Ok(Some(Item {
                label: label(&format!("block {}", self.number)),
                hash,
                input,
                name: self.job.naming.of(&[], self.number),
                blank: 0,
            }));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(input: &[u8], size: usize, longest: usize) -> Vec<String> {
        let mut blocks = Blocks::new(input, LineEnding::Newline, size, longest);
        let mut all = Vec::new();
        while let Some(block) = blocks.next().unwrap() {
            all.push(match block {
                Block::Whole(bytes) => String::from_utf8(bytes).unwrap(),
                Block::TooLong => "too long".to_owned(),
            });
        }
        all
    }

    #[test]
    fn a_block_ends_where_a_line_ends() {
        let input = b"one\ntwo\nthree\nfour\nfive";
        assert_eq!(
            cut(input, 9, 99),
            ["one\ntwo\n", "three\n", "four\n", "five"]
        );
        assert_eq!(cut(input, 4, 99)[..2], ["one\n", "two\n"]);
        assert_eq!(cut(input, 99, 99), ["one\ntwo\nthree\nfour\nfive"]);
        assert!(cut(b"", 9, 99).is_empty());
        for size in 1..30 {
            assert_eq!(cut(input, size, 99).concat().as_bytes(), input, "{size}");
            let blocks = cut(input, size, 99);
            let (last, others) = blocks.split_last().unwrap();
            assert!(others.iter().all(|block| block.ends_with('\n')));
            assert!(!last.is_empty());
        }
    }

    #[test]
    fn a_line_longer_than_a_block_is_a_block() {
        let input = b"a\nbbbbbbbbbb\nc\n";
        assert_eq!(cut(input, 3, 99), ["a\n", "bbbbbbbbbb\n", "c\n"]);
    }

    #[test]
    fn a_line_that_is_too_long_costs_itself_alone() {
        let input = b"a\nbbbbbbbbbbbbbb\nc\nd\n";
        assert_eq!(cut(input, 3, 6), ["a\n", "too long", "c\n", "d\n"]);
    }
}
