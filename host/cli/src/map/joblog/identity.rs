//! The identity of a log: what must be the same for a run to go on from it, and what
//! may have changed.
//!
//! ```text
//! # sandpool 1
//! # module <SHA-256> math.wasm
//! # job fib
//! # kind function
//! # constants 9a3f5bd0c1e27788 max-side=128
//! # script <SHA-256> score.py              only where a script runs
//! # inputs auto
//! # limits --timeout 1s
//! # grants none
//! # output jsonl in file /home/ada/out.jsonl
//! # resumed
//! # module <SHA-256> math.wasm
//! # limits --timeout 10s
//! # grants --dir data::/data --env LANG
//! # output jsonl in file /home/ada/out.jsonl
//! ```
//!
//! Of repeated lines, the last counts. A run with `--changed-module` writes its module, job
//! and constants again; finished results stay.

use std::path::Path;

use super::entry::COLUMNS;
use crate::report::Failure;
use crate::sanitize;

/// The name of a job that runs a command.
pub const COMMAND: &str = "command";

const ANEW: &str = "another `--joblog` starts a new run";
const CHANGED: &str = "`--resume --changed-module` keeps finished results and runs failed tasks again; \
                       another `--joblog` starts a new run";

/// `demo:math/arith#fib`, of `demo:math/arith@1.0.0#fib`.
fn without_version(job: &str) -> String {
    match job.split_once('@') {
        Some((interface, rest)) => match rest.split_once('#') {
            Some((_, name)) => format!("{interface}#{name}"),
            None => job.to_owned(),
        },
        None => job.to_owned(),
    }
}

/// The version of the format.
const FORMAT: &str = "sandpool 1";

/// The identity of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// SHA-256, in hex.
    pub module_hash: String,
    pub module: String,
    /// The function, or the command's words.
    pub job: String,
    /// The kind of the inputs; unknown if this is empty.
    pub kind: String,
    /// The arguments that are the same for all inputs: their fingerprint, and what
    /// they say. Nothing is known of them if this is empty.
    pub constants: String,
    /// SHA-256 and name of the script that runs; empty if none does.
    pub script: String,
    /// The columns of a table of results; empty if they are no table.
    pub columns: String,
    /// The form of the inputs.
    pub inputs: String,
    /// The limits that were set.
    pub limits: String,
    /// The grants; empty if they are not known.
    pub grants: String,
    /// Where results go, and what they look like in a file.
    pub output: String,
}

impl Identity {
    /// Returns the text before an input in the `Command` column.
    pub fn command(&self) -> String {
        sanitize::line(match self.script.split_once(' ') {
            Some((_, name)) => name,
            None => &self.job,
        })
    }

    /// The first lines of a log.
    pub fn head(&self) -> String {
        let mut head = format!("{COLUMNS}# {FORMAT}\n");
        for line in self.of_the_call() {
            head += &line;
        }
        head += &format!("# inputs {}\n", sanitize::line(&self.inputs));
        if !self.columns.is_empty() {
            head += &format!("# columns {}\n", sanitize::line(&self.columns));
        }
        head + &self.of_this_run()
    }

    /// The lines where a run goes on that was of what `was` says.
    pub fn resumed(&self, was: &Identity) -> String {
        let before = was.of_the_call();
        let mut lines = "# resumed\n".to_owned();
        for (line, before) in self.of_the_call().iter().zip(&before) {
            if line != before {
                lines += line;
            }
        }
        lines + &self.of_this_run()
    }

    /// Returns the function, command or script, and its constants.
    fn of_the_call(&self) -> [String; 5] {
        let line = |what, says: &str| format!("# {what} {}\n", sanitize::line(says));
        [
            line("module", &format!("{} {}", self.module_hash, self.module)),
            line("job", &self.job),
            line("kind", &self.kind),
            line("constants", &self.constants),
            match self.script.as_str() {
                "" => String::new(),
                script => line("script", script),
            },
        ]
    }

    /// Returns the lines that may differ from run to run.
    fn of_this_run(&self) -> String {
        let [limits, grants, output] =
            [&self.limits, &self.grants, &self.output].map(|text| sanitize::line(text));
        format!("# limits {limits}\n# grants {grants}\n# output {output}\n")
    }

    /// Learns from a line that begins with `#`.
    pub fn learn(&mut self, line: &str) {
        let line = line.trim_start_matches('#').trim_start();
        let (what, says) = line.split_once(' ').unwrap_or((line, ""));
        match what {
            "module" => {
                let (hash, name) = says.split_once(' ').unwrap_or((says, ""));
                (self.module_hash, self.module) = (hash.to_owned(), name.to_owned());
            }
            "job" => self.job = says.to_owned(),
            "kind" => self.kind = says.to_owned(),
            "constants" => self.constants = says.to_owned(),
            "script" => self.script = says.to_owned(),
            "columns" => self.columns = says.to_owned(),
            "inputs" => self.inputs = says.to_owned(),
            "limits" => self.limits = says.to_owned(),
            "grants" => self.grants = says.to_owned(),
            "output" => self.output = says.to_owned(),
            _ => {}
        }
    }

    /// Refuses to go on from this log with another reading of the inputs, or results
    /// elsewhere; and with another module, call or constants, unless what `may_change`
    /// of those is allowed to.
    pub fn check(&self, now: &Identity, path: &Path, may_change: bool) -> Result<(), Failure> {
        let changed = |what: &str, was: &str, is: &str, hint: &str| {
            Err(Failure::unusable(format!(
                "the log, `{}`, belongs to another {what}: `{was}` instead of `{is}`",
                path.display()
            ))
            .hint(hint))
        };
        let same_function = self.is_same_function(now);
        if may_change && !same_function {
            return changed("function or command", &self.job, &now.job, ANEW);
        }
        let hint = if same_function { CHANGED } else { ANEW };
        match self.changed_call(now).into_iter().next() {
            Some((what, was, is)) if !may_change => return changed(what, &was, &is, hint),
            _ => {}
        }
        if self.inputs != sanitize::line(&now.inputs) {
            return changed("form of the inputs", &self.inputs, &now.inputs, ANEW);
        }
        // The unfinished end that a kill left there could not be cut off.
        if self.output != sanitize::line(&now.output) {
            return changed("place or form of results", &self.output, &now.output, ANEW);
        }
        let columns = sanitize::line(&now.columns);
        if !self.columns.is_empty() && self.columns != columns {
            return changed("table of results", &self.columns, &columns, ANEW);
        }
        Ok(())
    }

    /// Returns the part of the call that changed: its name, its value then, and its
    /// value now.
    fn changed_call(&self, now: &Identity) -> Vec<(&'static str, String, String)> {
        let mut changed = Vec::new();
        if self.module_hash != now.module_hash {
            let short = |of: &Identity| {
                let hash: String = of.module_hash.chars().take(12).collect();
                format!("{hash} {}", of.module)
            };
            changed.push(("module", short(self), short(now)));
        }
        let hash = |script: &str| script.split(' ').next().map(str::to_owned);
        if hash(&self.script) != hash(&now.script) {
            let short = |of: &Identity| match of.script.split_once(' ') {
                Some((hash, name)) => {
                    let hash: String = hash.chars().take(12).collect();
                    format!("{hash} {}", sanitize::line(name))
                }
                None => "none".to_owned(),
            };
            changed.push(("script", short(self), short(now)));
        }
        let job = sanitize::line(&now.job);
        if self.job != job {
            changed.push(("function or command", self.job.clone(), job));
        }
        let fingerprint = |constants: &str| constants.split(' ').next().map(str::to_owned);
        let constants = sanitize::line(&now.constants);
        // A log that does not say is of a time when there were none.
        let was = match self.constants.is_empty() {
            true => "none",
            false => &self.constants,
        };
        if fingerprint(was) != fingerprint(&constants) {
            changed.push(("constant argument (`--kwarg`)", was.to_owned(), constants));
        }
        changed
    }

    /// Returns whether a corrected module may be one of what this log is of: it is
    /// called by a function of that name, of whatever version, or run with whatever
    /// words.
    fn is_same_function(&self, now: &Identity) -> bool {
        let job = sanitize::line(&now.job);
        let both_commands = self.kind == COMMAND && now.kind == COMMAND;
        both_commands || without_version(&self.job) == without_version(&job)
    }

    /// Returns the remarks about a call that changed.
    pub fn corrections(&self, now: &Identity) -> Vec<String> {
        let changed = self.changed_call(now).into_iter();
        changed
            .map(|(what, was, is)| {
                format!("the {what} changed, from `{was}` to `{is}`; finished results are kept")
            })
            .collect()
    }

    /// Returns the remarks about limits and grants that changed.
    pub fn changes(&self, now: &Identity) -> Vec<String> {
        let both = [
            ("limits", &self.limits, &now.limits),
            ("grants", &self.grants, &now.grants),
        ];
        let changed = both.into_iter().filter_map(|(what, was, is)| {
            let is = sanitize::line(is);
            (!was.is_empty() && *was != is)
                .then(|| format!("the {what} changed since the log was begun: from {was} to {is}"))
        });
        changed.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            module_hash: "ab".repeat(32),
            module: "a b.wasm".into(),
            job: "fib".into(),
            kind: "function".into(),
            constants: "none".into(),
            script: String::new(),
            columns: String::new(),
            inputs: "auto".into(),
            limits: "default".into(),
            grants: "none".into(),
            output: "stdout".into(),
        }
    }

    fn read(text: &str) -> Identity {
        let mut read = Identity::default();
        for line in text.lines().filter(|line| line.starts_with('#')) {
            read.learn(line);
        }
        read
    }

    #[test]
    fn what_is_written_is_read_and_the_last_limits_count() {
        let now = identity();
        assert_eq!(read(&now.head()), now);
        let later = Identity {
            limits: "--timeout 1s".into(),
            ..now.clone()
        };
        assert_eq!(read(&(now.head() + &later.resumed(&now))), later);
        assert_eq!(
            now.changes(&later),
            ["the limits changed since the log was begun: from default to --timeout 1s"]
        );
        assert_eq!(now.changes(&now), [""; 0]);
        let granted = Identity {
            grants: "--env HOME".into(),
            ..later
        };
        assert_eq!(now.changes(&granted).len(), 2);
        // A log that does not say what was granted.
        let unknown = Identity {
            grants: String::new(),
            ..now
        };
        assert_eq!(unknown.changes(&granted).len(), 1);
    }

    #[test]
    fn another_module_function_or_reading_is_refused_and_other_limits_are_not() {
        let was = identity();
        let check = |change: fn(&mut Identity)| {
            let mut now = identity();
            change(&mut now);
            let path = Path::new("run.log");
            let allowed = was.check(&now, path, true).is_ok();
            let strictly = was.check(&now, path, false).is_ok();
            assert!(allowed || !strictly, "what is allowed is no less");
            strictly
        };
        assert!(check(|_| {}));
        assert!(check(|now| now.limits = "--memory 1GiB".into()));
        assert!(check(|now| now.grants = "--dir a::b".into()));
        assert!(check(|now| now.module = "moved.wasm".into()));
        assert!(!check(|now| now.module_hash = "cd".repeat(32)));
        assert!(!check(|now| now.job = "add".into()));
        assert!(!check(|now| now.constants = "ab a=1".into()));
        assert!(!check(|now| now.inputs = "jsonl".into()));
        assert!(!check(|now| now.output = "out".into()));
    }

    #[test]
    fn a_corrected_module_goes_on_with_the_same_function_and_the_same_inputs() {
        let check = |was: &Identity, change: fn(&mut Identity)| {
            let mut now = was.clone();
            change(&mut now);
            was.check(&now, Path::new("run.log"), true).is_ok()
        };
        let was = Identity {
            job: "demo:math/arith@1.0.0#fib".into(),
            ..identity()
        };
        assert!(check(&was, |now| now.module_hash = "cd".repeat(32)));
        assert!(check(&was, |now| now.constants = "ab a=1".into()));
        assert!(check(&was, |now| now.job = "demo:math/arith@1.0.1#fib".into()));
        assert!(!check(&was, |now| now.job = "demo:math/arith@1.0.0#add".into()));
        assert!(!check(&was, |now| now.inputs = "jsonl".into()));
        assert!(!check(&was, |now| now.output = "out".into()));
        let command = Identity {
            job: "-l {}".into(),
            kind: COMMAND.into(),
            columns: "index,verdict".into(),
            ..identity()
        };
        assert!(check(&command, |now| now.job = "-w {}".into()));
        assert!(!check(&command, |now| now.columns = "index,value".into()));
    }

    #[test]
    fn what_was_corrected_is_in_the_log_and_counts_from_then_on() {
        let was = identity();
        let now = Identity {
            module_hash: "cd".repeat(32),
            constants: "0a a=1".into(),
            ..identity()
        };
        let resumed = now.resumed(&was);
        assert_eq!(
            resumed.lines().take(3).collect::<Vec<_>>(),
            [
                "# resumed".to_owned(),
                format!("# module {} a b.wasm", "cd".repeat(32)),
                "# constants 0a a=1".to_owned()
            ]
        );
        assert_eq!(read(&(was.head() + &resumed)), now);
        let corrections = was.corrections(&now);
        assert_eq!(corrections.len(), 2);
        assert!(corrections[0].starts_with("the module changed, from `abababababab a b.wasm`"));
        assert!(now.corrections(&now).is_empty());
    }

    #[test]
    fn no_name_can_forge_a_line() {
        let odd = Identity {
            module: "a\n# job evil".into(),
            job: "x\n# limits none".into(),
            ..identity()
        };
        let back = read(&odd.head());
        assert_eq!(
            (back.job, back.limits),
            ("x\\n# limits none".into(), "default".into())
        );
    }
}
