//! The common parts of the programs here: a pool inside of tokio, as a service has one.
#![forbid(unsafe_code)]

use std::error::Error;

use sandpool::{GIB, Pool, Sandbox, Verdict};

const GUEST: &str = r#"
(module
  (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))
  (func (export "spin") (loop $l (br $l))))
"#;

/// Runs tasks that end in different ways, and returns what its sandbox reports of each
/// layer. `$SANDPOOL_EMBEDDER_MODE` is the sandbox's mode.
///
/// # Errors
/// If the pool cannot run tasks.
pub async fn serve() -> Result<String, Box<dyn Error>> {
    let mode = match std::env::var("SANDPOOL_EMBEDDER_MODE").as_deref() {
        Ok("strict") => Sandbox::Strict,
        Ok("off") => Sandbox::Off,
        _ => Sandbox::Auto,
    };
    let pool = Pool::builder()
        .processes(2)
        .cache(false)
        .sandbox(mode)
        // An allocator may reserve memory ahead, mimalloc 1 GiB, which counts.
        .process_memory(4 * GIB)
        .build()?;
    let guest = pool.load_bytes(GUEST)?;
    let sum: i32 = pool.apply_async(&guest, "add", (2, 3))?.await?;
    assert_eq!(sum, 5);
    let timeout = std::time::Duration::from_millis(50);
    let spin = pool.call(&guest, "spin").timeout(timeout).outcome()?;
    assert_eq!(spin.verdict, Verdict::Timeout, "{spin}");
    // Signals are the program's own, with all that tokio makes of them.
    let _ = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
    let report = pool.sandbox_report();
    pool.terminate();
    Ok(format!("{report:?}"))
}
