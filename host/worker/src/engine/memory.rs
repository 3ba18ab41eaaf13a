//! Finds the limit that refused memory to a child: its own, or an inherited one.

use super::config::address_space;
use sandpool_protocol::settings::EngineSettings;
use sandpool_sys::in_force::{InForce, has_address_space};

/// The limit that bounds the memory of this process.
pub enum Refused {
    /// The child's own limit.
    Own,
    /// A limit that the host was started under, with its name and value.
    Inherited(String),
    /// No known limit: the system has no more.
    System,
}

/// Finds the limit that has just refused memory to a process whose own limit is `own`. A
/// process that has no `engine` yet needs the address space for it. `inherited` are the
/// limits that the process had before it had its own.
pub fn who_refused(
    own: Option<u64>,
    inherited: &InForce,
    engine: Option<&EngineSettings>,
) -> Refused {
    let reserved = engine.map_or(SMALL_RESERVATION, address_space);
    let limit = match has_address_space(reserved) {
        // Named only if it is as good as certain: there may be room elsewhere for it.
        true => inherited.tighter_than(own, 0),
        false => inherited.tighter_than(own, u64::MAX),
    };
    match (limit, own) {
        (Some(limit), _) => Refused::Inherited(limit),
        (None, Some(_)) => Refused::Own,
        (None, None) => Refused::System,
    }
}

/// The address space in bytes without which a process cannot continue.
const SMALL_RESERVATION: u64 = 64 * 1024 * 1024;
