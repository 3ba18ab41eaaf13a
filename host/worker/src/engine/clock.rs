//! The monotonic clock of guests.

use std::time::Instant;

use wasmtime_wasi::HostMonotonicClock;

/// Nanoseconds since the guest's store was made.
#[derive(Clone, Copy, Debug)]
pub struct GuestClock {
    pub(super) zero: Instant,
}

impl GuestClock {
    pub fn starting(zero: Instant) -> Self {
        GuestClock { zero }
    }
}

impl HostMonotonicClock for GuestClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        u64::try_from(self.zero.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
