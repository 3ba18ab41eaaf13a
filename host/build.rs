//! Names the sources of this build, so that a host and a worker that were
//! built from different ones refuse each other instead of misunderstanding.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=Cargo.toml");
    println!("cargo:rerun-if-changed=../wit");
    // What this crate is built with, wasmtime's compiler is, but for those who say
    // otherwise of it alone.
    let opt_level = env::var("OPT_LEVEL").unwrap_or_default();
    println!("cargo:rustc-env=SANDPOOL_OPT_LEVEL={opt_level}");
    let mut hasher = DefaultHasher::new();
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    env::var("TARGET").ok().hash(&mut hasher);
    // Names the exact wasmtime, whose artifacts this build makes and runs.
    fs::read("Cargo.toml")?.hash(&mut hasher);
    hash_folder(Path::new("src"), &mut hasher)?;
    hash_folder(Path::new("../wit"), &mut hasher)?;
    println!("cargo:rustc-env=SANDPOOL_BUILD_ID={:016x}", hasher.finish());
    Ok(())
}

/// Hashes names and contents of every file, in the order of their names.
fn hash_folder(folder: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        entry.file_name().hash(hasher);
        if entry.file_type()?.is_dir() {
            hash_folder(&entry.path(), hasher)?;
        } else {
            fs::read(entry.path())?.hash(hasher);
        }
    }
    Ok(())
}
