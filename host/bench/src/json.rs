//! The figures, for programs.

use serde_json::{Value as Json, json};

use super::figure::Figure;
use super::interpreters::{self, Ratio};
use super::peers::{Peer, PeerState};
use super::report::Report;
use super::say::line;
use super::targets::{Bound, Target};

/// All of it.
pub fn of(report: &Report) -> Json {
    let (plan, machine) = (&report.plan, &report.machine);
    json!({
        "sandpool": env!("CARGO_PKG_VERSION"),
        "machine": {
            "cpu": machine.cpu,
            "cores": machine.cores,
            "kernel": machine.kernel,
            "load": machine.load,
        },
        "quick": plan.quick,
        "processes": plan.processes,
        "rounds": plan.rounds,
        "slice_ms": plan.slice.as_secs_f64() * 1e3,
        "seconds": report.seconds,
        "figures": report.figures.iter().map(figure).collect::<Vec<_>>(),
        "ratios": interpreters::ratios(report).iter().map(ratio).collect::<Vec<_>>(),
        "targets": report.targets.iter().map(target).collect::<Vec<_>>(),
        "peers": report.peers.iter().map(peer).collect::<Vec<_>>(),
        "notes": report.notes.iter().map(|note| line(note)).collect::<Vec<_>>(),
    })
}

fn figure(figure: &Figure) -> Json {
    let (low, high) = figure.range();
    let mut json = json!({
        "name": figure.name,
        "label": figure.label,
        "unit": figure.unit.name(),
        "median": figure.value(),
        "low": low,
        "high": high,
        "rounds": figure.rounds,
    });
    if let Some(x) = figure.x {
        json["x"] = x.into();
    }
    if !figure.samples.is_empty() {
        json["samples"] = figure.samples.len().into();
        for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
            json[name] = figure.quantile(share).into();
        }
    }
    json
}

/// Sandpool's time as a multiple of the one that is named.
fn ratio(ratio: &Ratio) -> Json {
    json!({
        "over": ratio.name,
        "median": ratio.median,
        "low": ratio.low,
        "high": ratio.high,
    })
}

fn target(target: &Target) -> Json {
    let (how, wanted) = match target.wanted {
        Bound::AtLeast(least) => ("at_least", least),
        Bound::AtMost(most) => ("at_most", most),
    };
    json!({
        "name": target.name,
        "what": target.what,
        "ours": target.ours,
        "other": target.other,
        "ratio": target.ratio,
        "wanted": { how: wanted },
        "held": target.held(),
    })
}

fn peer(peer: &Peer) -> Json {
    let (state, version, why) = match &peer.state {
        PeerState::Measured(version) => ("measured", Some(version), None),
        PeerState::NotInstalled => ("not installed", None, None),
        PeerState::Failed(why) => ("failed", None, Some(why)),
    };
    json!({
        "name": peer.name,
        "state": state,
        "version": version.map(|version| line(version)),
        "why": why.map(|why| line(why)),
    })
}
