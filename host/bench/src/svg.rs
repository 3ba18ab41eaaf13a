//! Plots as SVG: bars, and lines over two axes. Each stands for itself, as a
//! file or in a page, light or dark as its reader has it, with no script and
//! nothing from elsewhere.

use std::fmt::Write;

use super::amount::{number, show};
use super::figure::Unit;

const WIDTH: f64 = 760.0;

/// Colours of series, on light and on dark ground alike.
const STYLE: &str = "\
.plot{--fg:#1f2328;--dim:#6b7280;--grid:#e3e5e8;--ground:#fff;--c0:#2563eb;--c1:#d97706;\
--c2:#059669;--c3:#dc2626;--c4:#7c3aed;--c5:#0891b2;--c6:#be185d;--c7:#4d7c0f}\
@media(prefers-color-scheme:dark){.plot{--fg:#e6e8eb;--dim:#9aa2ad;--grid:#30363d;--ground:#0d1117;\
--c0:#60a5fa;--c1:#fbbf24;--c2:#34d399;--c3:#f87171;--c4:#a78bfa;--c5:#22d3ee;--c6:#f472b6;--c7:#a3e635}}\
.plot text{font:12px system-ui,sans-serif;fill:var(--fg)}.plot .t{font-size:15px;font-weight:600}\
.plot .d{fill:var(--dim)}.plot .g{stroke:var(--grid)}.plot .w{stroke:var(--fg);stroke-width:1.5}\
.plot .ground{fill:var(--ground)}.plot .l{fill:none;stroke-width:2}";

/// Text as XML has it.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// One bar, with the range of its rounds.
pub struct Bar {
    pub label: String,
    pub value: f64,
    pub range: (f64, f64),
    /// The index of the colour.
    pub colour: usize,
}

/// A line of points, and the range of each.
pub struct Curve {
    pub label: String,
    pub points: Vec<(f64, f64, (f64, f64))>,
    pub colour: usize,
}

/// The title and scale of an axis.
#[derive(Clone)]
pub struct Axis {
    pub title: String,
    /// Powers of ten at equal distances.
    pub log: bool,
    pub unit: Option<Unit>,
}

/// Values onto a length.
struct Scale {
    log: bool,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// One on which all values have room.
    fn new(log: bool, values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let usable = values.filter(|value| value.is_finite() && (!log || *value > 0.0));
        let low = usable.clone().fold(f64::INFINITY, f64::min);
        let high = usable.fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = match (low.is_finite(), log) {
            (false, _) => (1.0, 10.0),
            (true, true) => {
                let low = 10_f64.powf(low.log10().floor());
                (low, 10_f64.powf(high.log10().ceil()).max(low * 10.0))
            }
            (true, false) => (low.min(0.0), if high > 0.0 { high * 1.1 } else { 1.0 }),
        };
        Scale {
            log,
            low,
            high,
            from,
            to,
        }
    }

    fn place(&self, value: f64) -> f64 {
        let share = if self.log {
            let value = value.max(self.low);
            (value / self.low).log10() / (self.high / self.low).log10()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    fn ticks(&self) -> Vec<f64> {
        if self.log {
            let decades = (self.high / self.low).log10().round() as i32;
            // Many decades have no room for the name of each.
            let step = if decades > 7 { 2 } else { 1 };
            let powers = (0..=decades).step_by(step);
            return powers.map(|power| self.low * 10_f64.powi(power)).collect();
        }
        let rough = (self.high - self.low) / 5.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let step = step
            .into_iter()
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step).floor() as i64;
        (first..=last).map(|tick| tick as f64 * step).collect()
    }
}

fn tick_text(value: f64, unit: Option<Unit>) -> String {
    match unit {
        Some(Unit::Micros) => {
            let text = show(value, Unit::Micros);
            let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
            format!("{} {unit}", shortened(number))
        }
        _ => match value {
            million if million >= 1e6 => format!("{}M", shortened(&number(million / 1e6))),
            thousand if thousand >= 1e3 => format!("{}k", shortened(&number(thousand / 1e3))),
            value => shortened(&number(value)).to_owned(),
        },
    }
}

/// Without the zeros at its end that tell nothing.
fn shortened(number: &str) -> &str {
    match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    }
}

fn open(title: &str, height: f64) -> String {
    let title = escape(title);
    format!(
        "<svg class=\"plot\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-label=\"{title}\"><style>{STYLE}</style>\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>\
         <text class=\"t\" x=\"12\" y=\"24\">{title}</text>"
    )
}

/// Bars from left to right on a scale of powers of ten, one below another.
pub fn bars(title: &str, unit: Unit, log: bool, bars: &[Bar]) -> String {
    const LEFT: f64 = 330.0;
    const ROW: f64 = 24.0;
    let height = 70.0 + ROW * bars.len() as f64;
    let values = bars
        .iter()
        .flat_map(|bar| [bar.value, bar.range.0, bar.range.1]);
    let scale = Scale::new(log, values, LEFT, WIDTH - 90.0);
    let mut svg = open(title, height);
    let bottom = height - 28.0;
    // Writing to a string cannot fail.
    for tick in scale.ticks() {
        let x = scale.place(tick);
        let text = escape(&tick_text(tick, Some(unit)));
        let _ = write!(
            svg,
            "<line class=\"g\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"38\" y2=\"{bottom}\"/>\
             <text class=\"d\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
            bottom + 16.0
        );
    }
    for (row, bar) in bars.iter().enumerate() {
        let y = 40.0 + ROW * row as f64;
        let middle = y + ROW / 2.0;
        let start = scale.place(if log { scale.low } else { 0.0 });
        let end = scale.place(bar.value);
        let (low, high) = (scale.place(bar.range.0), scale.place(bar.range.1));
        let label = escape(&bar.label);
        let told = escape(&show(bar.value, unit));
        let colour = bar.colour % 8;
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>\
             <rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" \
             style=\"fill:var(--c{colour})\"/>\
             <line class=\"w\" x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>\
             <line class=\"w\" x1=\"{low:.1}\" x2=\"{low:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
             <line class=\"w\" x1=\"{high:.1}\" x2=\"{high:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
             <text class=\"d\" x=\"{:.1}\" y=\"{:.1}\">{told}</text>",
            LEFT - 8.0,
            middle + 4.0,
            start.min(end),
            y + 4.0,
            (end - start).abs().max(1.0),
            ROW - 8.0,
            middle - 4.0,
            middle + 4.0,
            middle - 4.0,
            middle + 4.0,
            end.max(high) + 6.0,
            middle + 4.0,
        );
    }
    svg.push_str("</svg>");
    svg
}

/// Lines over two axes, with a legend beneath.
pub fn lines(title: &str, x: &Axis, y: &Axis, lines: &[Curve]) -> String {
    const LEFT: f64 = 76.0;
    const TOP: f64 = 58.0;
    const BOTTOM: f64 = 340.0;
    let rows = lines.len().div_ceil(2) as f64;
    let height = BOTTOM + 54.0 + 20.0 * rows;
    let points = lines.iter().flat_map(|line| &line.points);
    let across = Scale::new(
        x.log,
        points.clone().map(|point| point.0),
        LEFT,
        WIDTH - 24.0,
    );
    let heights = points.flat_map(|point| [point.1, point.2.0, point.2.1]);
    let up = Scale::new(y.log, heights, BOTTOM, TOP);
    let mut svg = open(title, height);
    for tick in across.ticks() {
        let at = across.place(tick);
        let text = escape(&tick_text(tick, x.unit));
        let _ = write!(
            svg,
            "<line class=\"g\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\
             <text class=\"d\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
            BOTTOM + 16.0
        );
    }
    for tick in up.ticks() {
        let at = up.place(tick);
        let text = escape(&tick_text(tick, y.unit));
        let _ = write!(
            svg,
            "<line class=\"g\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"d\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            WIDTH - 24.0,
            LEFT - 6.0,
            at + 4.0
        );
    }
    let _ = write!(
        svg,
        "<text class=\"d\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
         <text class=\"d\" x=\"12\" y=\"44\">{}</text>",
        WIDTH - 24.0,
        BOTTOM + 32.0,
        escape(&x.title),
        escape(&y.title)
    );
    for (place, line) in lines.iter().enumerate() {
        draw(&mut svg, line, &across, &up);
        let (column, row) = ((place % 2) as f64, (place / 2) as f64);
        let (lx, ly) = (LEFT + column * 330.0, BOTTOM + 52.0 + row * 20.0);
        let colour = line.colour % 8;
        let _ = write!(
            svg,
            "<line class=\"l\" style=\"stroke:var(--c{colour})\" x1=\"{lx}\" x2=\"{:.1}\" \
             y1=\"{:.1}\" y2=\"{:.1}\"/><text x=\"{:.1}\" y=\"{ly:.1}\">{}</text>",
            lx + 20.0,
            ly - 4.0,
            ly - 4.0,
            lx + 26.0,
            escape(&line.label)
        );
    }
    svg.push_str("</svg>");
    svg
}

fn draw(svg: &mut String, line: &Curve, across: &Scale, up: &Scale) {
    let colour = line.colour % 8;
    let path: Vec<String> = line
        .points
        .iter()
        .map(|(x, y, _)| format!("{:.1},{:.1}", across.place(*x), up.place(*y)))
        .collect();
    let _ = write!(
        svg,
        "<polyline class=\"l\" style=\"stroke:var(--c{colour})\" points=\"{}\"/>",
        path.join(" ")
    );
    // A distribution has too many points to mark each.
    if line.points.len() > 20 {
        return;
    }
    for (x, y, (low, high)) in &line.points {
        let (x, y) = (across.place(*x), up.place(*y));
        let (low, high) = (up.place(*low), up.place(*high));
        let _ = write!(
            svg,
            "<line style=\"stroke:var(--c{colour})\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{low:.1}\" \
             y2=\"{high:.1}\"/><circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" \
             style=\"fill:var(--c{colour})\"/>"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_be_markup() {
        let bar = Bar {
            label: "<script>&\"'\u{1b}".into(),
            value: 2.0,
            range: (1.0, 3.0),
            colour: 0,
        };
        let svg = bars("<b>", Unit::Micros, true, &[bar]);
        assert!(!svg.contains("<script") && !svg.contains("<b>"), "{svg}");
        assert!(svg.contains("&lt;script&gt;&amp;&quot;&#39;\u{fffd}"));
    }

    #[test]
    fn scales_put_values_in_their_order_and_have_ticks() {
        for log in [true, false] {
            let values = [3.0, 20.0, 700.0];
            let scale = Scale::new(log, values.into_iter(), 0.0, 100.0);
            let places = values.map(|value| scale.place(value));
            assert!(places.is_sorted() && places[2] <= 100.0, "{places:?}");
            assert!(
                (3..=8).contains(&scale.ticks().len()),
                "{:?}",
                scale.ticks()
            );
        }
        let empty = Scale::new(true, std::iter::empty(), 0.0, 1.0);
        assert!(empty.place(5.0).is_finite());
        assert_eq!(tick_text(1e6, None), "1M");
        assert_eq!(tick_text(1024.0, None), "1.02k");
        assert_eq!(tick_text(10.0, Some(Unit::Micros)), "10 us");
        assert_eq!(tick_text(100_000.0, Some(Unit::Micros)), "100 ms");
    }
}
