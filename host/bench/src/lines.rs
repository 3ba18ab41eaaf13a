//! `sandpool map` from a file to the end, as a whole process: lines a second,
//! what share of the CPU time is the host's, and whether its memory stays flat.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use super::Report;
use super::child::{Usage, ourselves, watch};
use super::figure::{ErrorLine, Figure, Measured, Unit};
use super::guests;
use super::plan::Plan;

pub fn measure(plan: &Plan, report: &mut Report) -> Measured<()> {
    if !plan.wants_any(&["lines/"]) {
        return Ok(());
    }
    let folder = tempfile::tempdir().error_line()?;
    let (module, input) = (folder.path().join("work.wat"), folder.path().join("lines"));
    std::fs::write(&module, guests::WORK).error_line()?;
    let lines = plan.either(100_000, 1_000_000);
    write_lines(&input, lines).error_line()?;
    let run = |usage: &mut Vec<Usage>| -> Measured<()> {
        let mut map = ourselves();
        map.env("SANDPOOL_CACHE_DIR", folder.path().join("cache"));
        map.args(["map", "--quiet", "--isolation", "process-reuse=1000000000"]);
        map.arg("-j").arg(plan.processes.to_string());
        map.arg("--input").arg(&input).arg(&module).arg("empty");
        usage.push(watch(&mut map, Duration::from_secs(100))?);
        Ok(())
    };
    let mut usage = Vec::new();
    for _ in 0..plan.either(1, 2) {
        run(&mut usage)?;
    }
    let figure = |name: &str, label: &str, unit, of: &dyn Fn(&Usage) -> f64| {
        let values = usage.iter().map(of).collect();
        Figure::of(&format!("lines/{name}"), label, unit, values)
    };
    report.figures.extend([
        figure(
            "rate",
            "`sandpool map` of a file of lines, reused instances",
            Unit::PerSecond,
            &|usage| f64::from(lines) / usage.wall.as_secs_f64(),
        ),
        figure(
            "host-cpu",
            "share of the host process in its CPU time",
            Unit::Percent,
            &|usage| 100.0 * usage.own_cpu / (usage.own_cpu + usage.children_cpu).max(1e-9),
        ),
        figure(
            "memory-growth",
            "growth of the host's memory from the first half to the second",
            Unit::Percent,
            &|usage| {
                let [first, second] = usage.memory.map(|bytes| bytes as f64);
                100.0 * (second - first).max(0.0) / first.max(1.0)
            },
        ),
        figure(
            "memory",
            "the most memory of the host process",
            Unit::Mebibytes,
            &|usage| usage.memory[0].max(usage.memory[1]) as f64 / f64::from(1 << 20),
        ),
    ]);
    Ok(())
}

fn write_lines(path: &Path, lines: u32) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for line in 0..lines {
        writeln!(file, "{line}")?;
    }
    file.flush()
}
