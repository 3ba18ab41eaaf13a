//! `sandpool doctor`: which layers of the sandbox hold on this machine, and
//! what to do about the others.
//!
//! Nothing is looked up: a process locks itself in as a worker does and tells
//! how it went, and others, locked in the same way, try to get out. Whether compiled
//! modules can be kept and where the interpreters are is told as well.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sandpool::value::with_causes;
use sandpool::{
    Attempt, CacheTrouble, Escape, LayerReport, LayerState, LoadError, Pool, PoolBuilder,
    SandboxReport,
};
use serde_json::{Value as Json, json};

use super::language::Language;
use super::report::{self, Failure, TASK_FAILED};
use super::sanitize;

const EXAMPLES: &str = "\
Exit codes: 0 every layer holds, at least in part; 1 a layer is missing, or an attempt
to escape was not refused; 4 the check itself failed.

Examples:
  sandpool doctor
  sandpool doctor --json | jq '.layers[] | select(.state != \"held\")'";

/// Show which layers of the sandbox hold on this machine
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Doctor {
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// The signal of a call that a filter does not allow.
const SIGSYS: i32 = 31;

/// The results of the check.
struct DoctorReport {
    report: SandboxReport,
    escapes: Vec<(Attempt, Escape)>,
    /// The folder of compiled modules.
    cache: Result<PathBuf, CacheTrouble>,
    /// The interpreters, each with its file.
    interpreters: Vec<(&'static str, Result<PathBuf, LoadError>)>,
}

impl Doctor {
    pub fn run(self) -> Result<ExitCode, Failure> {
        let report = DoctorReport::of(&Pool::builder())?;
        let text = match self.json {
            true => format!("{:#}\n", report.as_json()),
            false => report.as_text(),
        };
        let code = ExitCode::from(if report.complete() { 0 } else { TASK_FAILED });
        Ok(report::print(text.as_bytes())?.unwrap_or(code))
    }
}

impl DoctorReport {
    fn of(builder: &PoolBuilder) -> Result<Self, Failure> {
        let report = builder.probe_sandbox(None)?.report;
        let try_one = |attempt| Ok((attempt, builder.probe_sandbox(Some(attempt))?.attempt));
        let escapes = Attempt::ALL.into_iter().map(try_one);
        Ok(DoctorReport {
            report,
            escapes: escapes.collect::<Result<_, Failure>>()?,
            cache: builder.probe_cache(),
            interpreters: Language::ALL
                .map(|language| (language.module(), builder.find_module(language.module())))
                .into(),
        })
    }

    fn complete(&self) -> bool {
        let escaped = |(_, escape): &(Attempt, Escape)| *escape == Escape::Succeeded;
        self.report.missing().next().is_none() && !self.escapes.iter().any(escaped)
    }

    fn as_text(&self) -> String {
        let mut text = String::from("layers of the sandbox on this machine\n\n");
        for LayerReport { layer, state } in &self.report.layers {
            let (state, why) = words(state);
            text.push_str(&format!("  {layer:18}  {}\n", stated(state, why)));
            if state == "missing" {
                text.push_str(&format!(
                    "{:22}without it, one barrier less against {}\n",
                    "",
                    layer.stops()
                ));
                text.push_str(&format!("{:22}to get it: {}\n", "", layer.remedy()));
            }
        }
        text.push_str("\nattempts to escape\n\n");
        for (attempt, escape) in &self.escapes {
            text.push_str(&format!("  {:30}  {}\n", attempt.what(), became(*escape)));
        }
        text.push_str(match self.complete() {
            true => "\nno layer is missing\n",
            false => {
                "\nthe sandbox is not complete on this machine: `--sandbox strict` refuses to run\n"
            }
        });
        text.push_str("\ncache of compiled modules\n\n");
        match &self.cache {
            Ok(folder) => {
                let folder = sanitize::line(&folder.display().to_string());
                text.push_str(&format!("  {folder}\n"));
            }
            Err(trouble) => {
                let line = sanitize::line(&with_causes(trouble));
                text.push_str(&format!("  {line}\n  to get it: {}\n", trouble.remedy()));
            }
        }
        text.push_str("\ninterpreters\n\n");
        for (name, file) in &self.interpreters {
            let line = match file {
                Ok(file) => format!("installed  {}", file.display()),
                Err(error) => format!("missing    {}", with_causes(error)),
            };
            text.push_str(&format!("  {name:10}  {}\n", sanitize::line(&line)));
        }
        text
    }

    fn as_json(&self) -> Json {
        let layers = self
            .report
            .layers
            .iter()
            .map(|LayerReport { layer, state }| {
                let (state, why) = words(state);
                json!({
                    "layer": layer.name(),
                    "state": state,
                    "why": why,
                    "stops": layer.stops(),
                    "remedy": (state != "held").then(|| layer.remedy()),
                })
            });
        let attempts = self
            .escapes
            .iter()
            .map(|(attempt, escape)| json!({"attempt": attempt.what(), "result": became(*escape)}));
        json!({
            "complete": self.complete(),
            "layers": layers.collect::<Vec<_>>(),
            "attempts": attempts.collect::<Vec<_>>(),
            "cache": self.cache_as_json(),
            "interpreters": self.interpreters_as_json(),
        })
    }

    fn interpreters_as_json(&self) -> Vec<Json> {
        let of_one = |(name, file): &(&str, Result<PathBuf, LoadError>)| {
            let missing = file.as_ref().err();
            json!({
                "name": name,
                "file": file.as_ref().ok().map(|file| file.display().to_string()),
                "why": missing.map(|error| with_causes(error)),
            })
        };
        self.interpreters.iter().map(of_one).collect()
    }

    fn cache_as_json(&self) -> Json {
        let folder = match &self.cache {
            Ok(folder) => Some(folder.as_path()),
            Err(trouble) => trouble.folder(),
        };
        let trouble = self.cache.as_ref().err();
        json!({
            "folder": folder.map(|folder| folder.display().to_string()),
            "used": trouble.is_none(),
            "why": trouble.map(CacheTrouble::reason),
            "remedy": trouble.map(CacheTrouble::remedy),
        })
    }
}

fn words(state: &LayerState) -> (&'static str, Option<String>) {
    match state {
        LayerState::Held => ("held", None),
        LayerState::Partial(why) => ("partial", Some(sanitize::line(why))),
        LayerState::Missing(why) => ("missing", Some(sanitize::line(why))),
    }
}

fn stated(state: &str, why: Option<String>) -> String {
    match why {
        Some(why) => format!("{state:8}  {why}"),
        None => state.to_owned(),
    }
}

fn became(escape: Escape) -> String {
    match escape {
        Escape::Killed(SIGSYS) => "killed: not in its list of system calls".into(),
        Escape::Killed(signal) => format!("killed by signal {signal}"),
        Escape::Refused(errno) => {
            format!("refused: {}", std::io::Error::from_raw_os_error(errno))
        }
        Escape::Succeeded => "NOT REFUSED".into(),
        _ => "not tried".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandpool::Layer;

    fn report(state: LayerState, escape: Escape) -> DoctorReport {
        DoctorReport {
            report: SandboxReport {
                layers: vec![LayerReport {
                    layer: Layer::Landlock,
                    state,
                }],
            },
            escapes: vec![(Attempt::Fork, escape)],
            cache: Ok("/cache".into()),
            interpreters: vec![("python", Ok("/python.wasm".into()))],
        }
    }

    #[test]
    fn a_missing_layer_comes_with_what_to_do() {
        let missing = report(
            LayerState::Missing("not built in".into()),
            Escape::Killed(31),
        );
        assert!(!missing.complete());
        let text = missing.as_text();
        assert!(
            text.contains("landlock            missing   not built in"),
            "{text}"
        );
        assert!(text.contains("to get it: use Linux"), "{text}");
        assert!(text.contains("one barrier less against opening"), "{text}");
        assert_eq!(missing.as_json()["layers"][0]["state"], "missing");
    }

    #[test]
    fn a_layer_that_holds_in_part_is_not_missing_and_an_escape_is_no_sandbox() {
        let partial = report(LayerState::Partial("older".into()), Escape::Refused(1));
        assert!(partial.complete());
        let escaped = report(LayerState::Held, Escape::Succeeded);
        assert!(!escaped.complete());
        assert!(escaped.as_text().contains("NOT REFUSED"));
    }
}
