//! Workers that lie with the words of the ring: what is claimed, what is
//! answered, and where it lies.

use std::hint;
use std::io;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::{Play, WorkerParts, header};
use sandpool_protocol::frame::{TaskEnd, inline_payload};
use sandpool_protocol::ring::{ARENA, Claim, Lane};
use sandpool_value::{Value, encode_args};

pub(super) fn find(name: &str) -> Option<Play> {
    Some(Play::Ready(match name {
        "answers-twice" => answers_twice,
        "answers-unclaimed" => answers_unclaimed,
        "claims-two" => claims_two,
        "claims-two-and-dies" => claims_two_and_dies,
        "claims-past-the-end" => claims_past_the_end,
        "claims-backwards" => claims_backwards,
        "moves-the-tail" => moves_the_tail,
        "publishes-backwards" => publishes_backwards,
        "publishes-far" => publishes_far,
        "huge-slot" => |worker| slot(worker, u64::from(u32::MAX) << 32),
        // 60 MiB.
        "large-slot" => |worker| slot(worker, 60 << 20 << 32),
        "slot-outside" => |worker| slot(worker, ARENA as u64 | 64 << 32),
        "slot-crosses-the-end" => |worker| slot(worker, (ARENA - 8) as u64 | 64 << 32),
        "slot-unaligned" => |worker| slot(worker, 3 | 64 << 32),
        "flips-bytes" => flips_bytes,
        "flips-published" => flips_published,
        "flips-claims" => flips_claims,
        "scribbles" => scribbles,
        "floods-bell" => floods_bell,
        "swallows-rings" => swallows_rings,
        _ => return None,
    }))
}

fn answers_twice(worker: WorkerParts) -> io::Result<()> {
    let task = worker.claim();
    let value = encode_args(&[Value::S32(0)]);
    let payload = inline_payload(&header(&task, TaskEnd::Ok, value.len()), &[&value]);
    let next = worker.ring.published().load(Ordering::Relaxed);
    for answer in [next, next + 1] {
        worker.ring.fill(Lane::Answers, answer, 0, &[&payload]);
    }
    worker.publish(2);
    worker.linger()
}

fn answers_unclaimed(worker: WorkerParts) -> io::Result<()> {
    let task = worker.peek();
    worker.answer_honestly(&task);
    worker.linger()
}

/// Answers honestly until two tasks are there at once.
fn two_at_once(worker: &WorkerParts) -> Claim {
    loop {
        let claim = worker.wait_for(1);
        if claim.tail.wrapping_sub(claim.head) >= 2 {
            return claim;
        }
        let task = worker.claim();
        worker.answer_honestly(&task);
    }
}

fn claim_both(worker: &WorkerParts) {
    loop {
        let claim = two_at_once(worker);
        let both = Claim {
            head: claim.head.wrapping_add(2),
            ..claim
        };
        let swapped = worker.ring.claim().compare_exchange(
            claim.word(),
            both.word(),
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        if swapped.is_ok() {
            return worker.bell.ring();
        }
    }
}

fn claims_two(worker: WorkerParts) -> io::Result<()> {
    claim_both(&worker);
    worker.linger()
}

fn claims_two_and_dies(worker: WorkerParts) -> io::Result<()> {
    claim_both(&worker);
    Ok(())
}

fn set_claim(worker: &WorkerParts, change: impl Fn(Claim) -> Claim) {
    let word = change(worker.claim_word()).word();
    worker.ring.claim().store(word, Ordering::Release);
    worker.bell.ring();
}

fn claims_past_the_end(worker: WorkerParts) -> io::Result<()> {
    worker.wait_for(1);
    set_claim(&worker, |claim| Claim {
        head: claim.tail.wrapping_add(1_000_000),
        ..claim
    });
    worker.linger()
}

fn claims_backwards(worker: WorkerParts) -> io::Result<()> {
    worker.claim();
    // Long enough for the host to have seen the claim.
    thread::sleep(Duration::from_millis(100));
    set_claim(&worker, |claim| Claim {
        head: claim.head.wrapping_sub(1),
        ..claim
    });
    worker.linger()
}

fn moves_the_tail(worker: WorkerParts) -> io::Result<()> {
    worker.claim();
    set_claim(&worker, |claim| Claim {
        tail: claim.tail.wrapping_add(1),
        ..claim
    });
    worker.linger()
}

fn publishes_backwards(worker: WorkerParts) -> io::Result<()> {
    worker.claim();
    worker.publish(u32::MAX);
    worker.linger()
}

fn publishes_far(worker: WorkerParts) -> io::Result<()> {
    worker.claim();
    worker.publish(1 << 20);
    worker.linger()
}

fn slot(worker: WorkerParts, slot: u64) -> io::Result<()> {
    worker.claim();
    worker.ring.write_slot(Lane::Answers, 0, slot);
    worker.publish(1);
    worker.linger()
}

/// Changes an answer while and after it is published: what was checked must be
/// what is used. The bytes are those of the sum.
fn flips_bytes(mut worker: WorkerParts) -> io::Result<()> {
    let task = worker.claim();
    let value = encode_args(&[Value::S32(0)]);
    let payload = inline_payload(&header(&task, TaskEnd::Ok, value.len()), &[&value]);
    let Some(ring) = worker.other_ring.take() else {
        return Ok(());
    };
    worker.fill(&payload);
    let mut flipped = payload.clone();
    flipped.iter_mut().for_each(|byte| *byte = !*byte);
    thread::spawn(move || {
        loop {
            ring.fill(Lane::Answers, 0, 0, &[&flipped]);
            ring.fill(Lane::Answers, 0, 0, &[&payload]);
        }
    });
    worker.publish(1);
    loop {
        let task = worker.claim();
        worker.answer_honestly(&task);
    }
}

/// Publishes and takes back without end: a host that trusts either is kept
/// busy for nothing.
fn flips_published(worker: WorkerParts) -> io::Result<()> {
    worker.claim();
    loop {
        for _ in 0..1000 {
            worker.ring.published().fetch_add(1, Ordering::Relaxed);
            worker.ring.published().fetch_sub(1, Ordering::Relaxed);
        }
        worker.bell.ring();
    }
}

fn flips_claims(worker: WorkerParts) -> io::Result<()> {
    worker.claim();
    let word = worker.ring.claim().load(Ordering::Relaxed);
    loop {
        for _ in 0..1000 {
            worker.ring.claim().store(u64::MAX, Ordering::Relaxed);
            worker.ring.claim().store(word, Ordering::Relaxed);
        }
        worker.bell.ring();
    }
}

/// Writes over everything, again and again.
fn scribbles(worker: WorkerParts) -> io::Result<()> {
    worker.claim();
    let mut word = 0x9e37_79b9_7f4a_7c15_u64;
    loop {
        for place in 0..8192 / 8 + 64 {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            worker.ring.write_word(place * 8, word);
        }
        worker.bell.ring();
    }
}

fn floods_bell(worker: WorkerParts) -> io::Result<()> {
    worker.claim();
    loop {
        worker.bell.ring();
    }
}

/// Rings, and takes the ring away again when the host has woken up and is about
/// to, from a bell that it has made a blocking one. A host that waits there
/// waits for ever, since nobody rings again.
fn swallows_rings(worker: WorkerParts) -> io::Result<()> {
    const PATIENCE: usize = 1000;
    let host_sleeps = || worker.ring.host_sleeps().load(Ordering::Relaxed) == 1;
    worker.claim();
    rustix::io::ioctl_fionbio(&worker.bell, false)?;
    loop {
        worker.bell.ring();
        let mut spins = 0..1_000_000;
        while host_sleeps() && spins.next().is_some() {
            hint::spin_loop();
        }
        worker.bell.clear();
        let mut naps = 0..PATIENCE;
        while !host_sleeps() {
            if naps.next().is_none() {
                return worker.linger();
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}
