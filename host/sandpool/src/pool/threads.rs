//! Starts the threads of a pool: the dispatcher, and those for callbacks and for the output
//! of guests.

use std::io;
use std::sync::Arc;
use std::thread;

use super::config::Config;
use super::dispatcher::Dispatcher;
use super::life::PoolPhase;
use super::output::{Callbacks, Handlers, Relay};
use super::state::Shared;
use crate::module::Loader;
use sandpool_protocol::settings::Stdio;
use sandpool_sys::{EventFd, thread_error, writes_to_a_limit_here};

/// Starts the threads of a pool. With `raw`, the output of guests is passed on byte for
/// byte.
pub(super) fn start(
    config: Config,
    loader: Loader,
    raw: bool,
    handlers: Handlers,
) -> io::Result<Arc<Shared>> {
    let relayed = config.stdio == Stdio::Inherit;
    let callbacks = Callbacks::start(handlers)?;
    let callback_sender = callbacks.sender();
    let trouble = Arc::default();
    let relay = if relayed {
        Some(Relay::start(
            raw,
            callback_sender.clone(),
            Arc::clone(&trouble),
        )?)
    } else {
        None
    };
    let shared = Arc::new(Shared::new(
        config,
        loader,
        callback_sender,
        trouble,
        EventFd::new()?,
    ));
    shared.call_threads.poll(Arc::downgrade(&shared) as _);
    shared.lock().life.add_own_thread(callbacks.thread_id());
    let dispatcher = Dispatcher::new(Arc::clone(&shared), callbacks, relay)?;
    let spawned = thread::Builder::new()
        .name("sandpool-dispatch".into())
        .spawn(move || {
            writes_to_a_limit_here();
            dispatcher.run();
        });
    match spawned {
        Ok(thread) => {
            shared.lock().life.add_own_thread(thread.thread().id());
            Ok(shared)
        }
        Err(error) => {
            shared.set_phase(PoolPhase::Terminated);
            Err(thread_error(error))
        }
    }
}
