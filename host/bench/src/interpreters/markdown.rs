//! The times of interpreters as a table in Markdown, for a README.

use std::fmt::Write as _;

use super::cases::{Case, Language};
use super::{OURS, PREFIX, ratios};
use crate::amount::{number, show};
use crate::report::Report;

/// A table for each language that was measured: a row for each case, a column for each
/// contender, with its time and, in brackets, sandpool's time as a multiple of it.
pub fn of(report: &Report) -> Option<String> {
    let ratios = ratios::of(report);
    let mut text = String::new();
    for language in Language::ALL {
        let columns = columns(report, language);
        if columns.is_empty() {
            continue;
        }
        let separator = if text.is_empty() { "" } else { "\n" };
        let _ = write!(text, "{separator}| {} |", language.label());
        for (_, header) in &columns {
            let _ = write!(text, " {} |", header.replace('|', "\\|"));
        }
        let _ = write!(text, "\n|---|{}\n", "--:|".repeat(columns.len()));
        for case in Case::ALL {
            let cells: Vec<_> = columns
                .iter()
                .map(|(key, _)| {
                    let name = super::name(language, case, key);
                    let time = report.figure(&name)?;
                    let time = show(time.value(), time.unit);
                    let ratio = ratios.iter().find(|ratio| ratio.name == name);
                    Some(match ratio {
                        Some(ratio) => format!("{time} ({})", number(ratio.median)),
                        None => time,
                    })
                })
                .collect();
            if cells.iter().all(Option::is_none) {
                continue;
            }
            let _ = write!(text, "| {} |", case.label());
            for cell in cells {
                let _ = match cell {
                    Some(cell) => write!(text, " {cell} |"),
                    None => write!(text, " |"),
                };
            }
            text.push('\n');
        }
    }
    (!text.is_empty()).then_some(text)
}

/// The contenders of a language, sandpool first: their part of the figures' names, and what
/// they are called.
fn columns(report: &Report, language: Language) -> Vec<(&str, &str)> {
    let mut columns: Vec<(&str, &str)> = Vec::new();
    for figure in report.named(PREFIX) {
        let mut parts = figure.name.split('/');
        let (contender, of) = (parts.next_back(), parts.nth(1));
        let (Some(contender), true) = (contender, of == Some(language.key())) else {
            continue;
        };
        if !columns.iter().any(|(known, _)| *known == contender) {
            let called = figure.label.rsplit_once(": ").map_or("", |(_, it)| it);
            let place = if contender == OURS { 0 } else { columns.len() };
            columns.insert(place, (contender, called));
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;

    #[test]
    fn a_contender_that_cannot_run_a_case_has_an_empty_cell() {
        let mut report = Report::new(Plan::for_tests(1));
        let mut add = |case, key, called, values: &[f64]| {
            let mut figure = super::super::figure(Language::Python, case, key, called);
            figure.rounds = values.to_vec();
            report.figures.push(figure);
        };
        add(Case::Fresh, "monty", "Monty 1.4", &[500.0, 1000.0, 700.0]);
        add(Case::Fresh, OURS, "sandpool", &[1000.0, 1000.0, 1050.0]);
        add(
            Case::Sort,
            OURS,
            "sandpool",
            &[30_000.0, 31_000.0, 29_000.0],
        );
        let expected = "\
| Python | sandpool | Monty 1.4 |
|---|--:|--:|
| `1 + 1` in a fresh interpreter | 1.00 ms | 700 us (1.50) |
| 10^5 numbers, made and sorted | 30.0 ms | |
";
        assert_eq!(of(&report).as_deref(), Some(expected));
        let ratios = ratios::of(&report);
        assert_eq!(ratios.len(), 1);
        assert_eq!((ratios[0].low, ratios[0].high), (1.0, 2.0));
    }

    #[test]
    fn without_interpreters_there_is_no_table() {
        assert_eq!(of(&Report::new(Plan::for_tests(1))), None);
    }
}
