//! The pipe: two sides; messages that are sent into one come out of the other.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::SharedError;
use super::object::{Object, Owner, Requester, Waiters, next_id};
use sandpool_protocol::Violation;
use sandpool_protocol::request::{ConnectionOp, Item, Kind, MAX_ITEM, Op, Reply};

/// The numbers of messages and bytes that one side may have unread. One message always
/// fits.
const MAX_MESSAGES: usize = 4096;
const MAX_PIPE_BYTES: usize = 1024 * 1024;

/// One side of a pipe. Closed when nobody holds it any more.
pub(crate) struct PipeEnd {
    pipe: Arc<Mutex<[Side; 2]>>,
    side: usize,
    id: u64,
}

/// The state of one side.
struct Side {
    open: bool,
    /// The items that it has not received yet.
    inbox: VecDeque<Item>,
    bytes: usize,
    receivers: Waiters<Receiving>,
    /// The senders on this side that wait for room at the other.
    senders: Waiters<Item>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Receiving {
    Message,
    /// The requester only wants to know whether there is a message.
    News,
}

impl Side {
    fn new() -> Self {
        Side {
            open: true,
            inbox: VecDeque::new(),
            bytes: 0,
            receivers: Waiters::new(),
            senders: Waiters::new(),
        }
    }

    fn has_room(&self, len: usize) -> bool {
        let fits = self.inbox.len() < MAX_MESSAGES && self.bytes + len <= MAX_PIPE_BYTES;
        fits || self.inbox.is_empty()
    }
}

impl PipeEnd {
    /// Returns the two sides of a new pipe.
    pub(super) fn pair() -> [Arc<PipeEnd>; 2] {
        let pipe = Arc::new(Mutex::new([Side::new(), Side::new()]));
        [0, 1].map(|side| {
            let pipe = Arc::clone(&pipe);
            let id = next_id();
            Arc::new(PipeEnd { pipe, side, id })
        })
    }

    fn lock(&self) -> MutexGuard<'_, [Side; 2]> {
        self.pipe.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn close(&self) {
        let mut sides = self.lock();
        let (mine, theirs) = both(&mut sides, self.side);
        mine.open = false;
        mine.inbox.clear();
        mine.bytes = 0;
        let closed = Reply::Failed(SharedError::Closed);
        mine.receivers.answer_all(&closed);
        mine.senders.answer_all(&closed);
        // Senders to this side wait in vain.
        theirs
            .senders
            .answer_all(&Reply::Failed(SharedError::EndOfFile));
        move_on(theirs, mine);
    }

    /// Puts back a message that was received for a requester that is gone.
    pub(super) fn unget(&self, message: Item) {
        let mut sides = self.lock();
        let (mine, theirs) = both(&mut sides, self.side);
        mine.bytes += message.len();
        mine.inbox.push_front(message);
        move_on(mine, theirs);
    }
}

/// Returns a side and the other one.
fn both(sides: &mut [Side; 2], side: usize) -> (&mut Side, &mut Side) {
    let [one, other] = sides;
    match side {
        0 => (one, other),
        _ => (other, one),
    }
}

/// Hands the messages for `mine` to its receivers, and takes in the messages that wait at
/// `theirs` for that room.
fn move_on(mine: &mut Side, theirs: &mut Side) {
    loop {
        if mine.open
            && let Some((_, message)) = theirs.senders.first()
            && mine.has_room(message.len())
            && let Some((sender, message)) = theirs.senders.pop()
        {
            mine.bytes += message.len();
            mine.inbox.push_back(message);
            sender.answer(Reply::Done);
            continue;
        }
        let at_end = !theirs.open;
        if mine.inbox.is_empty() && !at_end {
            return;
        }
        let Some((receiver, what)) = mine.receivers.pop() else {
            return;
        };
        receiver.answer(match what {
            Receiving::News => Reply::Flag(true),
            Receiving::Message => match mine.inbox.pop_front() {
                Some(message) => {
                    mine.bytes -= message.len();
                    Reply::Item(message)
                }
                None => Reply::Failed(SharedError::EndOfFile),
            },
        });
    }
}

impl Object for PipeEnd {
    fn kind(&self) -> Kind {
        Kind::Connection
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn ask(&self, op: Op, wait: bool, requester: &Requester) -> Result<(), Violation> {
        let Op::Connection(op) = op else {
            return Err(Violation("it asks a pipe what is no question for one"));
        };
        if op == ConnectionOp::Close {
            self.close();
            requester.answer(Reply::Done);
            return Ok(());
        }
        let mut sides = self.lock();
        let (mine, theirs) = both(&mut sides, self.side);
        if !mine.open {
            requester.answer(Reply::Failed(SharedError::Closed));
            return Ok(());
        }
        match op {
            ConnectionOp::Send(message) if message.len() > MAX_ITEM => {
                requester.answer(Reply::Failed(SharedError::TooLarge));
            }
            ConnectionOp::Send(_) if !theirs.open => {
                requester.answer(Reply::Failed(SharedError::EndOfFile));
            }
            ConnectionOp::Send(message) => {
                mine.senders.push(requester, message);
                move_on(theirs, mine);
            }
            ConnectionOp::Receive => {
                mine.receivers.push(requester, Receiving::Message);
                move_on(mine, theirs);
            }
            ConnectionOp::Poll => {
                mine.receivers.push(requester, Receiving::News);
                move_on(mine, theirs);
            }
            ConnectionOp::Close => {}
        }
        drop(sides);
        if !wait {
            self.give_up(requester.id);
        }
        Ok(())
    }

    fn give_up(&self, id: u64) {
        let mut sides = self.lock();
        let (mine, theirs) = both(&mut sides, self.side);
        if let Some((receiver, what)) = mine.receivers.remove(id) {
            receiver.answer(match what {
                Receiving::Message => Reply::Failed(SharedError::Timeout),
                Receiving::News => Reply::Flag(false),
            });
        } else if let Some((sender, _)) = mine.senders.remove(id) {
            sender.answer(Reply::Failed(SharedError::Timeout));
            move_on(theirs, mine);
        }
    }

    fn leave(&self, owner: Owner, _died: bool) {
        let mut sides = self.lock();
        let (mine, theirs) = both(&mut sides, self.side);
        mine.receivers.remove_owner(owner);
        mine.senders.remove_owner(owner);
        move_on(theirs, mine);
        let (mine, theirs) = both(&mut sides, self.side);
        move_on(mine, theirs);
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        self.close();
    }
}
