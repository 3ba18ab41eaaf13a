//! What a log is of: what must be the same for a run to go on from it, and what
//! may have changed.
//!
//! ```text
//! # sandpool 1
//! # module <SHA-256> math.wasm
//! # job fib
//! # inputs auto
//! # limits --timeout 1s
//! # grants none
//! # output jsonl in file /home/ada/out.jsonl
//! # resumed
//! # limits --timeout 10s
//! # grants --dir data::/data --env LANG
//! # output jsonl in file /home/ada/out.jsonl
//! ```
//!
//! Of what is there several times, the last counts.

use std::path::Path;

use super::entry::COLUMNS;
use crate::cli::report::Failure;
use crate::cli::sanitize;

/// The version of the format.
const FORMAT: &str = "sandpool 1";

/// What a run is of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// SHA-256, in hex.
    pub module_hash: String,
    pub module: String,
    /// The function, or the command's words.
    pub job: String,
    /// How inputs are read.
    pub inputs: String,
    /// The limits that were set.
    pub limits: String,
    /// What was granted; nothing is known of it if this is empty.
    pub grants: String,
    /// Where results go, and what they look like in a file.
    pub output: String,
}

impl Identity {
    /// What stands before an input in the `Command` column.
    pub fn command(&self) -> String {
        sanitize::line(&self.job)
    }

    /// The first lines of a log.
    pub fn head(&self) -> String {
        format!(
            "{COLUMNS}# {FORMAT}\n# module {} {}\n# job {}\n# inputs {}\n{}",
            self.module_hash,
            sanitize::line(&self.module),
            sanitize::line(&self.job),
            sanitize::line(&self.inputs),
            self.of_this_run(),
        )
    }

    /// The lines where a run goes on.
    pub fn resumed(&self) -> String {
        format!("# resumed\n{}", self.of_this_run())
    }

    /// What may differ from run to run.
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
            "inputs" => self.inputs = says.to_owned(),
            "limits" => self.limits = says.to_owned(),
            "grants" => self.grants = says.to_owned(),
            "output" => self.output = says.to_owned(),
            _ => {}
        }
    }

    /// Refuses to go on from this log with another module, function or reading
    /// of the inputs, or results elsewhere.
    pub fn check(&self, now: &Identity, path: &Path) -> Result<(), Failure> {
        let changed = |what: &str, was: &str, is: &str| {
            Err(Failure::unusable(format!(
                "the log, `{}`, is of another {what}: `{was}`, and not `{is}`",
                path.display()
            ))
            .hint("another `--joblog` begins a run of its own"))
        };
        if self.module_hash != now.module_hash {
            let short = |hash: &str| hash.chars().take(12).collect::<String>();
            let was = format!("{} {}", short(&self.module_hash), self.module);
            let is = format!("{} {}", short(&now.module_hash), now.module);
            return changed("module", &was, &is);
        }
        if self.job != sanitize::line(&now.job) {
            return changed("function or command", &self.job, &now.job);
        }
        if self.inputs != sanitize::line(&now.inputs) {
            return changed("reading of the inputs", &self.inputs, &now.inputs);
        }
        // What a kill left there could not be taken back.
        if self.output != sanitize::line(&now.output) {
            return changed("place or form of results", &self.output, &now.output);
        }
        Ok(())
    }

    /// What is to be said of limits and grants that changed.
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
        assert_eq!(read(&(now.head() + &later.resumed())), later);
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
            was.check(&now, Path::new("run.log")).is_ok()
        };
        assert!(check(|_| {}));
        assert!(check(|now| now.limits = "--memory 1GiB".into()));
        assert!(check(|now| now.grants = "--dir a::b".into()));
        assert!(check(|now| now.module = "moved.wasm".into()));
        assert!(!check(|now| now.module_hash = "cd".repeat(32)));
        assert!(!check(|now| now.job = "add".into()));
        assert!(!check(|now| now.inputs = "jsonl".into()));
        assert!(!check(|now| now.output = "out".into()));
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
