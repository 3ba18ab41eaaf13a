//! Measurements, their repetition and their results. Things that are compared are
//! measured in rounds that alternate, so that a machine that grows slower or faster
//! meanwhile does so for all of them.

use std::time::{Duration, Instant};

use super::plan::Plan;
use super::stats::{median, quantile, range};

/// Latencies that are kept of one round.
const MAX_SAMPLES: usize = 20_000;

/// In what a figure is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Microseconds; less is better.
    Micros,
    /// Tasks in a second.
    PerSecond,
    /// Millions of bytes in a second.
    MegabytesPerSecond,
    /// Memory; less is better.
    Mebibytes,
    /// A share; less is better.
    Percent,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Unit::Micros => "us",
            Unit::PerSecond => "tasks/s",
            Unit::MegabytesPerSecond => "MB/s",
            Unit::Mebibytes => "MiB",
            Unit::Percent => "%",
        }
    }
}

/// The result of one round of a measurement.
pub enum Round {
    /// Each call's time, in microseconds.
    Latencies(Vec<f64>),
    /// One number in the figure's unit.
    Value(f64),
}

/// Why something could not be measured, in a line.
pub type Measured<T> = Result<T, String>;

/// Turns any error into that line.
pub trait ErrorLine<T> {
    fn error_line(self) -> Measured<T>;
}

impl<T, E: Into<anyhow::Error>> ErrorLine<T> for Result<T, E> {
    fn error_line(self) -> Measured<T> {
        self.map_err(|error| format!("{:#}", error.into()))
    }
}

/// One thing to measure, and how.
pub struct Subject<'a> {
    figure: Figure,
    measure: Box<dyn FnMut(Duration) -> Measured<Round> + 'a>,
}

/// The result of a measurement.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Its name in JSON, of parts from the general to the particular.
    pub name: String,
    /// Its description, in words.
    pub label: String,
    pub unit: Unit,
    /// Where it stands on the x axis of a plot, if it is part of one.
    pub x: Option<f64>,
    /// One number for each round: of latencies the median.
    pub rounds: Vec<f64>,
    /// Latencies of all rounds, sorted.
    pub samples: Vec<f64>,
}

impl Figure {
    pub fn new(name: impl Into<String>, label: impl Into<String>, unit: Unit) -> Self {
        Figure {
            name: name.into(),
            label: label.into(),
            unit,
            x: None,
            rounds: Vec::new(),
            samples: Vec::new(),
        }
    }

    /// One that came of a single look.
    pub fn of(name: &str, label: &str, unit: Unit, values: Vec<f64>) -> Self {
        Figure {
            rounds: values,
            ..Figure::new(name, label, unit)
        }
    }

    pub fn at(mut self, x: f64) -> Self {
        self.x = Some(x);
        self
    }

    /// The figure itself: the median of all latencies, or of the rounds.
    pub fn value(&self) -> f64 {
        match self.samples.is_empty() {
            true => median(&self.rounds),
            false => self.quantile(0.5),
        }
    }

    pub fn quantile(&self, share: f64) -> f64 {
        quantile(&self.samples, share)
    }

    /// The least and the greatest of the rounds.
    pub fn range(&self) -> (f64, f64) {
        range(&self.rounds)
    }

    fn take(&mut self, round: Round) {
        match round {
            Round::Value(value) => self.rounds.push(value),
            Round::Latencies(mut latencies) => {
                latencies.sort_by(f64::total_cmp);
                self.rounds.push(quantile(&latencies, 0.5));
                self.samples.extend(latencies);
            }
        }
    }
}

impl<'a> Subject<'a> {
    pub fn new(figure: Figure, measure: impl FnMut(Duration) -> Measured<Round> + 'a) -> Self {
        Subject {
            figure,
            measure: Box::new(measure),
        }
    }
}

/// Measures all of them, in rounds, each round in another order; in one round if
/// the run is late. One that fails is left out from then on, and why is noted.
pub fn alternate(plan: &Plan, subjects: Vec<Subject<'_>>, notes: &mut Vec<String>) -> Vec<Figure> {
    let mut going: Vec<Subject> = subjects
        .into_iter()
        .filter(|subject| plan.wants(&subject.figure.name))
        .collect();
    for round in 0..plan.rounds {
        if round > 0 && plan.is_late() {
            break;
        }
        let count = going.len();
        let mut failed = Vec::new();
        for turn in 0..count {
            // Backwards in every other round.
            let place = if round % 2 == 0 {
                turn
            } else {
                count - 1 - turn
            };
            let subject = &mut going[place];
            match (subject.measure)(plan.slice) {
                Ok(round) => subject.figure.take(round),
                Err(why) => {
                    let what = &subject.figure.label;
                    notes.push(format!("{what} could not be measured: {why}"));
                    failed.push(place);
                }
            }
        }
        failed.sort_unstable();
        for place in failed.into_iter().rev() {
            going.remove(place);
        }
    }
    let figures = going.into_iter().map(|subject| {
        let mut figure = subject.figure;
        figure.samples.sort_by(f64::total_cmp);
        figure
    });
    figures.collect()
}

/// Calls again and again for the length of a slice, at least twice, and keeps
/// each call's time.
pub fn latencies(slice: Duration, mut call: impl FnMut() -> Measured<()>) -> Measured<Round> {
    let mut taken = Vec::new();
    let until = Instant::now() + slice;
    loop {
        let begin = Instant::now();
        call()?;
        let end = Instant::now();
        taken.push((end - begin).as_secs_f64() * 1e6);
        if taken.len() >= 2 && (end >= until || taken.len() >= MAX_SAMPLES) {
            return Ok(Round::Latencies(taken));
        }
    }
}

/// As [`latencies`], for what is over sooner than a clock can be read: so many
/// calls are timed at once.
pub fn latencies_of_many(
    slice: Duration,
    many: u32,
    mut call: impl FnMut() -> Measured<()>,
) -> Measured<Round> {
    let round = latencies(slice, || (0..many).try_for_each(|_| call()))?;
    Ok(match round {
        Round::Latencies(taken) => Round::Latencies(
            taken
                .into_iter()
                .map(|time| time / f64::from(many))
                .collect(),
        ),
        value => value,
    })
}

/// Tasks in a second: runs as many at once as take about a slice. `count` is
/// that number, found by trying, and remembered for the next round.
pub fn rate(
    slice: Duration,
    count: &mut usize,
    most: usize,
    mut run: impl FnMut(usize) -> Measured<()>,
) -> Measured<Round> {
    loop {
        let tasks = (*count).clamp(1, most);
        let begin = Instant::now();
        run(tasks)?;
        let took = begin.elapsed();
        if took * 2 >= slice || tasks == most {
            return Ok(Round::Value(tasks as f64 / took.as_secs_f64()));
        }
        let more = slice.as_secs_f64() / took.as_secs_f64().max(1e-6);
        // A first run is slower than the next.
        *count = (tasks as f64 * more.clamp(2.0, 20.0)).ceil() as usize;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_noted_and_left_out_and_the_others_go_on() {
        let plan = Plan::for_tests(4);
        let mut notes = Vec::new();
        let mut turns = 0;
        let figure = |name: &str| Figure::new(name, name, Unit::Micros);
        let figures = alternate(
            &plan,
            vec![
                Subject::new(figure("a"), |_| Ok(Round::Latencies(vec![3.0, 1.0, 2.0]))),
                Subject::new(figure("b"), |_| {
                    turns += 1;
                    if turns == 2 {
                        Err("gone".into())
                    } else {
                        Ok(Round::Value(1.0))
                    }
                }),
                Subject::new(figure("c"), |_| Ok(Round::Value(5.0))),
            ],
            &mut notes,
        );
        let names: Vec<_> = figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names, ["a", "c"]);
        assert_eq!(notes, ["b could not be measured: gone"]);
        assert_eq!(figures[0].rounds, [2.0; 4]);
        assert_eq!(figures[0].samples.len(), 12);
        assert_eq!((figures[0].value(), figures[1].value()), (2.0, 5.0));
    }

    #[test]
    fn a_rate_finds_how_many_tasks_fill_a_slice() {
        let mut count = 1;
        let slice = Duration::from_millis(4);
        let mut runs = Vec::new();
        let round = rate(slice, &mut count, 1_000_000, |tasks| {
            runs.push(tasks);
            std::thread::sleep(Duration::from_micros(10) * tasks as u32);
            Ok(())
        });
        let Ok(Round::Value(rate)) = round else {
            panic!("a rate")
        };
        assert!(rate > 100.0 && rate < 100_001.0, "{rate}");
        assert!(runs.len() < 12, "{runs:?}");
        assert!(runs.is_sorted());
    }
}
