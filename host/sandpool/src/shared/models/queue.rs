//! The queue, with people and workers at both ends.
//!
//! The reference knows nothing of what is handed ahead but who has what: whoever
//! is answered must get the oldest items that are in nobody else's hands, and
//! what comes back stands where it stood.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use proptest::prelude::*;

use super::clock;
use super::worker::Worker;
use super::{ReplyLog, Told};
use crate::shared::SharedError;
use crate::shared::object::{ObjectCell, ObjectState, Owner, ReplySink, Requester};
use crate::shared::queue::{Capacity, QueueCell, QueueState};
use sandpool_protocol::request::{CREDIT_ITEM, Item, QueueOp, Reply};

/// The first of them are people, the others workers.
const PEOPLE: usize = 2;
const ALL: usize = 5;

/// The cost of an item beside its bytes.
const QUEUE_ITEM_OVERHEAD: usize = 32;

#[derive(Clone, Debug)]
enum Step {
    Put {
        who: usize,
        sizes: Vec<usize>,
    },
    Get {
        who: usize,
        most: u32,
    },
    GiveUp {
        who: usize,
    },
    /// A worker's posts come to the host.
    Arrive {
        who: usize,
    },
    Leave {
        who: usize,
        died: bool,
        unsent: usize,
    },
    Join {
        who: usize,
    },
    TaskDone,
    Look,
    Close,
    Pass {
        micros: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..ALL;
    prop_oneof![
        12 => (who(), prop::collection::vec(0usize..20, 0..4))
            .prop_map(|(who, sizes)| Step::Put { who, sizes }),
        12 => (who(), prop_oneof![4 => 1u32..2, 1 => 0u32..5])
            .prop_map(|(who, most)| Step::Get { who, most }),
        3 => who().prop_map(|who| Step::GiveUp { who }),
        4 => who().prop_map(|who| Step::Arrive { who }),
        3 => (who(), any::<bool>(), 0usize..3)
            .prop_map(|(who, died, unsent)| Step::Leave { who, died, unsent }),
        1 => who().prop_map(|who| Step::Join { who }),
        2 => Just(Step::TaskDone),
        2 => Just(Step::Look),
        2 => prop_oneof![Just(50), Just(100), Just(2000)].prop_map(|micros| Step::Pass { micros }),
        1 => prop::bool::weighted(0.1).prop_map(|close| match close {
            true => Step::Close,
            false => Step::Look,
        }),
    ]
}

/// A queue that knows nothing of workers, and how much of it is on its way.
struct Reference {
    capacity: Capacity,
    /// The items by their place in the order in which they came.
    items: BTreeMap<usize, Item>,
    /// The places of all items that ever came.
    places: BTreeMap<Item, usize>,
    /// The items that each worker holds without having asked for them; part of `items`.
    hands: [Vec<Item>; ALL],
    /// Question, who, how many.
    getters: VecDeque<(u64, usize, usize)>,
    putters: VecDeque<(u64, VecDeque<Item>, i64)>,
    joiners: Vec<u64>,
    closed: bool,
    unfinished: u64,
    /// Put on credit, and not there yet.
    on_the_way: [usize; ALL],
    told: Told,
}

impl Reference {
    fn tell(&mut self, id: u64, reply: Reply) {
        assert_eq!(self.told.insert(id, reply), None);
    }

    fn is_full(&self) -> bool {
        !self.has_room(0)
    }

    /// Returns whether something of this cost fits.
    fn has_room(&self, cost: usize) -> bool {
        let on_the_way: usize = self.on_the_way.iter().sum();
        let count = self.items.len() + on_the_way;
        let bytes: usize = self
            .items
            .values()
            .map(|item| item.len() + QUEUE_ITEM_OVERHEAD)
            .sum();
        let bytes = bytes + on_the_way * (CREDIT_ITEM + QUEUE_ITEM_OVERHEAD);
        self.capacity.items.is_none_or(|most| count < most)
            && (bytes + cost <= self.capacity.bytes || count == 0)
    }

    fn add(&mut self, item: Item) {
        let place = self.places.len();
        self.places.insert(item.clone(), place);
        self.items.insert(place, item);
        self.unfinished += 1;
    }

    /// It was told to somebody who did not live to receive it.
    fn put_back(&mut self, item: Item) {
        self.items.insert(self.places[&item], item);
    }

    /// Takes the oldest that are in nobody else's hands.
    fn take(&mut self, who: usize, most: usize) -> Vec<Item> {
        let elsewhere = |item: &Item| {
            let mut hands = self.hands.iter().enumerate();
            hands.any(|(other, hand)| other != who && hand.contains(item))
        };
        let free = self.items.iter().filter(|(_, item)| !elsewhere(item));
        let places: Vec<usize> = free.map(|(place, _)| *place).take(most).collect();
        let taken = places.iter().map(|place| self.items.remove(place));
        taken.map(|item| item.expect("it is there")).collect()
    }

    /// Lets in and gives out until nothing moves.
    fn end_all(&mut self) {
        loop {
            while let Some((id, items, done)) = self.putters.front_mut() {
                let (id, done_now) = (*id, *done);
                let Some(item) = items.front().cloned() else {
                    self.putters.pop_front();
                    self.tell(id, Reply::Number(done_now));
                    continue;
                };
                if !self.has_room(item.len() + QUEUE_ITEM_OVERHEAD) {
                    break;
                }
                if let Some((_, items, done)) = self.putters.front_mut() {
                    items.pop_front();
                    *done += 1;
                }
                self.add(item);
            }
            if self.items.is_empty() || self.getters.is_empty() {
                break;
            }
            while !self.items.is_empty()
                && let Some((id, who, most)) = self.getters.pop_front()
            {
                let count = most.min(self.items.len());
                let items = self.take(who, most);
                assert_eq!(items.len(), count, "some stand behind a busy worker");
                self.tell(id, Reply::Items(items));
            }
        }
        let nothing_comes = self.items.is_empty() && self.on_the_way == [0; ALL];
        if self.closed && nothing_comes {
            while let Some((id, ..)) = self.getters.pop_front() {
                self.tell(id, Reply::Failed(SharedError::Closed));
            }
        }
    }

    fn put(&mut self, id: u64, items: Vec<Item>) {
        if self.closed {
            return self.tell(id, Reply::Failed(SharedError::Closed));
        }
        if items.iter().any(|item| item.len() > self.capacity.bytes) {
            return self.tell(id, Reply::Failed(SharedError::TooLarge));
        }
        self.putters.push_back((id, items.into(), 0));
        self.end_all();
    }

    fn get(&mut self, id: u64, who: usize, most: usize) {
        if most == 0 {
            return self.tell(id, Reply::Items(Vec::new()));
        }
        self.getters.push_back((id, who, most));
        self.end_all();
    }

    /// Takes out whoever waits with this question, with what he is told.
    fn remove(&mut self, id: u64) -> Option<Reply> {
        let gone = |done: i64| match done {
            0 => Reply::Failed(SharedError::Full),
            done => Reply::Number(done),
        };
        if let Some(place) = self.getters.iter().position(|(known, ..)| *known == id) {
            self.getters.remove(place);
            return Some(Reply::Failed(SharedError::Empty));
        }
        if let Some(place) = self.putters.iter().position(|(known, ..)| *known == id) {
            return self.putters.remove(place).map(|(.., done)| gone(done));
        }
        let place = self.joiners.iter().position(|known| *known == id)?;
        self.joiners.remove(place);
        Some(Reply::Failed(SharedError::Timeout))
    }

    fn close(&mut self) {
        self.closed = true;
        while let Some((id, _, done)) = self.putters.pop_front() {
            let reply = match done {
                0 => Reply::Failed(SharedError::Closed),
                done => Reply::Number(done),
            };
            self.tell(id, reply);
        }
        self.end_all();
    }

    fn task_done(&mut self) -> Reply {
        if self.unfinished == 0 {
            return Reply::Failed(SharedError::OverRelease);
        }
        self.unfinished -= 1;
        if self.unfinished == 0 {
            for id in std::mem::take(&mut self.joiners) {
                self.tell(id, Reply::Done);
            }
        }
        Reply::Done
    }
}

/// One who asks.
struct Actor {
    owner: Owner,
    sink: Arc<dyn ReplySink>,
    worker: Option<Arc<Worker>>,
    asked: Option<(u64, QueueOp)>,
    /// A worker's posts that the host has not read.
    posts: Vec<Item>,
}

struct QueueFixture {
    queue: Arc<QueueCell>,
    replies: Arc<ReplyLog>,
    actors: Vec<Actor>,
    reference: Reference,
    next: u64,
}

impl QueueFixture {
    fn new(capacity: Capacity) -> Self {
        let replies = Arc::new(ReplyLog::default());
        let actor = |who| {
            let worker = (who >= PEOPLE).then(|| Arc::new(Worker::default()));
            let sink = match &worker {
                Some(worker) => Arc::clone(worker) as Arc<dyn ReplySink>,
                None => Arc::clone(&replies) as _,
            };
            Actor {
                owner: Owner::new(),
                sink,
                worker,
                asked: None,
                posts: Vec::new(),
            }
        };
        QueueFixture {
            queue: ObjectCell::new(QueueState::with_clock(capacity, true, clock::now)),
            actors: (0..ALL).map(actor).collect(),
            replies,
            reference: Reference {
                capacity,
                items: BTreeMap::new(),
                places: BTreeMap::new(),
                hands: [const { Vec::new() }; ALL],
                getters: VecDeque::new(),
                putters: VecDeque::new(),
                joiners: Vec::new(),
                closed: false,
                unfinished: 0,
                on_the_way: [0; ALL],
                told: Told::new(),
            },
            next: 0,
        }
    }

    /// An item that is like no other, of about so many bytes.
    fn item(&mut self, size: usize) -> Item {
        self.next += 1;
        let mut bytes = self.next.to_le_bytes().to_vec();
        bytes.resize(8 + size, 0);
        Item::from(bytes)
    }

    fn ask(&mut self, who: usize, op: QueueOp) -> u64 {
        self.arrive(who);
        let actor = &mut self.actors[who];
        let requester = Requester::new(actor.owner, Arc::clone(&actor.sink));
        if let Some(worker) = &actor.worker {
            worker.state().asked = Some(requester.id);
        }
        actor.asked = Some((requester.id, op.clone()));
        self.queue.lock().ask(op, &requester);
        self.see_hands();
        requester.id
    }

    /// The reference is to know who has what.
    fn see_hands(&mut self) {
        for (actor, hand) in self.actors.iter().zip(&mut self.reference.hands) {
            if let Some(worker) = &actor.worker {
                let state = worker.state();
                *hand = state.handed.iter().skip(state.owed).cloned().collect();
            }
        }
    }

    /// Asks for one who is there for this only.
    fn ask_once(&mut self, op: QueueOp) -> Reply {
        let requester = Requester::new(Owner::new(), Arc::clone(&self.replies) as _);
        self.queue.lock().ask(op, &requester);
        let mut told = self.replies.0.lock().expect("no panic");
        let place = told.iter().position(|(id, _)| *id == requester.id);
        told.remove(place.expect("it is answered at once")).1
    }

    fn arrive(&mut self, who: usize) {
        let posts = std::mem::take(&mut self.actors[who].posts);
        if posts.is_empty() {
            return;
        }
        self.reference.on_the_way[who] -= posts.len();
        for item in &posts {
            self.reference.add(item.clone());
        }
        let posted = self.queue.posted(&self.actors[who].sink, posts);
        assert_eq!(posted, Ok(()), "it put what it may");
        self.see_hands();
        self.reference.end_all();
        self.compare();
    }

    fn put(&mut self, who: usize, sizes: &[usize]) {
        let items: Vec<Item> = sizes.iter().map(|size| self.item(*size)).collect();
        if let (Some(worker), [item]) = (&self.actors[who].worker, &items[..])
            && worker.use_credit()
        {
            self.actors[who].posts.push(item.clone());
            self.reference.on_the_way[who] += 1;
            return;
        }
        let id = self.ask(who, QueueOp::Put(items.clone()));
        self.reference.put(id, items);
    }

    fn get(&mut self, who: usize, most: u32) {
        if let Some(worker) = &self.actors[who].worker {
            let owed = worker.state().owed;
            let claimed = worker.claim(most as usize);
            if !claimed.is_empty() {
                // The items that it asked for were answered already. The others count
                // as if it had asked, and been answered at once.
                for item in &claimed[owed.min(claimed.len())..] {
                    let place = self.reference.places[item];
                    assert_eq!(self.reference.items.remove(&place).as_ref(), Some(item));
                }
                self.see_hands();
                self.reference.end_all();
                // Nobody learns that there is room; whoever waits for some
                // made the queue take back what was handed ahead.
                assert!(
                    self.reference.told.is_empty(),
                    "somebody waits for this room"
                );
                return;
            }
        }
        let id = self.ask(who, QueueOp::Get(most));
        self.reference.get(id, who, most as usize);
    }

    fn give_up(&mut self, who: usize) {
        let Some((id, _)) = self.actors[who].asked else {
            return;
        };
        self.queue.lock().give_up(id);
        self.see_hands();
        if let Some(reply) = self.reference.remove(id) {
            self.reference.tell(id, reply);
        }
        self.reference.end_all();
    }

    /// A task ends or dies, as the pool ends it; the last `unsent` posts were
    /// never written.
    fn leave(&mut self, who: usize, died: bool, unsent: usize) {
        let actor = &mut self.actors[who];
        if died {
            let kept = actor.posts.len().saturating_sub(unsent);
            actor.posts.truncate(kept);
        }
        let asked = self.actors[who].asked.take();
        let lost = self.reference.on_the_way[who] - self.actors[who].posts.len();
        self.arrive_before_the_end(who);
        let actor = &mut self.actors[who];
        if let Some(worker) = &actor.worker {
            // The items that it was owed come back.
            let owed = {
                let mut state = worker.state();
                state.asked = None;
                let owed = state.owed;
                state.owed = 0;
                state.handed.iter().take(owed).cloned().collect::<Vec<_>>()
            };
            for item in owed {
                self.reference.put_back(item);
            }
            self.queue.end_prefetch(&actor.sink);
            self.see_hands();
            self.reference.end_all();
        }
        self.queue.lock().leave(self.actors[who].owner, died);
        self.see_hands();
        if let Some((id, _)) = asked {
            self.reference.remove(id);
            self.reference.told.remove(&id);
        }
        self.reference.end_all();
        let actor = &self.actors[who];
        if actor.worker.is_some() {
            self.queue.end_credit(&actor.sink);
            self.see_hands();
            self.reference.on_the_way[who] -= lost;
            self.reference.end_all();
        }
        self.actors[who].owner = Owner::new();
        if let Some((id, _)) = asked {
            // Whoever is gone is told nothing.
            self.reference.told.remove(&id);
            let mut told = self.replies.0.lock().expect("no panic");
            told.retain(|(known, _)| *known != id);
        }
    }

    fn arrive_before_the_end(&mut self, who: usize) {
        let lost = self.reference.on_the_way[who] - self.actors[who].posts.len();
        self.arrive(who);
        assert_eq!(self.reference.on_the_way[who], lost);
    }

    fn look(&mut self) {
        let size = self.reference.items.len() as i64;
        assert_eq!(self.ask_once(QueueOp::Size), Reply::Number(size));
        let full = self.reference.is_full();
        assert_eq!(self.ask_once(QueueOp::Full), Reply::Flag(full));
    }

    fn play(&mut self, step: Step) {
        let busy = |fixture: &Self, who: usize| fixture.actors[who].asked.is_some();
        match step {
            Step::Put { who, sizes } if !busy(self, who) => self.put(who, &sizes),
            Step::Get { who, most } if !busy(self, who) => self.get(who, most),
            Step::Join { who } if !busy(self, who) => {
                let id = self.ask(who, QueueOp::Join);
                match self.reference.unfinished {
                    0 => self.reference.tell(id, Reply::Done),
                    _ => self.reference.joiners.push(id),
                }
            }
            Step::GiveUp { who } => self.give_up(who),
            Step::Arrive { who } => self.arrive(who),
            Step::Leave { who, died, unsent } => self.leave(who, died, unsent),
            Step::TaskDone => {
                let reply = self.ask_once(QueueOp::TaskDone);
                assert_eq!(reply, self.reference.task_done());
            }
            Step::Look => self.look(),
            Step::Pass { micros } => clock::pass(micros),
            Step::Close => {
                assert_eq!(self.ask_once(QueueOp::Close), Reply::Done);
                self.see_hands();
                self.reference.close();
            }
            _ => {}
        }
        self.compare();
    }

    /// Everybody was told what the reference tells him.
    fn compare(&mut self) {
        let mut told = self.replies.take();
        for actor in &mut self.actors {
            let (Some(worker), Some((id, op))) = (&actor.worker, &actor.asked) else {
                continue;
            };
            let mut state = worker.state();
            let reply = state.told.take();
            let handed = state.asked.is_none() && reply.is_none();
            if let Some(reply) = reply {
                told.insert(*id, reply);
            } else if handed && matches!(op, QueueOp::Get(_)) {
                let owed = state.owed;
                let items = state.handed.iter().take(owed).cloned().collect();
                told.insert(*id, Reply::Items(items));
            }
        }
        assert_eq!(told, std::mem::take(&mut self.reference.told));
        for actor in &mut self.actors {
            actor.asked.take_if(|(id, _)| told.contains_key(id));
        }
        if let Some(most) = self.reference.capacity.items {
            // Items that came back from dead workers are there too.
            let held = self.reference.items.len();
            assert!(held <= most + (ALL - PEOPLE) * 4, "{held} of {most}");
        }
    }
}

fn capacity() -> impl Strategy<Value = Capacity> {
    let items = prop_oneof![Just(None), (1usize..6).prop_map(Some), Just(Some(40))];
    let bytes = prop_oneof![Just(300), Just(20_000), Just(1 << 20)];
    (items, bytes).prop_map(|(items, bytes)| Capacity { items, bytes })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_queue_tells_everybody_what_a_plain_one_would(
        capacity in capacity(),
        steps in prop::collection::vec(step(), 0..150),
    ) {
        let mut fixture = QueueFixture::new(capacity);
        for step in steps {
            fixture.play(step);
        }
        // Nothing is lost: what is left is taken in order.
        for who in 0..ALL {
            fixture.leave(who, true, 0);
        }
        fixture.compare();
        let left: Vec<Item> = fixture.reference.items.values().cloned().collect();
        if !left.is_empty() {
            let all = fixture.ask_once(QueueOp::Get(u32::MAX));
            prop_assert_eq!(all, Reply::Items(left));
        }
    }
}
