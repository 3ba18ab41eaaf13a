//! An interpreter recurses where other guests loop. It gets a shadow stack so
//! large that the engine's own stack is spent first, which is a trap with a name:
//! the small one of `.cargo/config.toml` would end in an access out of bounds.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg=-zstack-size=4194304");
}
