//! Many tasks for one reader: pulls inputs and feeds them to the pool, and collects the
//! outcomes in order or as they come.
//!
//! Decides how far ahead inputs are pulled and how many may wait. Knows tasks and the
//! pool's entrance, and nothing of workers: to the pool, a stream is one more source of
//! tasks and one more sink.

mod feeder;
mod input;
mod map_collector;
mod pending;
mod stream_state;

pub(super) use feeder::start_feeder;
pub use input::{Input, ToInput};
pub(super) use map_collector::{MapCallback, MapCollector};
pub(super) use stream_state::StreamState;
