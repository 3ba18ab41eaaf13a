//! An interpreter recurses where other guests loop. It gets a shadow stack that is larger
//! than what `stack::MOST` lets the engine use. The memory that a short snippet writes to
//! begins where it ends: 3 MiB keep both in one page of the kernel's page table, which covers
//! 2 MiB.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg=-zstack-size=3145728");
}
