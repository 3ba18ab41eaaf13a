//! Where the examples find their guests.

use std::env;
use std::path::PathBuf;
use std::process;

/// A guest: the program's first argument, else what `cargo xtask guests` leaves. Ends the
/// program if it is not there.
pub fn guest(name: &str) -> PathBuf {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests");
    let built = PathBuf::from(built).join(name).with_extension("wasm");
    let path = env::args_os().nth(1).map_or(built, PathBuf::from);
    if !path.is_file() {
        let shown = path.display();
        eprintln!("error: there is no guest at `{shown}`; `cargo xtask guests` builds it");
        process::exit(1);
    }
    path
}
