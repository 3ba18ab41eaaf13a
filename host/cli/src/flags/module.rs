//! The flags for loading and compiling a module.

use std::time::Duration;

use clap::{Args, ValueEnum};
use sandpool::value::with_causes;
use sandpool::{PoolBuilder, Sandbox, SandboxReport, UnknownImports, WasmFeature};

use crate::parse::{self, OrNone};
use crate::report;

/// The flags for loading and compiling a module: for every subcommand.
#[derive(Args, Debug)]
pub struct ModuleFlags {
    /// Wasm features to turn on: exceptions, function-references, gc, memory64,
    /// custom-page-sizes, wide-arithmetic
    #[arg(
        long,
        value_name = "FEATURES",
        value_delimiter = ',',
        help_heading = "Modules"
    )]
    pub(super) wasm: Vec<WasmFeature>,
    /// If the module imports functions that sandpool does not provide: refuse to load it
    /// (refuse), or load it and refuse their calls (deny) [default: refuse]
    #[arg(
        long,
        value_name = "MODE",
        value_enum,
        hide_possible_values = false,
        help_heading = "Modules"
    )]
    unknown_imports: Option<Reaction>,
    /// Maximum size of the module [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Modules")]
    pub(super) module_size: Option<OrNone<u64>>,
    /// Wall time for compiling the module [default: 120s]
    #[arg(long, value_name = "TIME", value_parser = parse::duration, help_heading = "Modules")]
    pub(super) compile_timeout: Option<OrNone<Duration>>,
    /// CPU time for compiling the module, in whole seconds [default: 240s]
    #[arg(long, value_name = "TIME", value_parser = parse::duration, help_heading = "Modules")]
    pub(super) compile_cpu_time: Option<OrNone<Duration>>,
    /// Memory for compiling the module [default: 4GiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Modules")]
    pub(super) compile_memory: Option<OrNone<u64>>,
    /// Neither read nor write the cache of compiled modules
    #[arg(long, help_heading = "Modules")]
    pub no_cache: bool,
    /// If a layer of the sandbox is missing on this machine: refuse to run (strict), or
    /// use the other layers and say so (auto); `off` uses no layer [default: auto]
    #[arg(
        long,
        value_name = "MODE",
        value_enum,
        hide_possible_values = false,
        help_heading = "Isolation"
    )]
    sandbox: Option<SandboxMode>,
    /// Print nothing on stderr except errors
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SandboxMode {
    Strict,
    Auto,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Reaction {
    Refuse,
    Deny,
}

impl ModuleFlags {
    /// Returns `true` if calls of functions that nobody provides are refused.
    pub fn denies_unknown_imports(&self) -> bool {
        self.unknown_imports == Some(Reaction::Deny)
    }

    pub fn apply(&self, mut builder: PoolBuilder) -> PoolBuilder {
        for feature in &self.wasm {
            builder = builder.wasm_feature(*feature);
        }
        if self.denies_unknown_imports() {
            builder = builder.unknown_imports(UnknownImports::Deny);
        }
        if let Some(OrNone(limit)) = self.module_size {
            builder = builder.module_size(limit);
        }
        if let Some(OrNone(limit)) = self.compile_timeout {
            builder = builder.compile_timeout(limit);
        }
        if let Some(OrNone(limit)) = self.compile_cpu_time {
            builder = builder.compile_cpu_time(limit);
        }
        if let Some(OrNone(limit)) = self.compile_memory {
            builder = builder.compile_memory(limit);
        }
        if let Some(mode) = self.sandbox {
            builder = builder.sandbox(match mode {
                SandboxMode::Strict => Sandbox::Strict,
                SandboxMode::Auto => Sandbox::Auto,
                SandboxMode::Off => Sandbox::Off,
            });
        }
        if self.no_cache {
            builder = builder.cache(false);
        }
        let quiet = self.quiet;
        let builder = builder.on_cache_trouble(move |trouble| {
            if !quiet {
                let trouble = with_causes(trouble);
                report::note(&format!("{trouble}; `sandpool doctor` shows how to fix it"));
            }
        });
        builder.on_sandbox_gap(move |found| {
            if !quiet {
                report::note(&gap(found));
            }
        })
    }
}

/// Returns the notice, printed once, about missing layers of the sandbox.
fn gap(found: &SandboxReport) -> String {
    let missing: Vec<_> = found.missing().map(|report| report.layer.name()).collect();
    format!(
        "the sandbox is not complete on this machine: no {}; `sandpool doctor` shows why and how to fix it",
        missing.join(", ")
    )
}
