//! Tells the worker how well its compiler is optimised.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let opt_level = env::var("OPT_LEVEL").unwrap_or_default();
    println!("cargo:rustc-env=SANDPOOL_OPT_LEVEL={opt_level}");
}
