//! Frames of outgoing HTTP: any bytes as one, and any steps of a worker against the host's
//! end.

use crate::Violation;
use crate::exchange::{EXCHANGE_SIZE, Exchange, StreamWriter, Way, framed};
use crate::http::{CREDIT, Fields, HttpError, MAX_DATA, MAX_LIVE, RequestHead, ToHost};
use crate::http_end::{HttpEnd, HttpEvent};
use sandpool_sys::{Mapping, memfd_sized};

/// Steps of a worker that may send anything, and of the host that answers it.
pub fn http(bytes: &[u8]) {
    let Some(mut fixture) = Fixture::new() else {
        return;
    };
    for four in bytes.as_chunks::<4>().0 {
        let [step, id, length @ ..] = *four;
        if fixture.step(step, id, u16::from_le_bytes(length)).is_err() {
            return;
        }
    }
}

struct Fixture {
    host: HttpEnd,
    worker: Exchange,
    writer: StreamWriter,
    /// The requests under way by the fixture's own count, each with the bytes that its
    /// worker has sent beyond those for which it was given credit.
    live: Vec<(u32, u32)>,
    /// The id of the last request that the worker began.
    begun: u32,
}

impl Fixture {
    fn new() -> Option<Self> {
        let file = memfd_sized("sandpool-http", EXCHANGE_SIZE as u64).ok()?;
        let map = || Some(Exchange::new(Mapping::new(&file, EXCHANGE_SIZE).ok()?));
        Some(Fixture {
            host: HttpEnd::new(map()?),
            worker: map()?,
            writer: StreamWriter::new(Way::ToHost),
            live: Vec::new(),
            begun: 0,
        })
    }

    fn step(&mut self, step: u8, id: u8, length: u16) -> Result<(), Violation> {
        // Mostly those under way, and now and then one that is to come.
        let id = (self.begun + 1).saturating_sub(u32::from(id) % 10);
        let word = u64::from(length) << 32 | u64::from(length);
        let length = usize::from(length) % (MAX_DATA + 2);
        match step % 16 {
            0 => self.host.send_head(id, 200, Fields::new()),
            1 => self.host.fail(id, HttpError::ProtocolError),
            2 => self.host.finish(id, Fields::new()),
            3 => {
                if let Some(room) = self.host.room(id) {
                    self.host.send_data(id, vec![0; room.min(length)]);
                }
            }
            4 => {
                if let Some((_, owed)) = self.live.iter_mut().find(|(live, _)| *live == id) {
                    self.host.give_credit(id, *owed);
                    *owed = 0;
                }
            }
            5 => self.host.forget_all_but(None),
            6 | 7 => self.read()?,
            8 => {
                let head = RequestHead::default();
                self.begun = self.begun.max(id);
                self.say(&ToHost::Begin {
                    task: word,
                    id,
                    head,
                });
            }
            9 | 10 => {
                let bytes = vec![1; length].into();
                self.say(&ToHost::Data { id, bytes });
            }
            11 => self.say(&ToHost::End {
                id,
                trailers: Fields::new(),
            }),
            12 => self.say(&ToHost::Credit {
                id,
                bytes: length as u32,
            }),
            13 => self.say(&ToHost::Cancel { id }),
            14 => self.worker.bare_bytes(word as usize, &word.to_le_bytes()),
            _ => {
                let counts = [Way::ToHost, Way::ToWorker].map(|way| self.worker.bare_counts(way));
                let count = counts[(word & 1) as usize][(word >> 1 & 1) as usize];
                count.fetch_add(word as u32 % 4096, std::sync::atomic::Ordering::Relaxed);
            }
        }
        self.live.retain(|(id, _)| self.host.room(*id).is_some());
        Ok(())
    }

    fn say(&mut self, frame: &ToHost) {
        // A frame that finds no room was cut short.
        let _ = self.writer.write(&self.worker, &framed(frame));
    }

    fn read(&mut self) -> Result<(), Violation> {
        while let Some(event) = self.host.next_event()? {
            match event {
                HttpEvent::Begin { id, .. } => {
                    assert!(self.live.iter().all(|(live, _)| *live < id), "ids grow");
                    self.live.push((id, 0));
                    self.live.retain(|(id, _)| self.host.room(*id).is_some());
                    assert!(self.live.len() <= MAX_LIVE);
                }
                HttpEvent::Data { id, bytes } => {
                    let found = self.live.iter_mut().find(|(live, _)| *live == id);
                    let Some((_, owed)) = found else {
                        panic!("data of a request that is not under way");
                    };
                    *owed += bytes.len() as u32;
                    assert!(*owed <= CREDIT, "more than the credit");
                }
                HttpEvent::End { .. } | HttpEvent::Room { .. } | HttpEvent::Cancelled { .. } => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_a_worker_sends_its_host_counts_requests_and_bytes_right(
            steps in prop::collection::vec(any::<u8>(), 0..900),
        ) {
            http(&steps);
        }
    }
}
