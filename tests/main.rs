//! The promises of sandpool, tried from outside: through the library's public surface,
//! with real worker processes. Each file is a theme, each test's name says what must
//! come out.
//!
//! The guests are made by `cargo xtask guests`.

mod support;

mod architecture;
mod broken_pools;
mod build_id;
mod cage;
mod callbacks;
mod calls;
mod cancelling;
mod capabilities;
mod cli;
mod conformance;
mod derive;
mod embedding;
mod examples;
#[cfg(debug_assertions)]
mod failed_starts;
mod granted_files;
mod granted_preview1;
mod guides;
mod host_functions;
#[cfg(debug_assertions)]
mod hostile_http;
#[cfg(debug_assertions)]
mod hostile_sharing;
#[cfg(debug_assertions)]
mod hostile_workers;
mod http;
mod imports;
mod in_process;
mod inspecting;
mod interpreters;
mod kill_storm;
mod large_payloads;
mod lifecycle;
mod limits;
mod module_features;
mod module_kinds;
mod orphans;
mod pausing;
mod process;
mod retries;
mod runtimes;
mod scheduling;
mod sessions;
mod shared;
mod snapshots;
mod streams;
mod timeouts;
mod verdicts;
mod waiting_inputs;
mod whole_output;
mod worker_loss;
