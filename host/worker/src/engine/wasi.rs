//! WASI's side of a guest: its streams, arguments, variables, files, random numbers.
//!
//! Making all that costs half as much as a small task does, and most tasks never ask for
//! any of it, even of modules that could. So it is made when a guest first asks.

use std::sync::Arc;

use wasmtime_wasi::cli::StdinStream;
use wasmtime_wasi::filesystem::WasiFilesystemCtx;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{WasiCtxBuilder, WasiView};

use super::clock::GuestClock;
use super::output::{GuestOutput, Output};
use sandpool_protocol::limits::{LimitName, MAX_HANDLES};

/// The number of entries of the host side for one handle: a pollable has an entry of its
/// own and one for the thing that it waits for.
const ENTRIES_A_HANDLE: usize = 2;

/// The state that the guests of one module share.
pub struct WasiParts {
    pub stdout: Arc<Output>,
    pub stderr: Arc<Output>,
    pub env: Vec<(String, String)>,
    /// The granted directories, opened once; every guest gets a copy.
    pub filesystem: Option<WasiFilesystemCtx>,
}

/// The state of one guest.
#[derive(Default)]
pub struct GuestOptions {
    /// Standard input; `None` is empty.
    pub stdin: Option<Box<dyn StdinStream + Sync>>,
    pub argv: Vec<String>,
    /// The number of random bytes that it may ask for at once.
    pub max_random: u64,
}

/// WASI's side of one guest.
pub struct GuestWasi {
    parts: Arc<WasiParts>,
    options: GuestOptions,
    clock: GuestClock,
    made: Option<Box<WasiP1Ctx>>,
}

impl GuestWasi {
    pub fn new(parts: &Arc<WasiParts>, options: GuestOptions, clock: GuestClock) -> Self {
        GuestWasi {
            parts: Arc::clone(parts),
            options,
            clock,
            made: None,
        }
    }

    pub fn clock(&self) -> &GuestClock {
        &self.clock
    }

    /// Returns `true` if the guest holds a resource of its host: an open stream, a file, a
    /// shared object.
    pub fn holds_resources(&mut self) -> bool {
        let made = self.made.as_mut();
        made.is_some_and(|made| !made.ctx().table.is_empty())
    }

    /// Returns the state of WASI's own functions.
    pub(super) fn get(&mut self) -> &mut WasiP1Ctx {
        let GuestWasi {
            parts,
            options,
            clock,
            made,
        } = self;
        made.get_or_insert_with(|| Box::new(make(parts, std::mem::take(options), *clock)))
    }
}

fn make(parts: &WasiParts, options: GuestOptions, clock: GuestClock) -> WasiP1Ctx {
    let stream = |output: &Arc<Output>, limit| GuestOutput {
        output: Arc::clone(output),
        limit,
    };
    let mut wasi = WasiCtxBuilder::new();
    wasi.allow_blocking_current_thread(true)
        .stdout(stream(&parts.stdout, LimitName::Stdout))
        .stderr(stream(&parts.stderr, LimitName::Stderr))
        .monotonic_clock(clock)
        .max_random_size(options.max_random)
        .envs(&parts.env)
        .args(&options.argv);
    if let Some(stdin) = options.stdin {
        wasi.stdin(stdin);
    }
    let mut made = wasi.build_p1();
    let wasi = made.ctx();
    wasi.table
        .set_max_capacity(MAX_HANDLES as usize * ENTRIES_A_HANDLE);
    if let Some(filesystem) = &parts.filesystem {
        *wasi.ctx.filesystem() = filesystem.clone();
    }
    made
}
