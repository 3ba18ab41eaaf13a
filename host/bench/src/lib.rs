//! `sandpool bench`: the price list of isolation on the user's own machine.
//!
//! Each isolation level, from a native call to a process for each task, is measured
//! beside the floors under it and beside the peers that are installed, in rounds
//! that alternate. A file for each thing that is measured; `report.rs` and what
//! follows it say what came of it.
//!
//! This crate knows the library's public interface and nothing beneath it: it measures
//! what somebody else's program would see. It must not know the command, of which it is
//! one subcommand, and starts processes only as the floors and peers that it measures
//! beside a pool (`child.rs`).

mod amount;
mod child;
mod figure;
mod floors;
mod guests;
mod host_calls;
mod html;
mod idle;
mod interpreters;
mod isolation_levels;
mod json;
mod layers;
mod lines;
mod machine;
mod payloads;
mod peers;
mod plan;
mod plots;
mod pools;
mod report;
mod say;
mod scale;
mod starts;
mod stats;
mod svg;
mod table;
mod targets;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;

use figure::Measured;
use interpreters::Also;
use peers::Peers;
use plan::Plan;
use pools::Tasks;
use report::Report;

pub use floors::{BARE_LOOP, bare_loop};

const EXAMPLES: &str = "\
The benchmark measures latency (one blocking call at a time: p50, p95, p99), throughput (all
workers busy), starts, payloads, memory, layers of the sandbox, and how cost grows with tasks
and workers. Each figure stands beside its floor and beside Python's pools, piscina, GNU
parallel, xargs, bubblewrap and `wasmtime run`, if they are installed. Rounds alternate; a
figure is the median of its rounds, with their range. A run takes under two minutes. On a
busy machine the ratios are still meaningful, the times are not.

`--only interpreters/` measures Python and JavaScript as text, in the modules `python` and
`javascript`, in CPython, node, pydantic-monty and quickjs. It takes some minutes and is not
part of a whole run.

Exit codes: 0 measured; 2 usage; 4 the pool failed.

Examples:
  sandpool bench --quick
  sandpool bench --html prices.html
  sandpool bench --json | jq '.targets[] | select(.held == false)'
  sandpool bench --only apply/,floor/ -j 4
  sandpool bench --only interpreters/python";

/// Measure what isolation costs on this machine
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Bench {
    /// Take less than 20 seconds, with less precise figures
    #[arg(long)]
    quick: bool,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
    /// Write the figures to a page with plots, which needs no network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write each plot as an SVG file into this folder, which is created
    #[arg(long, value_name = "FOLDER")]
    plots: Option<PathBuf>,
    /// Number of worker processes, also of the peers [default: 2]
    #[arg(short = 'j', long, value_name = "N")]
    processes: Option<NonZeroUsize>,
    /// Also measure a module of your own that exports `empty: func(n: u32) -> u32`,
    /// against bare processes that call it in a loop
    #[arg(long, value_name = "FILE")]
    guest: Option<PathBuf>,
    /// Measure only figures whose names contain one of these
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<String>,
    /// With `--only interpreters/`, also measure an interpreter of your own that exports
    /// `eval: func(source: string, input: string) -> result<string, string>`, such as an
    /// older one
    #[arg(long, value_name = "NAME=FILE", value_parser = Also::parse, requires = "only")]
    also: Vec<Also>,
}

/// Why there is no price list.
#[derive(Debug)]
pub enum BenchError {
    /// A file that was asked for cannot be written.
    Output(anyhow::Error),
    /// The pool failed.
    Pool(anyhow::Error),
}

impl Bench {
    /// Measures, writes the files that were asked for, and gives the text for stdout.
    ///
    /// # Errors
    /// If a file cannot be written, or a pool failed.
    pub fn run(self) -> Result<String, BenchError> {
        let processes = self.processes.map_or(2, NonZeroUsize::get);
        let plan = Plan {
            guest: self.guest,
            also: self.also,
            ..Plan::new(self.quick, processes, self.only)
        };
        // Not at the end of two minutes: that it cannot be written is known now.
        if let Some(path) = &self.html {
            write(path, b"")?;
        }
        if let Some(folder) = &self.plots {
            let made = std::fs::create_dir_all(folder)
                .with_context(|| format!("`{}` cannot be made", folder.display()));
            made.map_err(BenchError::Output)?;
        }
        let report = measure(plan).map_err(|why| {
            BenchError::Pool(anyhow::Error::msg(why).context("nothing can be measured"))
        })?;
        if let Some(path) = &self.html {
            write(path, html::page(&report).as_bytes())?;
        }
        if let Some(folder) = &self.plots {
            for (name, plot) in plots::all(&report) {
                write(&folder.join(format!("{name}.svg")), plot.as_bytes())?;
            }
        }
        Ok(match self.json {
            true => format!("{:#}\n", json::of(&report)),
            false => table::of(&report),
        })
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), BenchError> {
    let written = std::fs::write(path, bytes)
        .with_context(|| format!("`{}` cannot be written", path.display()));
    written.map_err(BenchError::Output)
}

/// Everything, in an order in which little is alive at once that could disturb.
fn measure(plan: Plan) -> Measured<Report> {
    let begin = Instant::now();
    let mut report = Report::new(plan.clone());
    let tasks = Tasks::load(&plan)?;
    report.step("idle workers");
    let idle = idle::measure(&plan, &tasks, &mut report);
    report.or_note("idle workers", idle);
    report.step("lines");
    let lines = lines::measure(&plan, &mut report);
    report.or_note("`sandpool map`", lines);
    report.step("how cost grows");
    scale::measure(&plan, &tasks, &mut report)?;
    report.step("layers of the sandbox");
    layers::measure(&plan, &tasks, &mut report)?;
    report.step("peers");
    let peers = match plan.wants_any(&["apply/", "map/", "start/", "echo/"]) {
        true => Peers::find(&plan),
        false => Peers::default(),
    };
    report.peers = peers.found.clone();
    report.step("calls of the host");
    let host_calls = host_calls::measure(&plan, &mut report);
    report.or_note("calls of the host", host_calls);
    report.step("payloads");
    payloads::measure(&plan, &peers, &mut report)?;
    report.step("calls, floors and starts");
    isolation_levels::measure(&plan, &tasks, &peers, &mut report)?;
    drop(peers);
    interpreters::measure(&plan, &mut report);
    report.targets = targets::of(&report);
    report.seconds = begin.elapsed().as_secs_f64();
    Ok(report)
}
