//! Locks, and the condition: a lock with a waiting room.

use super::SharedError;
use super::object::{ObjectState, Owner, Requester, Waiters};
use sandpool_protocol::request::{ConditionOp, Kind, LockOp, Op, Reply};

/// A lock. A reentrant lock may be taken again by its holder, and only its holder may
/// release it.
pub(crate) struct LockState {
    reentrant: bool,
    holder: Option<Holder>,
    /// `true` if the last holder left without releasing the lock.
    abandoned: bool,
    waiters: Waiters<LockWait>,
}

struct Holder {
    owner: Owner,
    /// The number of times that the holder took it.
    depth: u64,
}

/// The reply to an owner that waits for the lock, once it has the lock.
enum LockWait {
    Acquire,
    /// The owner comes out of the waiting room, notified or not. It gets the lock back as
    /// deep as it held it, however long that takes.
    Reacquire {
        notified: bool,
        depth: u64,
    },
}

impl LockState {
    pub(super) fn new(reentrant: bool) -> Self {
        LockState {
            reentrant,
            holder: None,
            abandoned: false,
            waiters: Waiters::new(),
        }
    }

    fn is_held_by(&self, owner: Owner) -> bool {
        self.holder.as_ref().is_some_and(|h| h.owner == owner)
    }

    fn acquire(&mut self, requester: &Requester) {
        match &mut self.holder {
            Some(holder) if self.reentrant && holder.owner == requester.owner => {
                holder.depth += 1;
                requester.answer(Reply::Acquired { abandoned: false });
            }
            _ => self.want(requester, LockWait::Acquire),
        }
    }

    fn want(&mut self, requester: &Requester, wanted: LockWait) {
        self.waiters.push(requester, wanted);
        self.pass_on();
    }

    /// Gives the lock to the next, if it is free.
    fn pass_on(&mut self) {
        if self.holder.is_some() {
            return;
        }
        let Some((requester, wanted)) = self.waiters.pop() else {
            return;
        };
        let (depth, reply) = match wanted {
            LockWait::Acquire => {
                let abandoned = std::mem::take(&mut self.abandoned);
                (1, Reply::Acquired { abandoned })
            }
            LockWait::Reacquire { notified, depth } => (depth, Reply::Flag(notified)),
        };
        let owner = requester.owner;
        self.holder = Some(Holder { owner, depth });
        requester.answer(reply);
    }

    fn release(&mut self, owner: Owner) -> Reply {
        let Some(holder) = &mut self.holder else {
            return Reply::Failed(SharedError::OverRelease);
        };
        if self.reentrant && holder.owner != owner {
            return Reply::Failed(SharedError::NotOwner);
        }
        holder.depth -= 1;
        if holder.depth == 0 {
            self.holder = None;
            self.pass_on();
        }
        Reply::Done
    }

    /// Releases the lock at once, however often it was taken; returns that number.
    fn release_fully(&mut self) -> u64 {
        let depth = self.holder.take().map_or(0, |holder| holder.depth);
        self.pass_on();
        depth
    }
}

impl ObjectState for LockState {
    type Op = LockOp;

    fn kind(&self) -> Kind {
        match self.reentrant {
            true => Kind::RLock,
            false => Kind::Lock,
        }
    }

    fn step(op: Op) -> Option<LockOp> {
        match op {
            Op::Lock(op) => Some(op),
            _ => None,
        }
    }

    fn ask(&mut self, op: LockOp, requester: &Requester) {
        match op {
            LockOp::Acquire => self.acquire(requester),
            LockOp::Release => requester.answer(self.release(requester.owner)),
        }
    }

    fn give_up(&mut self, id: u64) {
        let waits_for_the_lock = |waiters: &mut Waiters<LockWait>| {
            waiters.remove_if(id, |wanted| matches!(wanted, LockWait::Acquire))
        };
        if let Some((requester, _)) = waits_for_the_lock(&mut self.waiters) {
            requester.answer(Reply::Failed(SharedError::Timeout));
        }
    }

    fn leave(&mut self, owner: Owner, died: bool) {
        self.waiters.remove_owner(owner);
        // A plain lock may be released by another owner, if all went well.
        if self.is_held_by(owner) && (died || self.reentrant) {
            self.abandoned = true;
            self.release_fully();
        }
    }
}

/// A condition with its own lock.
pub(crate) struct ConditionState {
    lock: LockState,
    /// The owners that wait to be notified, and how deep each held the lock.
    room: Waiters<u64>,
}

impl ConditionState {
    pub(super) fn new() -> Self {
        ConditionState {
            lock: LockState::new(true),
            room: Waiters::new(),
        }
    }

    fn wait(&mut self, requester: &Requester) {
        if !self.lock.is_held_by(requester.owner) {
            return requester.answer(Reply::Failed(SharedError::NotOwner));
        }
        let depth = self.lock.release_fully();
        self.room.push(requester, depth);
    }

    fn notify(&mut self, count: u32, owner: Owner) -> Reply {
        if !self.lock.is_held_by(owner) {
            return Reply::Failed(SharedError::NotOwner);
        }
        for _ in 0..count {
            let Some((requester, depth)) = self.room.pop() else {
                break;
            };
            let notified = true;
            self.lock
                .want(&requester, LockWait::Reacquire { notified, depth });
        }
        Reply::Done
    }
}

impl ObjectState for ConditionState {
    type Op = ConditionOp;

    fn kind(&self) -> Kind {
        Kind::Condition
    }

    fn step(op: Op) -> Option<ConditionOp> {
        match op {
            Op::Condition(op) => Some(op),
            _ => None,
        }
    }

    fn ask(&mut self, op: ConditionOp, requester: &Requester) {
        match op {
            ConditionOp::Acquire => self.lock.acquire(requester),
            ConditionOp::Release => requester.answer(self.lock.release(requester.owner)),
            ConditionOp::Wait => self.wait(requester),
            ConditionOp::Notify(count) => requester.answer(self.notify(count, requester.owner)),
        }
    }

    fn give_up(&mut self, id: u64) {
        match self.room.remove(id) {
            // The owner has to hold the lock again before it gets a reply.
            Some((requester, depth)) => {
                let notified = false;
                self.lock
                    .want(&requester, LockWait::Reacquire { notified, depth });
            }
            None => self.lock.give_up(id),
        }
    }

    fn leave(&mut self, owner: Owner, died: bool) {
        self.room.remove_owner(owner);
        self.lock.leave(owner, died);
    }
}
