//! Workers that misbehave in calls of functions of the host. The function `twice`, which takes
//! an `i64`, is given to them, and nothing else.

use std::io;

use super::exchange::Sharer;
use super::{Play, WorkerParts, answers};
use sandpool_protocol::frame::TaskEnd;
use sandpool_protocol::request::{Asks, Item};

/// Bytes of arguments beyond the limit.
const TOO_LONG: usize = 1024 * 1024 + 1;

pub(super) fn find(name: &str) -> Option<Play> {
    Some(Play::Ready(match name {
        "calls-a-function-out-of-range" => |worker| asks(worker, &[call(1, 8)]),
        "calls-with-too-little" => |worker| asks(worker, &[call(0, 7)]),
        "calls-with-too-much" => |worker| asks(worker, &[call(0, 9)]),
        "calls-with-too-long-arguments" => |worker| asks(worker, &[call(0, TOO_LONG)]),
        "calls-twice" => |worker| asks(worker, &[call(0, 8), call(0, 8)]),
        "gives-up-a-call" => |worker| asks(worker, &[call(0, 8), Asks::GiveUp]),
        "claims-a-failed-call" => |worker| answers::end(worker, TaskEnd::HostFunction),
        _ => return None,
    }))
}

fn asks(worker: WorkerParts, all: &[Asks]) -> io::Result<()> {
    Sharer::new(worker)?.then(all)
}

/// Returns a call with this many bytes of arguments.
fn call(function: u32, bytes: usize) -> Asks {
    Asks::Function {
        function,
        arguments: Item::from(vec![0; bytes]),
    }
}
