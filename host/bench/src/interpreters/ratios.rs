//! The ratios of sandpool's times to those of the others, from the rounds in which each ran
//! once: a machine that is slow for a while is so for both.

use super::OURS;
use crate::figure::Figure;
use crate::report::Report;
use crate::stats::{interval, median};

/// The cost of a snippet in sandpool, as a multiple of its cost elsewhere.
#[derive(Clone, Debug)]
pub struct Ratio {
    /// The name of the other's figure.
    pub name: String,
    /// Its label.
    pub label: String,
    /// The median of the rounds.
    pub median: f64,
    /// The interval of that median, with 95 % and more; of few rounds, all of them.
    pub low: f64,
    pub high: f64,
}

/// All of them, in the order of the figures.
pub fn of(report: &Report) -> Vec<Ratio> {
    let figures = report.named(super::PREFIX);
    figures
        .filter_map(|other| {
            let (case, contender) = other.name.rsplit_once('/')?;
            let ours = report.figure(&format!("{case}/{OURS}"))?;
            let ratios = rounds(ours, other);
            let (low, high) = interval(&ratios);
            (contender != OURS).then(|| Ratio {
                name: other.name.clone(),
                label: other.label.clone(),
                median: median(&ratios),
                low,
                high,
            })
        })
        .collect()
}

/// The median of the ratios of two figures that were measured in the same rounds.
pub fn over(ours: &Figure, other: &Figure) -> f64 {
    median(&rounds(ours, other))
}

fn rounds(ours: &Figure, other: &Figure) -> Vec<f64> {
    let rounds = ours.rounds.iter().zip(&other.rounds);
    rounds.map(|(ours, other)| ours / other).collect()
}
