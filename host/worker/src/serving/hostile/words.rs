//! Workers that lie with the words of the ring: what is claimed, what is
//! answered, and where it lies.

use std::hint;
use std::io;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::{Play, Stage, header};
use sandpool_protocol::frame::{End, inline_payload};
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
        "huge-slot" => |stage| slot(stage, u64::from(u32::MAX) << 32),
        // 60 MiB.
        "large-slot" => |stage| slot(stage, 60 << 20 << 32),
        "slot-outside" => |stage| slot(stage, ARENA as u64 | 64 << 32),
        "slot-crosses-the-end" => |stage| slot(stage, (ARENA - 8) as u64 | 64 << 32),
        "slot-unaligned" => |stage| slot(stage, 3 | 64 << 32),
        "flips-bytes" => flips_bytes,
        "flips-published" => flips_published,
        "flips-claims" => flips_claims,
        "scribbles" => scribbles,
        "floods-bell" => floods_bell,
        "swallows-rings" => swallows_rings,
        _ => return None,
    }))
}

fn answers_twice(stage: Stage) -> io::Result<()> {
    let task = stage.claim();
    let value = encode_args(&[Value::S32(0)]);
    let payload = inline_payload(&header(&task, End::Ok, value.len()), &[&value]);
    let next = stage.ring.published().load(Ordering::Relaxed);
    for answer in [next, next + 1] {
        stage.ring.fill(Lane::Answers, answer, 0, &[&payload]);
    }
    stage.publish(2);
    stage.linger()
}

fn answers_unclaimed(stage: Stage) -> io::Result<()> {
    let task = stage.peek();
    stage.answer_honestly(&task);
    stage.linger()
}

/// Answers honestly until two tasks are there at once.
fn two_at_once(stage: &Stage) -> Claim {
    loop {
        let claim = stage.wait_for(1);
        if claim.tail.wrapping_sub(claim.head) >= 2 {
            return claim;
        }
        let task = stage.claim();
        stage.answer_honestly(&task);
    }
}

fn claim_both(stage: &Stage) {
    loop {
        let claim = two_at_once(stage);
        let both = Claim {
            head: claim.head.wrapping_add(2),
            ..claim
        };
        let swapped = stage.ring.claim().compare_exchange(
            claim.word(),
            both.word(),
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        if swapped.is_ok() {
            return stage.bell.ring();
        }
    }
}

fn claims_two(stage: Stage) -> io::Result<()> {
    claim_both(&stage);
    stage.linger()
}

fn claims_two_and_dies(stage: Stage) -> io::Result<()> {
    claim_both(&stage);
    Ok(())
}

fn set_claim(stage: &Stage, change: impl Fn(Claim) -> Claim) {
    let word = change(stage.claim_word()).word();
    stage.ring.claim().store(word, Ordering::Release);
    stage.bell.ring();
}

fn claims_past_the_end(stage: Stage) -> io::Result<()> {
    stage.wait_for(1);
    set_claim(&stage, |claim| Claim {
        head: claim.tail.wrapping_add(1_000_000),
        ..claim
    });
    stage.linger()
}

fn claims_backwards(stage: Stage) -> io::Result<()> {
    stage.claim();
    // Long enough for the host to have seen the claim.
    thread::sleep(Duration::from_millis(100));
    set_claim(&stage, |claim| Claim {
        head: claim.head.wrapping_sub(1),
        ..claim
    });
    stage.linger()
}

fn moves_the_tail(stage: Stage) -> io::Result<()> {
    stage.claim();
    set_claim(&stage, |claim| Claim {
        tail: claim.tail.wrapping_add(1),
        ..claim
    });
    stage.linger()
}

fn publishes_backwards(stage: Stage) -> io::Result<()> {
    stage.claim();
    stage.publish(u32::MAX);
    stage.linger()
}

fn publishes_far(stage: Stage) -> io::Result<()> {
    stage.claim();
    stage.publish(1 << 20);
    stage.linger()
}

fn slot(stage: Stage, slot: u64) -> io::Result<()> {
    stage.claim();
    stage.ring.write_slot(Lane::Answers, 0, slot);
    stage.publish(1);
    stage.linger()
}

/// Changes an answer while and after it is published: what was checked must be
/// what is used. The bytes are those of the sum.
fn flips_bytes(mut stage: Stage) -> io::Result<()> {
    let task = stage.claim();
    let value = encode_args(&[Value::S32(0)]);
    let payload = inline_payload(&header(&task, End::Ok, value.len()), &[&value]);
    let Some(ring) = stage.other_ring.take() else {
        return Ok(());
    };
    stage.fill(&payload);
    let mut flipped = payload.clone();
    flipped.iter_mut().for_each(|byte| *byte = !*byte);
    thread::spawn(move || {
        loop {
            ring.fill(Lane::Answers, 0, 0, &[&flipped]);
            ring.fill(Lane::Answers, 0, 0, &[&payload]);
        }
    });
    stage.publish(1);
    loop {
        let task = stage.claim();
        stage.answer_honestly(&task);
    }
}

/// Publishes and takes back without end: a host that trusts either is kept
/// busy for nothing.
fn flips_published(stage: Stage) -> io::Result<()> {
    stage.claim();
    loop {
        for _ in 0..1000 {
            stage.ring.published().fetch_add(1, Ordering::Relaxed);
            stage.ring.published().fetch_sub(1, Ordering::Relaxed);
        }
        stage.bell.ring();
    }
}

fn flips_claims(stage: Stage) -> io::Result<()> {
    stage.claim();
    let word = stage.ring.claim().load(Ordering::Relaxed);
    loop {
        for _ in 0..1000 {
            stage.ring.claim().store(u64::MAX, Ordering::Relaxed);
            stage.ring.claim().store(word, Ordering::Relaxed);
        }
        stage.bell.ring();
    }
}

/// Writes over everything, again and again.
fn scribbles(stage: Stage) -> io::Result<()> {
    stage.claim();
    let mut word = 0x9e37_79b9_7f4a_7c15_u64;
    loop {
        for place in 0..8192 / 8 + 64 {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            stage.ring.write_word(place * 8, word);
        }
        stage.bell.ring();
    }
}

fn floods_bell(stage: Stage) -> io::Result<()> {
    stage.claim();
    loop {
        stage.bell.ring();
    }
}

/// Rings, and takes the ring away again when the host has woken up and is about
/// to, from a bell that it has made a blocking one. A host that waits there
/// waits for ever, since nobody rings again.
fn swallows_rings(stage: Stage) -> io::Result<()> {
    const PATIENCE: usize = 1000;
    let host_sleeps = || stage.ring.host_sleeps().load(Ordering::Relaxed) == 1;
    stage.claim();
    rustix::io::ioctl_fionbio(&stage.bell, false)?;
    loop {
        stage.bell.ring();
        let mut spins = 0..1_000_000;
        while host_sleeps() && spins.next().is_some() {
            hint::spin_loop();
        }
        stage.bell.clear();
        let mut naps = 0..PATIENCE;
        while !host_sleeps() {
            if naps.next().is_none() {
                return stage.linger();
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}
