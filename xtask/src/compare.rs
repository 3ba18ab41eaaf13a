//! Compares two builds of the command by `sandpool bench --json`, run alternately: both see
//! the same machine in the same hour, so their ratio says something where times do not.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value as Json;

/// The cost of each figure in one run, by the figure's name: a rate is turned over, so that
/// less is better for all of them.
type Costs = BTreeMap<String, f64>;

/// Runs both builds `pairs` times each, and prints for each figure the cost after, as a
/// multiple of that before.
pub fn compare(before: &Path, after: &Path, pairs: usize, arguments: &[OsString]) -> Result<()> {
    let mut ratios: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for pair in 1..=pairs {
        // Neither is always the one that finds the machine warm.
        let (old, new) = match pair % 2 {
            0 => {
                let new = measure(after, arguments)?;
                (measure(before, arguments)?, new)
            }
            _ => {
                let old = measure(before, arguments)?;
                (old, measure(after, arguments)?)
            }
        };
        println!("pair {pair} of {pairs}");
        for (name, old) in old {
            if let Some(new) = new.get(&name).filter(|_| old > 0.0) {
                ratios.entry(name).or_default().push(new / old);
            }
        }
    }
    println!("{:>7} {:>17}  figure", "ratio", "interval");
    for (name, mut ratios) in ratios {
        ratios.sort_by(f64::total_cmp);
        let (low, high) = interval(&ratios);
        let mark = match (low > 1.0, high < 1.0) {
            (true, _) => "  dearer",
            (_, true) => "  cheaper",
            _ => "",
        };
        let median = median(&ratios);
        println!("{median:>7.3} {low:>8.3} {high:>8.3}  {name}{mark}");
    }
    println!(
        "ratio: the cost after over the cost before, the median of the pairs; interval: of \
         that median, with 95 % and more"
    );
    Ok(())
}

fn measure(program: &Path, arguments: &[OsString]) -> Result<Costs> {
    let shown = program.display();
    let output = Command::new(program)
        .args(["bench", "--json"])
        .args(arguments)
        // Each build is its own worker.
        .env_remove("SANDPOOL_WORKER")
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run `{shown}`"))?;
    ensure!(output.status.success(), "`{shown} bench` failed");
    let report: Json = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("`{shown} bench --json` printed no JSON"))?;
    Ok(costs(&report))
}

fn costs(report: &Json) -> Costs {
    let figures = report["figures"].as_array().into_iter().flatten();
    let cost = |figure: &Json| {
        let name = figure["name"].as_str()?.to_owned();
        let value = figure["median"].as_f64()?;
        let is_rate = figure["unit"].as_str()?.ends_with("/s");
        let x = figure["x"].as_f64().map(|x| format!(" {x}"));
        let name = name + &x.unwrap_or_default();
        Some((name, if is_rate { 1.0 / value } else { value }))
    };
    figures.filter_map(cost).collect()
}

/// The median of sorted numbers.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
        _ => sorted[middle],
    }
}

/// The interval of the median of sorted numbers, by their order alone: nothing is assumed
/// of how they are spread. All of them, where there are too few for 95 %.
fn interval(sorted: &[f64]) -> (f64, f64) {
    let n = sorted.len();
    // The chance that at most `k` of `n` numbers lie below the median they come from.
    let mut tail = 0.0;
    let mut chance = 0.5_f64.powi(i32::try_from(n).unwrap_or(i32::MAX));
    let mut cut = 0;
    for k in 0..n / 2 {
        tail += chance;
        if 2.0 * tail > 0.05 {
            break;
        }
        cut = k + 1;
        chance *= (n - k) as f64 / (k + 1) as f64;
    }
    let first = cut.saturating_sub(1);
    (sorted[first], sorted[n - 1 - first])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_fifteen_is_from_the_fourth_to_the_twelfth() {
        let numbers: Vec<f64> = (1..=15).map(f64::from).collect();
        assert_eq!(interval(&numbers), (4.0, 12.0));
        assert_eq!(median(&numbers), 8.0);
        assert_eq!(interval(&numbers[..3]), (1.0, 3.0), "too few for 95 %");
        assert_eq!(interval(&numbers[..6]), (1.0, 6.0));
    }

    #[test]
    fn less_is_better_for_rates_too() {
        let report = serde_json::json!({"figures": [
            {"name": "apply", "unit": "us", "median": 4.0},
            {"name": "map", "unit": "tasks/s", "median": 4.0},
            {"name": "grow", "unit": "us", "median": 3.0, "x": 10.0},
        ]});
        let costs = costs(&report);
        assert_eq!(costs["apply"], 4.0);
        assert_eq!(costs["map"], 0.25);
        assert_eq!(costs["grow 10"], 3.0);
    }
}
