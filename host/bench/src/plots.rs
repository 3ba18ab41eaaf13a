//! The plots of a report.

use super::figure::{Figure, Unit};
use super::report::Report;
use super::svg::{Axis, Bar, Curve, bars, lines};

/// Samples of a distribution that are drawn.
const STEPS: usize = 200;

/// Every plot for which there are figures, with a name for its file.
pub fn all(report: &Report) -> Vec<(&'static str, String)> {
    let plots = [
        ("latency", latency(report)),
        ("throughput", throughput(report)),
        ("distribution", distribution(report)),
        ("starts", starts(report)),
        ("payloads", payloads(report)),
        ("layers", layers(report)),
        ("workers", growth(report, "workers", "rate", "workers")),
        (
            "workers-host-cost",
            growth(report, "workers", "host", "workers"),
        ),
        (
            "queue-host-cost",
            growth(report, "queue", "host", "tasks at once"),
        ),
    ];
    let drawn = plots.into_iter();
    drawn
        .filter_map(|(name, plot)| Some((name, plot?)))
        .collect()
}

/// Ours, peers and floors are told apart by colour.
fn colour(name: &str) -> usize {
    let is = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    match () {
        () if name.starts_with("floor/") || is(&["/native", "/threads"]) => 2,
        () if is(&["/mp", "/executor", "/piscina", "/parallel", "/xargs"]) => 1,
        () if is(&["bubblewrap", "wasmtime-run"]) => 1,
        () if is(&["in-process"]) => 5,
        () => 0,
    }
}

fn bar(figure: &Figure) -> Bar {
    let label = figure
        .label
        .strip_suffix(", empty task")
        .unwrap_or(&figure.label);
    Bar {
        label: label.to_owned(),
        value: figure.value(),
        range: figure.range(),
        colour: colour(&figure.name),
    }
}

fn bar_plot<'a>(
    title: &str,
    unit: Unit,
    log: bool,
    figures: impl Iterator<Item = &'a Figure>,
) -> Option<String> {
    let drawn: Vec<Bar> = figures
        .filter(|figure| figure.unit == unit)
        .map(bar)
        .collect();
    (!drawn.is_empty()).then(|| bars(title, unit, log, &drawn))
}

fn latency(report: &Report) -> Option<String> {
    let applies = report
        .named("apply/")
        .filter(|figure| figure.name.ends_with("/empty"));
    let title = "one blocking call of an empty task, p50 and range of the rounds";
    bar_plot(
        title,
        Unit::Micros,
        true,
        applies.chain(report.named("floor/")),
    )
}

fn throughput(report: &Report) -> Option<String> {
    let maps = report
        .named("map/")
        .filter(|figure| figure.name.ends_with("/empty"));
    let title = "empty tasks a second, all workers busy";
    bar_plot(
        title,
        Unit::PerSecond,
        true,
        maps.chain(report.named("floor/")),
    )
}

fn starts(report: &Report) -> Option<String> {
    let title = "starts, from nothing to the first result or the end";
    bar_plot(title, Unit::Micros, true, report.named("start/"))
}

fn layers(report: &Report) -> Option<String> {
    let title = "cost of each layer at the start of a process";
    let costs = report.named("layer/cost/");
    let mut drawn: Vec<Bar> = costs.map(bar).collect();
    for bar in &mut drawn {
        let end = " adds to the start of a process";
        bar.label = bar.label.trim_end_matches(end).to_owned();
    }
    (!drawn.is_empty()).then(|| bars(title, Unit::Micros, false, &drawn))
}

/// Draws the share of calls that were over by each time.
fn distribution(report: &Report) -> Option<String> {
    let applies = report
        .named("apply/")
        .filter(|figure| figure.name.ends_with("/empty") && !figure.name.contains("/native/"));
    let drawn: Vec<Curve> = applies
        .filter(|figure| figure.samples.len() > 10)
        .enumerate()
        .map(|(colour, figure)| {
            let last = figure.samples.len() - 1;
            let steps = (0..=STEPS).map(|step| {
                let share = step as f64 / STEPS as f64;
                let y = share * 100.0;
                (figure.samples[(share * last as f64) as usize], y, (y, y))
            });
            Curve {
                label: bar(figure).label,
                points: steps.collect(),
                colour,
            }
        })
        .collect();
    let x = Axis {
        title: "time of a call".into(),
        log: true,
        unit: Some(Unit::Micros),
    };
    let y = Axis {
        title: "% of calls that were over".into(),
        log: false,
        unit: None,
    };
    let title = "blocking calls of an empty task";
    (!drawn.is_empty()).then(|| lines(title, &x, &y, &drawn))
}

fn payloads(report: &Report) -> Option<String> {
    let x = Axis {
        title: "bytes".into(),
        log: true,
        unit: None,
    };
    let y = Axis {
        title: "MB a second".into(),
        log: true,
        unit: None,
    };
    let mut drawn: Vec<Curve> = Vec::new();
    for figure in report.named("echo/") {
        let who = figure.label.rsplit_once(", ").map_or("", |(who, _)| who);
        let point = (figure.x.unwrap_or(1.0), figure.value(), figure.range());
        match drawn.iter_mut().find(|line| line.label == who) {
            Some(line) => line.points.push(point),
            None => drawn.push(Curve {
                label: who.to_owned(),
                points: vec![point],
                colour: drawn.len(),
            }),
        }
    }
    let title = "echo of a payload, bytes counted once";
    (!drawn.is_empty()).then(|| lines(title, &x, &y, &drawn))
}

fn growth(report: &Report, by: &str, part: &str, across: &str) -> Option<String> {
    let prefix = format!("scale/{by}/{part}/");
    let points: Vec<_> = report
        .named(&prefix)
        .map(|figure| (figure.x.unwrap_or(1.0), figure.value(), figure.range()))
        .collect();
    if points.is_empty() {
        return None;
    }
    let (title, label, unit) = match part {
        "rate" => ("empty tasks a second", "tasks a second", None),
        _ => (
            "CPU time of the host for a task",
            "CPU time for a task",
            Some(Unit::Micros),
        ),
    };
    let x = Axis {
        title: across.to_owned(),
        log: true,
        unit: None,
    };
    let y = Axis {
        title: label.to_owned(),
        log: part != "rate",
        unit,
    };
    let line = Curve {
        label: label.to_owned(),
        points,
        colour: 0,
    };
    Some(lines(&format!("{title}, by {across}"), &x, &y, &[line]))
}
