//! Two producers and two consumers, each a process with a name. The producers
//! are quicker, and hold back where a queue is full; one consumer takes the
//! even numbers, the other the odd ones, and both stop when no work is left.
//!
//! In Python:
//!
//! ```python
//! evens, odds = Queue(3), Queue(3)
//! producers = [Process(target=produce, args=(evens, odds, first, 10), name=name)
//!              for name, first in (("Lee", 0), ("Marlon", 100))]
//! consumers = [Process(target=consume, args=(queue, 20), name=name)
//!              for name, queue in (("Even", evens), ("Odd", odds))]
//! for p in producers + consumers: p.start()
//! for p in producers: p.join()
//! for q in (evens, odds): q.put(None)  # no more work
//! for p in consumers: p.join()
//! ```
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use sandpool::{Process, Queue};

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry();
    let module = common::guest("tutorials");
    // Three numbers fit into each; whoever puts a fourth one waits.
    let (evens, odds) = (Queue::<u32>::new(3), Queue::<u32>::new(3));

    let producer = |name, first: u32| {
        let process = Process::call(&module, "produce").name(name);
        process.args((&evens, &odds, first, 10u32)).start()
    };
    let consumer = |name, queue: &Queue<u32>| {
        let process = Process::call(&module, "consume").name(name);
        process.args((queue, 20u32)).start()
    };
    let producers = [producer("Lee", 0)?, producer("Marlon", 100)?];
    let consumers = [consumer("Even", &evens)?, consumer("Odd", &odds)?];

    for process in &producers {
        process.join(None)?;
    }
    println!("all is produced");
    // Nobody puts any more: a consumer that has emptied its queue is told so.
    evens.close();
    odds.close();
    for process in &consumers {
        process.join(None)?;
        let outcome = process.outcome().map(|outcome| outcome.typed::<u32>());
        let taken = outcome.and_then(|it| it.value).unwrap_or_default();
        println!("{} took {taken} numbers", process.name());
    }
    Ok(())
}
