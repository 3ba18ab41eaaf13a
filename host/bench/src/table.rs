//! The figures, for a terminal.

use comfy_table::{CellAlignment, Table, presets};

use super::amount::{number, show};
use super::figure::Figure;
use super::interpreters;
use super::peers::PeerState;
use super::report::Report;
use super::say::line;

/// All of it, in tables.
pub fn of(report: &Report) -> String {
    let mut text = format!("{}\n", line(&report.machine.line()));
    let section = |text: &mut String, title: &str, table: Option<Table>| {
        if let Some(table) = table {
            text.push_str(&format!("\n{title}\n{table}\n"));
        }
    };
    section(
        &mut text,
        "one blocking call at a time: p50 / p95 / p99",
        pivot(report, "apply/", &["empty", "spin", "sleep"], quantiles),
    );
    section(
        &mut text,
        "throughput, all workers busy: tasks a second",
        pivot(report, "map/", &["empty", "spin", "sleep"], |figure| {
            number(figure.value())
        }),
    );
    section(&mut text, "floors", list(report, &["floor/"]));
    section(&mut text, "starts", list(report, &["start/"]));
    section(
        &mut text,
        "echo of payloads, bytes counted once: MB a second",
        pivot(
            report,
            "echo/",
            &["1KiB", "64KiB", "1MiB", "64MiB"],
            |figure| number(figure.value()),
        ),
    );
    section(
        &mut text,
        "one call that a task makes of its host",
        list(report, &["host-call/"]),
    );
    section(
        &mut text,
        "workers that do nothing, and `sandpool map`",
        list(report, &["idle/", "lines/"]),
    );
    section(
        &mut text,
        "cost of protection",
        list(
            report,
            &[
                "layer/none",
                "layer/all",
                "layer/cost/",
                "sandbox/",
                "checks/",
            ],
        ),
    );
    section(&mut text, "how cost grows", list(report, &["scale/"]));
    section(
        &mut text,
        "interpreters",
        list(report, &[interpreters::PREFIX]),
    );
    section(
        &mut text,
        "interpreters: sandpool's time over the time of",
        ratios(report),
    );
    section(&mut text, "targets", targets(report));
    if !report.peers.is_empty() {
        section(&mut text, "peers", Some(peers(report)));
    }
    if let Some(markdown) = interpreters::markdown(report) {
        text.push_str(&format!(
            "\ninterpreters, in Markdown: median (sandpool's time over it)\n\n{markdown}"
        ));
    }
    for note in &report.notes {
        text.push_str(&format!("\n{}", line(note)));
    }
    text.push_str(&format!("\nmeasured in {:.0} s\n", report.seconds));
    text
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header.iter().copied());
    table
}

/// Numbers stand to the right.
fn aligned(mut table: Table, columns: impl IntoIterator<Item = usize>) -> Table {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Returns a figure's label, without the kind of task, which has a column.
fn without_kind(figure: &Figure) -> &str {
    figure
        .label
        .rsplit_once(", ")
        .map_or(&figure.label, |(of, _)| of)
}

/// A row for each who, a column for each what: the last part of the names.
fn pivot(
    report: &Report,
    prefix: &str,
    columns: &[&str],
    cell: impl Fn(&Figure) -> String,
) -> Option<Table> {
    let mut rows: Vec<(&str, &str)> = Vec::new();
    for figure in report.named(prefix) {
        let who = figure.name.rsplit_once('/')?.0;
        if !rows.iter().any(|(known, _)| *known == who) {
            rows.push((who, without_kind(figure)));
        }
    }
    if rows.is_empty() {
        return None;
    }
    let mut table = table(&[&[""], columns].concat());
    for (who, label) in rows {
        let cells = columns.iter().map(|column| {
            let figure = report.figure(&format!("{who}/{column}"));
            figure.map_or_else(String::new, &cell)
        });
        table.add_row(std::iter::once(label.to_owned()).chain(cells));
    }
    Some(aligned(table, 1..=columns.len()))
}

fn quantiles(figure: &Figure) -> String {
    let shares = [0.5, 0.95, 0.99].map(|share| show(figure.quantile(share), figure.unit));
    shares.join(" / ")
}

/// A row for each figure.
fn list(report: &Report, prefixes: &[&str]) -> Option<Table> {
    let figures: Vec<_> = prefixes
        .iter()
        .flat_map(|prefix| report.named(prefix))
        .collect();
    if figures.is_empty() {
        return None;
    }
    let mut table = table(&["", "median", "p95", "range of the rounds"]);
    for figure in figures {
        let (low, high) = figure.range();
        let p95 = match figure.samples.is_empty() {
            true => String::new(),
            false => show(figure.quantile(0.95), figure.unit),
        };
        table.add_row([
            figure.label.clone(),
            show(figure.value(), figure.unit),
            p95,
            format!("{} to {}", show(low, figure.unit), show(high, figure.unit)),
        ]);
    }
    Some(aligned(table, 1..=3))
}

fn ratios(report: &Report) -> Option<Table> {
    let ratios = interpreters::ratios(report);
    if ratios.is_empty() {
        return None;
    }
    let mut table = table(&["", "ratio", "interval"]);
    for ratio in ratios {
        let interval = format!("{} to {}", number(ratio.low), number(ratio.high));
        table.add_row([ratio.label, number(ratio.median), interval]);
    }
    Some(aligned(table, 1..=2))
}

fn targets(report: &Report) -> Option<Table> {
    // Of a run of a few figures only theirs.
    let all = report.plan.only.is_empty();
    let targets = report.targets.iter();
    let shown: Vec<_> = targets
        .filter(|target| all || target.ratio.is_some())
        .collect();
    if shown.is_empty() {
        return None;
    }
    let mut table = table(&["", "here", "wanted", "held"]);
    for target in shown {
        let held = match target.held() {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "not measured",
        };
        table.add_row([
            target.what.to_owned(),
            target.ratio.map_or_else(String::new, number),
            target.wanted.to_string(),
            held.to_owned(),
        ]);
    }
    Some(aligned(table, 1..=2))
}

fn peers(report: &Report) -> Table {
    let mut table = table(&["", ""]);
    for peer in &report.peers {
        let state = match &peer.state {
            PeerState::Measured(version) => line(version),
            PeerState::NotInstalled => "not installed".to_owned(),
            PeerState::Failed(why) => format!("is installed but does not work: {}", line(why)),
        };
        table.add_row([peer.name.to_owned(), state]);
    }
    table
}
