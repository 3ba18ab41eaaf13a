//! Sleeps of guests, which end on time.
//!
//! wasmtime-wasi sleeps on tokio's timers, which count in milliseconds and round up: a
//! guest that sleeps for 1 ms gets 2. Here the operating system times the last moment of a
//! sleep.

use std::time::{Duration, Instant};

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{WasiView, async_trait};

use super::guest::Guest;

/// The delay that tokio's timers may have. The rest of a sleep blocks the thread, and with
/// it everything else that the guest waits for.
const COARSE: Duration = Duration::from_millis(2);

/// A moment to wait for; `None` never comes.
struct Moment(Option<Instant>);

#[async_trait]
impl Pollable for Moment {
    async fn ready(&mut self) {
        let Some(moment) = self.0 else {
            return std::future::pending().await;
        };
        if let Some(early) = moment.checked_sub(COARSE)
            && early > Instant::now()
        {
            tokio::time::sleep_until(early.into()).await;
        }
        std::thread::sleep(moment.saturating_duration_since(Instant::now()));
    }
}

/// Replaces WASI's sleeps by ours.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut clock = linker.instance("wasi:clocks/monotonic-clock@0.2.12")?;
    clock.func_wrap("subscribe-duration", |guest, (nanos,): (u64,)| {
        let moment = Instant::now().checked_add(Duration::from_nanos(nanos));
        Ok((pollable(guest, moment)?,))
    })?;
    clock.func_wrap("subscribe-instant", |guest, (when,): (u64,)| {
        let zero = guest.data().wasi.clock().zero;
        let moment = zero.checked_add(Duration::from_nanos(when));
        Ok((pollable(guest, moment)?,))
    })
}

fn pollable(
    mut guest: StoreContextMut<'_, Guest>,
    moment: Option<Instant>,
) -> wasmtime::Result<Resource<DynPollable>> {
    let table = guest.data_mut().ctx().table;
    let moment = table.push(Moment(moment))?;
    subscribe(table, moment)
}
