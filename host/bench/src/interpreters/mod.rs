//! The cost of text as code: sandpool's modules `python` and `javascript`, called by the
//! library, beside the native interpreters and other sandboxes for text.
//!
//! A contender whose value of a snippet is wrong, or that cannot run it, is left out of that
//! case, and a line says so.

mod cases;
mod markdown;
mod modules;
mod native;
mod ratios;

use std::cell::RefCell;
use std::path::Path;
use std::time::{Duration, Instant};

use self::cases::{Case, Language, Snippet};
use self::modules::Evaluator;
use self::native::{Alone, Kept};
use super::figure::{Figure, Measured, Round, Subject, Unit, latencies};
use super::peers::{Peer, PeerState};
use super::plan::Plan;
use super::report::Report;

pub use self::markdown::of as markdown;
pub use self::modules::Also;
pub use self::ratios::{Ratio, of as ratios, over};

/// With what the names of these figures begin.
pub const PREFIX: &str = "interpreters/";

/// The last part of the names of sandpool's own figures.
const OURS: &str = "sandpool";

/// With what the names end of those that are a process for each snippet.
const ALONE: &str = "-process";

/// Measures them if they are asked for by name: they need modules that are built apart, and
/// more time than all else together.
pub fn measure(plan: &Plan, report: &mut Report) {
    if !plan.asks_for(PREFIX) {
        return;
    }
    let (rounds, millis) = plan.either((3, 25), (9, 100));
    let plan = plan.with(rounds, Duration::from_millis(millis));
    let mut also = also(&plan, report);
    for language in Language::ALL {
        let cases = Case::ALL.into_iter();
        let cases: Vec<_> = cases
            .filter(|case| plan.wants_any(&[&name(language, *case, "")]))
            .collect();
        if cases.is_empty() {
            continue;
        }
        report.step(&format!("interpreters of {}", language.label()));
        let is_wanted = |key: &str| {
            let mut names = cases.iter().map(|case| name(language, *case, key));
            names.any(|name| plan.wants(&name))
        };
        let mut contenders = Vec::new();
        if is_wanted(OURS) {
            contenders.extend(ours(language, report));
        }
        contenders.extend(natives(language, is_wanted, report));
        let these = also.extract_if(.., |(of, _)| *of == language);
        contenders.extend(these.map(|(_, contender)| contender));
        compare(&plan, language, &cases, &contenders, report);
    }
}

/// Someone who runs snippets.
struct Contender {
    /// The last part of the figures' names.
    key: String,
    /// The contender's name in a table.
    called: String,
    runner: Runner,
}

enum Runner {
    /// A module of sandpool's.
    Module(Box<Evaluator>),
    /// A script in a process that is kept.
    Kept(Box<RefCell<Kept>>),
    /// A process for each snippet.
    Alone(Alone),
}

/// Returns whether a contender is called so in the figures' names.
fn is_taken(name: &str) -> bool {
    let name = name.strip_suffix(ALONE).unwrap_or(name);
    name == OURS || native::ALL.iter().any(|native| native.key == name)
}

/// The name of a figure.
fn name(language: Language, case: Case, contender: &str) -> String {
    let (language, case) = (language.key(), case.key());
    format!("{PREFIX}{language}/{case}/{contender}")
}

fn figure(language: Language, case: Case, key: &str, called: &str) -> Figure {
    let label = format!("{}, {}: {called}", language.label(), case.label());
    Figure::new(name(language, case, key), label, Unit::Micros)
}

/// All contenders take turns in each case.
fn compare(
    plan: &Plan,
    language: Language,
    cases: &[Case],
    contenders: &[Contender],
    report: &mut Report,
) {
    let snippets: Vec<_> = cases
        .iter()
        .map(|case| (*case, case.snippet(language)))
        .collect();
    let mut subjects = Vec::new();
    for (case, snippet) in &snippets {
        for contender in contenders {
            let Contender { key, called, .. } = contender;
            let figure = figure(language, *case, key, called);
            if !plan.wants(&figure.name) {
                continue;
            }
            match contender.subject(*case, snippet, figure) {
                None => {}
                Some(Ok(subject)) => subjects.push(subject),
                Some(Err(why)) => report.notes.push(format!(
                    "{}, {}: {called} is left out: {}",
                    language.label(),
                    case.label(),
                    why.lines().next().unwrap_or_default()
                )),
            }
        }
    }
    // From now on: the first use of a module has compiled it.
    let seconds = plan.either(30, 240);
    let plan = Plan {
        late: Instant::now() + Duration::from_secs(seconds),
        ..plan.clone()
    };
    report.measure(&plan, subjects);
}

impl Contender {
    /// Runs a case once and looks at its value. Returns what measures it; nothing, if the
    /// case is not for this one.
    fn subject<'a>(
        &'a self,
        case: Case,
        snippet: &'a Snippet,
        figure: Figure,
    ) -> Option<Measured<Subject<'a>>> {
        Some(match &self.runner {
            Runner::Module(evaluator) => module(evaluator, case, snippet, figure),
            Runner::Kept(script) => kept(script, case, snippet, figure),
            Runner::Alone(alone) if case == Case::Fresh => {
                Ok(Subject::new(figure, |slice| alone.measure(slice)))
            }
            Runner::Alone(_) => return None,
        })
    }
}

fn module<'a>(
    evaluator: &'a Evaluator,
    case: Case,
    snippet: &'a Snippet,
    figure: Figure,
) -> Measured<Subject<'a>> {
    let keeping = case.keeping();
    let expected = evaluator.prepare(keeping, snippet)?;
    snippet.check(&expected)?;
    Ok(Subject::new(figure, move |slice| {
        latencies(slice, || {
            match evaluator.run(keeping, snippet)? == expected {
                true => Ok(()),
                false => Err("it answers otherwise than at first".into()),
            }
        })
    }))
}

fn kept<'a>(
    script: &'a RefCell<Kept>,
    case: Case,
    snippet: &Snippet,
    figure: Figure,
) -> Measured<Subject<'a>> {
    let value = script.borrow_mut().prepare(case, snippet)?;
    snippet.check(&value)?;
    Ok(Subject::new(
        figure,
        move |slice: Duration| -> Measured<Round> { script.borrow_mut().measure(case, slice) },
    ))
}

/// The module of sandpool's for a language.
fn ours(language: Language, report: &mut Report) -> Vec<Contender> {
    match Evaluator::load(Path::new(language.key())) {
        Ok(evaluator) => vec![Contender {
            key: OURS.to_owned(),
            called: OURS.to_owned(),
            runner: Runner::Module(Box::new(evaluator)),
        }],
        Err(why) => {
            let key = language.key();
            report
                .notes
                .push(format!("the module `{key}` could not be measured: {why}"));
            Vec::new()
        }
    }
}

/// The native interpreters and the packages for a language, as far as they are installed.
fn natives(
    language: Language,
    is_wanted: impl Fn(&str) -> bool,
    report: &mut Report,
) -> Vec<Contender> {
    let mut contenders = Vec::new();
    for native in native::ALL {
        let alone = format!("{}{ALONE}", native.key);
        if native.language != language || !(is_wanted(native.key) || is_wanted(&alone)) {
            continue;
        }
        let state = match native.start() {
            Err(state) => state,
            Ok(script) => {
                let called = format!("{} {}", native.name, script.version);
                let state = PeerState::Measured(script.version.clone());
                let program = script.alone.clone();
                contenders.push(Contender {
                    key: native.key.to_owned(),
                    called: called.clone(),
                    runner: Runner::Kept(Box::new(RefCell::new(script))),
                });
                contenders.extend(program.map(|program| Contender {
                    key: alone,
                    called: format!("{called}, a process for each snippet"),
                    runner: Runner::Alone(program),
                }));
                state
            }
        };
        report.peers.push(Peer {
            name: native.name,
            state,
        });
    }
    contenders
}

/// The modules that the user names, each with its language.
fn also(plan: &Plan, report: &mut Report) -> Vec<(Language, Contender)> {
    let mut found = Vec::new();
    for Also { name, file } in &plan.also {
        let loaded = Evaluator::load(file).and_then(|it| Ok((it.language()?, it)));
        match loaded {
            Ok((language, evaluator)) => {
                let contender = Contender {
                    key: name.clone(),
                    called: name.clone(),
                    runner: Runner::Module(Box::new(evaluator)),
                };
                found.push((language, contender));
            }
            Err(why) => report
                .notes
                .push(format!("`{name}` could not be measured: {why}")),
        }
    }
    found
}
