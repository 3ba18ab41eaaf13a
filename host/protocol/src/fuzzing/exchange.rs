//! The exchange: what a worker asks of shared objects, and the words by which
//! it claims what it was handed.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::play;
use crate::Violation;
use crate::exchange::{
    EXCHANGE_SIZE, Exchange, Offer, StreamReader, StreamWriter, Way, Word, framed,
};
use crate::request::{Asks, Request};
use sandpool_sys::{Mapping, memfd_sized};

/// A message that asks for something.
pub fn request(bytes: &[u8]) {
    if let Ok(request) = postcard::from_bytes::<Request>(bytes) {
        let again = postcard::to_allocvec(&request).map(|bytes| postcard::from_bytes(&bytes));
        assert_eq!(again, Ok(Ok(request)));
    }
}

/// Steps of a host and of a worker that may do anything.
pub fn exchange(bytes: &[u8]) {
    let Some(mut fixture) = ExchangeFixture::new() else {
        return;
    };
    play(bytes, |step, word| fixture.step(step, word));
}

/// Both ends of an exchange, and what is on its way.
struct ExchangeFixture {
    exchange: Exchange,
    to_host: Line,
    to_worker: Line,
    handed: Offered,
    credit: Offered,
    /// True if the worker has kept the rules so far.
    honest: bool,
}

/// A stream with both its ends.
struct Line {
    writer: StreamWriter,
    reader: StreamReader,
    /// Bytes of a message that there was no room for.
    left: Vec<u8>,
    sent: VecDeque<Request>,
    next: u8,
}

/// The offer under a word, and how much of it an honest worker claimed.
struct Offered {
    word: Word,
    offer: Offer,
    count: u32,
    claimed: u32,
}

impl Line {
    fn new(way: Way) -> Self {
        Line {
            writer: StreamWriter::new(way),
            reader: StreamReader::new(way),
            left: Vec::new(),
            sent: VecDeque::new(),
            next: 0,
        }
    }

    /// Writes on, and begins a message if there is none to finish.
    fn write(&mut self, exchange: &Exchange) -> Result<(), Violation> {
        if self.left.is_empty() {
            self.next = self.next.wrapping_add(1);
            // Some are longer than the stream.
            let length = usize::from(self.next).pow(2) * 7;
            let item = vec![self.next; length].into();
            let asks = Asks::Post { item };
            let task = u64::from(self.next);
            let request = Request { task, asks };
            self.left = framed(&request);
            self.sent.push_back(request);
        }
        let written = self.writer.write(exchange, &self.left)?;
        assert!(written <= self.left.len());
        self.left.drain(..written);
        Ok(())
    }

    /// Reads on; the messages come whole and in order, if both sides are
    /// honest.
    fn read(&mut self, exchange: &Exchange, honest: bool) -> Result<(), Violation> {
        let read = self.reader.fill(exchange)?;
        assert!(read <= EXCHANGE_SIZE);
        while let Some(message) = self.reader.message()? {
            request(message);
            if honest {
                let sent = self.sent.pop_front();
                assert_eq!(postcard::from_bytes(message).ok(), sent);
            }
        }
        let _ = (
            self.reader.has_more(exchange),
            self.reader.is_in_the_middle(),
        );
        Ok(())
    }
}

impl Offered {
    fn new(word: Word) -> Self {
        Offered {
            word,
            offer: Offer::new(word),
            count: 0,
            claimed: 0,
        }
    }

    /// Takes back what is not claimed but for the first `owed`, of what an
    /// honest worker has as much as it claimed.
    fn take_back(&mut self, exchange: &Exchange, owed: u32, honest: bool) -> Result<(), Violation> {
        let stays = self.offer.take_back(exchange, owed)?;
        assert!(stays <= self.count, "more stays than was offered");
        assert!(!honest || stays == self.claimed.max(owed.min(self.count)));
        self.count = stays;
        Ok(())
    }

    fn offer(&mut self, exchange: &Exchange, honest: bool) -> Result<(), Violation> {
        self.take_back(exchange, 0, honest)?;
        self.count = 5;
        self.claimed = 0;
        self.offer.offer(exchange, self.count);
        Ok(())
    }

    fn claim(&mut self, exchange: &Exchange, honest: bool) {
        let claimed = exchange.claim(self.word, 2);
        if honest {
            assert_eq!(claimed, self.claimed + 2 <= self.count);
        }
        self.claimed += if claimed { 2 } else { 0 };
    }
}

impl ExchangeFixture {
    fn new() -> Option<Self> {
        let file = memfd_sized("sandpool-exchange", EXCHANGE_SIZE as u64).ok()?;
        Some(ExchangeFixture {
            exchange: Exchange::new(Mapping::new(&file, EXCHANGE_SIZE).ok()?),
            to_host: Line::new(Way::ToHost),
            to_worker: Line::new(Way::ToWorker),
            handed: Offered::new(Word::Handed),
            credit: Offered::new(Word::Credit),
            honest: true,
        })
    }

    fn step(&mut self, step: u8, word: u64) -> Result<(), Violation> {
        let (exchange, honest) = (&self.exchange, self.honest);
        let done = match step % 16 {
            0 => self.to_worker.write(exchange),
            1 => self.to_host.read(exchange, honest),
            2 => self.handed.offer(exchange, honest),
            3 => self.handed.take_back(exchange, 1, honest),
            4 => self.credit.offer(exchange, honest),
            5 => self.credit.take_back(exchange, 0, honest),
            // The worker's own: one that broke the rules does not use an
            // honest worker's ends, which trust the host.
            6 if honest => self.to_host.write(exchange),
            7 if honest => self.to_worker.read(exchange, true),
            8 if honest => {
                self.handed.claim(exchange, true);
                Ok(())
            }
            9 if honest => {
                self.credit.claim(exchange, true);
                Ok(())
            }
            6..=9 => Ok(()),
            wild => {
                self.honest = false;
                self.write_at_will(wild, word);
                Ok(())
            }
        };
        assert!(!honest || done.is_ok(), "an honest worker is believed");
        done
    }

    fn write_at_will(&self, how: u8, word: u64) {
        let small = word % 4;
        let claim = self.exchange.bare_word(match word & 16 {
            0 => Word::Handed,
            _ => Word::Credit,
        });
        let counts = [Way::ToHost, Way::ToWorker].map(|way| self.exchange.bare_counts(way));
        let count = counts[(word >> 5 & 1) as usize][(word >> 6 & 1) as usize];
        match how {
            10 => claim.store(word, Ordering::Relaxed),
            // Near what is right, where the checks are fine.
            11 => drop(claim.fetch_add(small, Ordering::Relaxed)),
            12 => drop(claim.fetch_sub(small << 32 | small, Ordering::Relaxed)),
            13 => count.store(word as u32, Ordering::Relaxed),
            14 => drop(count.fetch_add((word >> 8) as u32 % 1024, Ordering::Relaxed)),
            // Bytes of requests: lengths, and what is no request.
            _ => self.exchange.bare_bytes(word as usize, &word.to_le_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_a_worker_writes_its_host_counts_right(
            steps in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            exchange(&steps);
        }

        #[test]
        fn an_honest_worker_is_believed_through_any_sequence_of_steps(
            steps in prop::collection::vec(0u8..10, 0..600),
        ) {
            exchange(&steps);
        }

        #[test]
        fn any_request_is_read_or_refused(
            bytes in prop::collection::vec(prop_oneof![0u8..24, any::<u8>()], 0..300),
        ) {
            request(&bytes);
        }
    }
}
