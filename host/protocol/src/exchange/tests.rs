//! Streams and offers, beside sides that keep the rules and sides that do not.

use proptest::prelude::*;
use serde_bytes::ByteBuf;

use super::*;
use sandpool_sys::memfd_sized;

fn exchange() -> Exchange {
    let file = memfd_sized("sandpool-exchange", EXCHANGE_SIZE as u64).expect("a file");
    Exchange::new(Mapping::new(&file, EXCHANGE_SIZE).expect("mapped"))
}

/// Both ends of a stream that has carried so many bytes already.
fn stream(exchange: &Exchange, before: u32) -> (StreamWriter, StreamReader) {
    let way = Way::ToHost;
    for word in exchange.bare_counts(way) {
        word.store(before, Ordering::Relaxed);
    }
    let writer = StreamWriter {
        written: before,
        read: before,
        ..StreamWriter::new(way)
    };
    let reader = StreamReader {
        read: before,
        ..StreamReader::new(way)
    };
    (writer, reader)
}

/// Counts near where they wrap, and any.
fn count() -> impl Strategy<Value = u32> {
    let near = STREAM as u32 * 3;
    prop_oneof![any::<u32>(), u32::MAX - near..=u32::MAX, 0..near]
}

fn size() -> impl Strategy<Value = usize> {
    let edge = STREAM - 20..STREAM + 20;
    prop_oneof![6 => 0usize..300, 2 => 0..STREAM, 1 => edge, 1 => 0..3 * STREAM]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn messages_of_any_size_come_whole_and_in_order(
        before in count(),
        sizes in prop::collection::vec(size(), 0..10),
        pieces in prop::collection::vec((STREAM / 8..STREAM * 2, 0..3u8), 1..20),
    ) {
        let exchange = exchange();
        let (mut writer, mut reader) = stream(&exchange, before);
        let message = |n: usize, size: usize| ByteBuf::from(vec![n as u8; size]);
        let sent: Vec<ByteBuf> = (0..).zip(&sizes).map(|(n, size)| message(n, *size)).collect();
        let bytes: Vec<u8> = sent.iter().flat_map(framed).collect();
        let (mut left, mut got) = (&bytes[..], Vec::new());
        let mut pieces = pieces.into_iter().cycle();
        while got.len() < sent.len() {
            let (piece, rests) = pieces.next().expect("endless");
            let written = writer.write(&exchange, &left[..piece.min(left.len())]);
            let written = written.expect("the reader keeps the rules");
            left = &left[written..];
            // Now and then the reader is late, as long as there is room.
            if rests == 0 || written == 0 {
                reader.fill(&exchange).expect("the writer keeps the rules");
            }
            while let Some(message) = reader.message().expect("short enough") {
                got.push(postcard::from_bytes::<ByteBuf>(message).expect("whole"));
            }
        }
        prop_assert!(left.is_empty() && !reader.is_in_the_middle());
        prop_assert!(!reader.has_more(&exchange) && got == sent);
    }

    #[test]
    fn whatever_a_writer_does_its_reader_takes_no_more_than_there_is_room_for(
        before in count(),
        steps in prop::collection::vec((any::<bool>(), any::<u32>(), 0..4u8), 0..60),
    ) {
        let exchange = exchange();
        let (_, mut reader) = stream(&exchange, before);
        let [written, _] = exchange.bare_counts(Way::ToHost);
        for (near, word, byte) in steps {
            let base = Exchange::start(Way::ToHost);
            let place = word as usize % STREAM;
            exchange.memory.copy_in(base + place, &[byte][..1]);
            match near {
                true => drop(written.fetch_add(word % STREAM as u32, Ordering::Relaxed)),
                false => written.store(word, Ordering::Relaxed),
            }
            let filled = reader.fill(&exchange);
            prop_assert!(filled.as_ref().is_ok_and(|count| *count <= STREAM) || filled.is_err());
            while let Ok(Some(message)) = reader.message() {
                prop_assert!(message.len() <= MAX_REQUEST);
            }
            let _ = (reader.has_more(&exchange), reader.is_in_the_middle());
            if filled.is_err() || reader.message().is_err() {
                break;
            }
            prop_assert!(reader.begun.len() <= MAX_REQUEST + LENGTH + STREAM);
        }
    }

    #[test]
    fn whatever_a_reader_does_its_writer_writes_only_where_there_is_room(
        before in count(),
        steps in prop::collection::vec((any::<bool>(), any::<u32>(), size()), 0..60),
    ) {
        let exchange = exchange();
        let (mut writer, _) = stream(&exchange, before);
        let [_, read] = exchange.bare_counts(Way::ToHost);
        let mut honest = true;
        for (near, word, size) in steps {
            let there = writer.written.wrapping_sub(read.load(Ordering::Relaxed));
            match near {
                // As one that keeps the rules.
                true if honest => drop(read.fetch_add(word % (there + 1), Ordering::Relaxed)),
                _ => {
                    honest = false;
                    read.store(word, Ordering::Relaxed);
                }
            }
            match writer.write(&exchange, &vec![1; size]) {
                Ok(count) => prop_assert!(count <= size.min(STREAM)),
                Err(_) => {
                    prop_assert!(!honest, "an honest reader is believed");
                    break;
                }
            }
            prop_assert!(writer.written.wrapping_sub(writer.read) as usize <= STREAM);
        }
    }

    #[test]
    fn what_is_offered_is_claimed_or_taken_back_and_never_both(
        before in count(),
        steps in prop::collection::vec((0..4u8, 0u32..9), 0..100),
    ) {
        let exchange = exchange();
        let word = Word::Handed;
        let mut offer = Offer { word, head: before, tail: before };
        // Of the offer that stands: all, and what was claimed.
        let (mut offered, mut claimed) = (0u32, 0u32);
        offer.offer(&exchange, 0);
        for (step, count) in steps {
            match step {
                0 => {
                    // The last one is over.
                    offer.take_back(&exchange, 0).expect("honest");
                    prop_assert!(!exchange.claim(word, 1));
                    offer.offer(&exchange, count);
                    (offered, claimed) = (count, 0);
                }
                1 | 2 => {
                    // All of it, or nothing.
                    let got = exchange.claim(word, count);
                    prop_assert_eq!(got, count <= offered - claimed);
                    claimed += if got { count } else { 0 };
                }
                _ => {
                    let stay = offer.take_back(&exchange, count).expect("honest");
                    prop_assert_eq!(stay, claimed.max(count.min(offered)));
                    offered = stay;
                }
            }
        }
    }

    #[test]
    fn whatever_a_worker_writes_over_its_claims_no_more_stays_than_was_offered(
        before in count(),
        steps in prop::collection::vec((0u32..9, 0u32..9, 0..3u8, any::<u64>()), 0..60),
    ) {
        let exchange = exchange();
        for which in [Word::Handed, Word::Credit] {
            let mut offer = Offer { word: which, head: before, tail: before };
            for (count, owed, lie, bits) in &steps {
                offer.offer(&exchange, *count);
                let word = exchange.bare_word(which);
                let changed = match lie {
                    0 => *bits,
                    // Near what is right, where the checks are fine.
                    1 => word.load(Ordering::Relaxed).wrapping_add(bits % 12),
                    _ => word.load(Ordering::Relaxed).wrapping_sub((bits % 3) * ((1 << 32) + 1)),
                };
                word.store(changed, Ordering::Relaxed);
                match offer.take_back(&exchange, *owed) {
                    Ok(stay) => prop_assert!(stay <= *count),
                    Err(_) => break,
                }
            }
        }
    }
}

#[test]
fn a_claim_and_a_taking_back_that_meet_split_the_offer_between_them() {
    const ROUNDS: u32 = 20_000;
    let exchange = &exchange();
    let [round, claimed, done] = &[0; 3].map(AtomicU32::new);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for n in 1..=ROUNDS {
                while round.load(Ordering::Acquire) < n {
                    std::hint::spin_loop();
                }
                let mut all = 0;
                // Until it was taken back.
                while exchange.claim(Word::Handed, 1) {
                    all += 1;
                }
                claimed.store(all, Ordering::Relaxed);
                done.store(n, Ordering::Release);
            }
        });
        let mut offer = Offer::new(Word::Handed);
        for n in 1..=ROUNDS {
            offer.offer(exchange, 8);
            round.store(n, Ordering::Release);
            let stays = offer.take_back(exchange, 0).expect("honest");
            while done.load(Ordering::Acquire) < n {
                std::hint::spin_loop();
            }
            // It may have claimed before it was taken back, and not after.
            assert_eq!(claimed.load(Ordering::Relaxed), stays, "round {n}");
        }
    });
}
