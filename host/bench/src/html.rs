//! The figures, as one page that needs nothing from elsewhere.

use super::amount::{number, show};
use super::peers::PeerState;
use super::plots;
use super::report::Report;
use super::svg::escape;

const STYLE: &str = "\
:root{color-scheme:light dark;--fg:#1f2328;--dim:#6b7280;--line:#e3e5e8;--ground:#fff;--good:#047857;--bad:#b91c1c}\
@media(prefers-color-scheme:dark){:root{--fg:#e6e8eb;--dim:#9aa2ad;--line:#30363d;--ground:#0d1117;--good:#34d399;--bad:#f87171}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--ground);max-width:900px;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem}p.dim{color:var(--dim)}\
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid var(--line)}\
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}svg{width:100%;height:auto;margin:.8rem 0}\
.yes{color:var(--good)}.no{color:var(--bad);font-weight:600}";

/// The page.
pub fn page(report: &Report) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>sandpool bench</title><style>{STYLE}</style></head><body>\n\
         <h1>The price list of isolation</h1>\n<p class=\"dim\">sandpool {}, {} workers, {} rounds \
         that alternate{}. {}.</p>\n",
        env!("CARGO_PKG_VERSION"),
        report.plan.processes,
        report.plan.rounds,
        if report.plan.quick {
            ", a quick run"
        } else {
            ""
        },
        escape(&report.machine.line()),
    );
    for (_, plot) in plots::all(report) {
        page.push_str(&plot);
        page.push('\n');
    }
    page.push_str(&targets(report));
    page.push_str(&peers(report));
    page.push_str(&figures(report));
    page.push_str("</body></html>\n");
    page
}

fn row(cells: &[(&str, &str)]) -> String {
    let cells: String = cells
        .iter()
        .map(|(class, text)| format!("<td class=\"{class}\">{}</td>", escape(text)))
        .collect();
    format!("<tr>{cells}</tr>\n")
}

fn head(cells: &[&str]) -> String {
    let cells: String = cells
        .iter()
        .map(|cell| format!("<th>{cell}</th>"))
        .collect();
    format!("<table><tr>{cells}</tr>\n")
}

fn targets(report: &Report) -> String {
    let mut text = String::from("<h2>Targets</h2>\n");
    text.push_str(&head(&["", "here", "wanted", "held"]));
    for target in &report.targets {
        let (class, held) = match target.held() {
            Some(true) => ("yes", "yes"),
            Some(false) => ("no", "no"),
            None => ("", "not measured"),
        };
        let here = target.ratio.map_or_else(String::new, number);
        let wanted = target.wanted.to_string();
        text.push_str(&row(&[
            ("", target.what),
            ("n", &here),
            ("n", &wanted),
            (class, held),
        ]));
    }
    text.push_str("</table>\n");
    text
}

fn peers(report: &Report) -> String {
    let mut text = String::from("<h2>Peers</h2>\n");
    text.push_str(&head(&["", ""]));
    for peer in &report.peers {
        let state = match &peer.state {
            PeerState::Measured(version) => version.clone(),
            PeerState::NotInstalled => "not installed".into(),
            PeerState::Failed(why) => format!("is installed but does not work: {why}"),
        };
        text.push_str(&row(&[("", peer.name), ("", &state)]));
    }
    text.push_str("</table>\n");
    for note in &report.notes {
        text.push_str(&format!("<p class=\"dim\">{}</p>\n", escape(note)));
    }
    text
}

fn figures(report: &Report) -> String {
    let mut text = String::from("<h2>All figures</h2>\n");
    text.push_str(&head(&["", "median", "p95", "p99", "range of the rounds"]));
    for figure in &report.figures {
        let (low, high) = figure.range();
        let at = |share| match figure.samples.is_empty() {
            true => String::new(),
            false => show(figure.quantile(share), figure.unit),
        };
        let range = format!("{} to {}", show(low, figure.unit), show(high, figure.unit));
        text.push_str(&row(&[
            ("", &figure.label),
            ("n", &show(figure.value(), figure.unit)),
            ("n", &at(0.95)),
            ("n", &at(0.99)),
            ("n", &range),
        ]));
    }
    text.push_str("</table>\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::{Figure, Unit};
    use crate::plan::Plan;

    #[test]
    fn no_text_on_the_page_can_be_markup() {
        let mut report = Report::new(Plan::for_tests(1));
        let name = "<img src=x>";
        report
            .figures
            .push(Figure::of(name, name, Unit::Percent, vec![1.0]));
        report.notes.push("<script>".into());
        let page = page(&report);
        assert!(
            !page.contains("<img") && !page.contains("<script"),
            "{page}"
        );
        assert!(page.contains("&lt;script&gt;"));
    }
}
