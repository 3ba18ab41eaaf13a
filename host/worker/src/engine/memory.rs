//! Finds which limit refused memory to a child: its own, or one it inherited.

use super::config::address_space;
use sandpool_protocol::settings::EngineSettings;
use sandpool_sys::in_force::{InForce, has_address_space};

/// The limit that bounds the memory of this process.
pub enum Refused {
    /// The limit of its own.
    Own,
    /// One that whoever started the host has set; with its name and value.
    Inherited(String),
    /// None that it knows: the system has no more.
    System,
}

/// Finds who has just refused memory to a process whose own limit is `own`. A process that
/// has no `engine` yet needs the address space for it. `inherited` are the limits that
/// it had before it had its own.
pub fn who_refused(
    own: Option<u64>,
    inherited: &InForce,
    engine: Option<&EngineSettings>,
) -> Refused {
    let reserved = engine.map_or(SMALL_RESERVATION, address_space);
    let limit = match has_address_space(reserved) {
        // Only what is as good as certain: there may be room elsewhere for it.
        true => inherited.tighter_than(own, 0),
        false => inherited.tighter_than(own, u64::MAX),
    };
    match (limit, own) {
        (Some(limit), _) => Refused::Inherited(limit),
        (None, Some(_)) => Refused::Own,
        (None, None) => Refused::System,
    }
}

/// Address space without which nothing goes on.
const SMALL_RESERVATION: u64 = 64 * 1024 * 1024;
