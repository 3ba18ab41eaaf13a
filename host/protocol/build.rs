//! Makes the build id: what a host and a worker must agree on, so that two which were
//! built from different sources refuse each other instead of misunderstanding.
//!
//! It covers the messages and the shared memory (all of this crate), the encoding of
//! values, what makes an artifact (settings of the engine and descriptions), the WIT
//! package, and the target. `WASMTIME` in `src/handshake.rs` names the exact wasmtime.
//! Crates that are published find the others by exact version, which names their sources
//! as well.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::{env, fs, io};

/// Beside this crate in the repository, and nowhere else.
const OF_OTHERS: [&str; 12] = [
    "../value/src/attachment.rs",
    "../value/src/codec.rs",
    "../value/src/decode.rs",
    "../value/src/function.rs",
    "../value/src/partial.rs",
    "../value/src/type_codec.rs",
    "../value/src/types.rs",
    "../value/src/value.rs",
    "../value/src/wire.rs",
    "../worker/src/compiler",
    "../worker/src/engine",
    "../../wit",
];

fn main() -> io::Result<()> {
    let mut hasher = DefaultHasher::new();
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    env::var("TARGET").ok().hash(&mut hasher);
    for path in ["build.rs", "src"].into_iter().chain(OF_OTHERS) {
        if fs::exists(path)? {
            println!("cargo:rerun-if-changed={path}");
            hash(Path::new(path), &mut hasher)?;
        }
    }
    println!("cargo:rustc-env=SANDPOOL_BUILD_ID={:016x}", hasher.finish());
    Ok(())
}

/// Hashes a file, or the names and contents of all files below a folder, in the order of
/// their names.
fn hash(path: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    path.file_name().hash(hasher);
    if !path.is_dir() {
        fs::read(path)?.hash(hasher);
        return Ok(());
    }
    let mut entries = fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        hash(&entry.path(), hasher)?;
    }
    Ok(())
}
