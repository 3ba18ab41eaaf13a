//! Turns a program into a worker or a compiler: the counterpart of multiprocessing's
//! `freeze_support`.

use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(feature = "worker")]
use sandpool_sys::is_in_executable;
#[cfg(feature = "worker")]
use sandpool_worker::{play_role, words_before_main};

static CALLED: AtomicBool = AtomicBool::new(false);

/// Returns `true` if this program called [`worker_entry`], so that it can be started again
/// as its own worker.
pub(crate) fn was_called() -> bool {
    CALLED.load(Ordering::Relaxed)
}

/// Lets this program be its own worker. Call it first thing in `main`.
///
/// sandpool's children are one binary started again under a hidden subcommand.
/// In a process that was started so, this function does the child's work and
/// never returns. In any other it returns at once, and pools of this program
/// use its own executable for their children.
///
/// *First thing* means: while there is one thread. What locks a child in binds the
/// thread that asks for it, so a child in which there are others refuses to start,
/// and the pool's error says why. `#[tokio::main]` starts threads before the body
/// of `main`. Write this instead:
///
/// ```no_run
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     sandpool::worker_entry();
///     let runtime = tokio::runtime::Builder::new_multi_thread()
///         .enable_all()
///         .build()?;
///     runtime.block_on(serve())
/// }
///
/// async fn serve() -> Result<(), Box<dyn std::error::Error>> {
///     let pool = sandpool::Pool::builder().build()?;
///     let math = pool.load("math.wasm")?;
///     let n: u64 = pool.apply_async(&math, "fib", (30u32,))?.await?;
///     assert_eq!(n, 832_040);
///     Ok(())
/// }
/// ```
///
/// Where `main` cannot be changed, or there is none to change (the harness of
/// `#[test]`s), use
/// [`worker_entry_before_main!`](crate::worker_entry_before_main). A program whose
/// threads are started by a C library before `main` cannot be its own worker.
///
/// A program that does not call it needs the `sandpool` command for its
/// children; see [`PoolBuilder::worker_binary`](crate::PoolBuilder::worker_binary).
#[cfg(feature = "worker")]
pub fn worker_entry() {
    CALLED.store(true, Ordering::Relaxed);
    play_role(std::env::args_os());
}

/// Calls [`worker_entry`] before `main`, for programs that cannot call it first
/// thing in there: with `#[tokio::main]`, or in a file of `#[test]`s.
///
/// To be written once, outside of any function, in the program itself: `main.rs`, or
/// the file of tests. It puts a constructor into the program, which the loader calls
/// while there is one thread. Constructors of C libraries that start threads may
/// still come before it. In a shared library, such as a Python module, it does
/// nothing: the program around it is no worker.
///
/// ```no_run
/// sandpool::worker_entry_before_main!();
///
/// # fn main() {}
/// #[test]
/// fn plugins_answer() {
///     let pool = sandpool::Pool::builder().build().unwrap();
///     // ...
/// }
/// ```
#[cfg(feature = "worker")]
#[macro_export]
macro_rules! worker_entry_before_main {
    () => {
        const _: () = {
            #[used]
            #[unsafe(link_section = ".init_array")]
            static BEFORE_MAIN: extern "C" fn() = $crate::__worker_entry_before_main;
        };
    };
}

/// The constructor of [`worker_entry_before_main!`].
#[cfg(feature = "worker")]
#[doc(hidden)]
pub extern "C" fn __worker_entry_before_main() {
    if !is_in_executable(__worker_entry_before_main as *const ()) {
        return;
    }
    CALLED.store(true, Ordering::Relaxed);
    play_role(words_before_main().into_iter());
}
