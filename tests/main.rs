//! What sandpool promises, tried from outside: through the library's public
//! surface, with real worker processes. Each file is a theme, each test's name
//! says what must come out.
//!
//! The guests are made by `cargo xtask guests`.

mod support;

mod architecture;
mod calls;
mod lifecycle;
mod limits;
mod module_kinds;
mod orphans;
mod runtimes;
mod scheduling;
mod timeouts;
mod worker_loss;
