//! Writes the replies of shared objects, and of functions of the host, to a worker, on
//! whichever thread has the reply.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::pool::host_calls::CallReplySink;
use crate::shared::object::{Ahead, ReplySink};
use sandpool_protocol::Violation;
use sandpool_protocol::exchange::{Exchange, Offer, StreamWriter, Way, Word, framed};
use sandpool_protocol::request::{Answer, Item, Reply};
use sandpool_protocol::sleep;

/// The replies to one worker.
pub(super) struct Answers {
    exchange: Exchange,
    state: Mutex<ReplyState>,
}

struct ReplyState {
    writer: StreamWriter,
    /// The bytes of a reply that had no room in the exchange yet.
    backlog: VecDeque<u8>,
    /// The question whose reply the worker waits for.
    asked: Option<u64>,
    /// The items that were handed over, claimed or not; the first `owed` of them were asked
    /// for.
    handed: VecDeque<Item>,
    owed: u32,
    offered: Offer,
    credit: Offer,
    /// The credit that the next reply announces.
    new_credit: u32,
    violation: Option<Violation>,
}

impl Answers {
    pub(super) fn new(exchange: Exchange) -> Self {
        Answers {
            exchange,
            state: Mutex::new(ReplyState {
                writer: StreamWriter::new(Way::ToWorker),
                backlog: VecDeque::new(),
                asked: None,
                handed: VecDeque::new(),
                owed: 0,
                offered: Offer::new(Word::Handed),
                credit: Offer::new(Word::Credit),
                new_credit: 0,
                violation: None,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, ReplyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Notes that the worker waits for the reply to this question; `None` when its task has
    /// ended.
    pub(super) fn expect(&self, question: Option<u64>) {
        self.lock().asked = question;
    }

    /// Returns `true` if the worker still waits for a reply or for the rest of one. The
    /// replies to a worker that asks on all the same would pile up here.
    pub(super) fn is_awaited(&self) -> bool {
        let state = self.lock();
        state.asked.is_some() || !state.backlog.is_empty()
    }

    /// Returns `true` if the exchange has room for a part of the backlog.
    pub(super) fn may_write_on(&self) -> bool {
        let state = self.lock();
        !state.backlog.is_empty() && state.writer.may_write_on(&self.exchange)
    }

    /// Writes as much of the backlog as there is room for; returns `true` if it wrote any.
    ///
    /// # Errors
    ///
    /// Returns the violation that was noted since the last call, if there is one.
    pub(super) fn write_on(&self) -> Result<bool, Violation> {
        let mut state = self.lock();
        let before = state.backlog.len();
        if before > 0 {
            self.write(&mut state);
        }
        let wrote = state.backlog.len() < before;
        state.violation.take().map_or(Ok(wrote), Err)
    }

    /// Wakes the worker if it sleeps: something was written for it, or something that it
    /// wrote was read.
    pub(super) fn wake(&self) {
        sleep::wake(self.exchange.worker_sleeps());
    }

    /// Replies at once, for requests that need no object.
    pub(super) fn reply(&self, reply: Reply) {
        self.send(&mut self.lock(), &Answer::Reply { reply, credit: 0 });
    }

    fn send(&self, state: &mut ReplyState, answer: &Answer) {
        let bytes = framed(answer);
        // Most replies fit, and are written without a copy in the backlog.
        let written = match state.backlog.is_empty() {
            true => self.write_some(state, &bytes),
            false => 0,
        };
        state.backlog.extend(&bytes[written..]);
        self.write(state);
    }

    fn write(&self, state: &mut ReplyState) {
        let mut backlog = std::mem::take(&mut state.backlog);
        while !backlog.is_empty() {
            match self.write_some(state, backlog.as_slices().0) {
                // Nobody reads on in a stream whose other end broke a rule.
                _ if state.violation.is_some() => backlog.clear(),
                0 => break,
                written => drop(backlog.drain(..written)),
            }
        }
        state.backlog = backlog;
        self.wake();
    }

    /// Writes as many of these bytes as there is room for, and returns their number.
    fn write_some(&self, state: &mut ReplyState, bytes: &[u8]) -> usize {
        let written = state.writer.write(&self.exchange, bytes);
        written.unwrap_or_else(|violation| {
            state.violation = Some(violation);
            0
        })
    }
}

impl Answers {
    fn take_back_but(&self, state: &mut ReplyState, owed: u32) -> VecDeque<Item> {
        match state.offered.take_back(&self.exchange, owed) {
            Ok(stay) => {
                let stay = (stay as usize).min(state.handed.len());
                state.handed.split_off(stay)
            }
            Err(violation) => {
                // Nobody knows which items it took; the worker is killed before it can use
                // them.
                state.violation = Some(violation);
                std::mem::take(&mut state.handed)
            }
        }
    }
}

impl ReplySink for Answers {
    fn answer(&self, question: u64, reply: Reply) {
        let mut state = self.lock();
        let credit = std::mem::take(&mut state.new_credit);
        if state.asked == Some(question) {
            state.asked = None;
            self.send(&mut state, &Answer::Reply { reply, credit });
        }
    }

    fn ahead(&self) -> Option<&dyn Ahead> {
        Some(self)
    }
}

impl CallReplySink for Answers {
    fn reply(&self, question: u64, reply: Reply) {
        self.answer(question, reply);
    }

    fn violated(&self, question: u64, violation: Violation) {
        let mut state = self.lock();
        if state.asked == Some(question) {
            state.violation = Some(violation);
        }
    }
}

impl Ahead for Answers {
    fn hand(
        &self,
        question: u64,
        items: VecDeque<Item>,
        owed: usize,
    ) -> Result<(), VecDeque<Item>> {
        let mut state = self.lock();
        if state.asked != Some(question) {
            return Err(items);
        }
        state.asked = None;
        state.offered.offer(&self.exchange, items.len() as u32);
        state.owed = owed as u32;
        let answer = Answer::Handed(items.into());
        self.send(&mut state, &answer);
        if let Answer::Handed(items) = answer {
            state.handed = items.into();
        }
        Ok(())
    }

    fn take_back(&self) -> VecDeque<Item> {
        let mut state = self.lock();
        let owed = state.owed;
        self.take_back_but(&mut state, owed)
    }

    fn take_back_all(&self) -> VecDeque<Item> {
        self.take_back_but(&mut self.lock(), 0)
    }

    fn give_credit(&self, items: u32) {
        let mut state = self.lock();
        state.credit.offer(&self.exchange, items);
        state.new_credit = items;
    }

    fn withdraw_credit(&self) -> u32 {
        let mut state = self.lock();
        state.new_credit = 0;
        match state.credit.take_back(&self.exchange, 0) {
            Ok(used) => used,
            Err(violation) => {
                state.violation = Some(violation);
                0
            }
        }
    }
}
