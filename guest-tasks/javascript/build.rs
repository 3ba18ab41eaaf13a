//! An interpreter recurses where other guests loop. It gets a shadow stack that is larger
//! than what `stack::LIMIT` lets the engine use.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg=-zstack-size=4194304");
}
