//! Snapshots: modules that begin in the state in which a function of theirs left an
//! instance.
//!
//! A snapshot takes three steps, each in another process. A compiler instruments the module
//! ([`instrument`]), so that the state of its instances can be read, and compiles that. A
//! sealed worker runs the function, reads the state and writes a module that begins with it
//! ([`take`]). To everybody else that module is a stranger's again: another compiler
//! compiles it.
//!
//! The state is all linear memories and all globals. Tables are not read: modules that
//! change theirs are refused.

mod instrument;
mod state;

use std::borrow::Cow;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wasmtime::{Result, Store, format_err};

use super::code::{Code, Instance, Live};
use super::guest::Guest;
pub use instrument::instrument;
use instrument::wizer;
use state::{ComponentState, CoreState};

/// Reads the state of an instance of an instrumented module, and returns the original
/// module with that state. The instance is of no use for tasks afterwards.
///
/// # Errors
///
/// Returns an error if the instance holds something that no module can begin with, or its
/// state cannot be read.
pub fn take(code: &Code, live: &mut Live, original: &[u8]) -> Result<Vec<u8>> {
    let original = binary(original)?;
    let store = &mut live.store;
    lift_limits(store);
    match (code, live.instance) {
        (Code::Component { .. }, Instance::Component(instance)) => {
            if store.data_mut().wasi.holds_resources() {
                return Err(format_err!(
                    "it still holds a resource of its host, such as an open stream, and a \
                     snapshot cannot keep one"
                ));
            }
            let (context, _) = wizer().instrument_component(&original)?;
            let mut state = ComponentState::new(store, instance);
            let taken = at_once(wizer().snapshot_component(&context, &mut state))?;
            state.check()?;
            taken
        }
        (Code::Core { .. }, Instance::Core(instance)) => {
            let (context, _) = wizer().instrument(&original)?;
            let mut state = CoreState::new(store, instance);
            let taken = at_once(wizer().snapshot(&context, &mut state))?;
            state.check()?;
            taken
        }
        _ => Err(format_err!("the instance is of another kind")),
    }
}

/// Lifts the limits of the guest: it has ended, and reading a component's memories takes a
/// page more of each.
fn lift_limits(store: &mut Store<Guest>) {
    store.data_mut().bounds.memory_limit = None;
    store.set_hostcall_fuel(usize::MAX);
    // Fails where no fuel is counted.
    let _ = store.set_fuel(u64::MAX);
}

/// Returns the binary form of a module that may be text. The compiler has read these bytes as
/// a module before.
fn binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    if bytes.starts_with(b"\0asm") {
        return Ok(Cow::Borrowed(bytes));
    }
    let text = std::str::from_utf8(bytes)?;
    Ok(Cow::Owned(wat::parse_str(
        text.trim_start_matches('\u{feff}'),
    )?))
}

/// Runs a future that never waits.
fn at_once<T>(future: impl Future<Output = T>) -> Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Ok(result),
        Poll::Pending => Err(format_err!("the state of the instance is not there yet")),
    }
}
