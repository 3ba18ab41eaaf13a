//! The languages of scripts, and the built-in modules that run them.

use std::fmt;
use std::path::Path;

use clap::ValueEnum;

/// The function of `sandpool:script` that runs a snippet.
pub const EVAL: &str = "sandpool:script/script@0.1.0#eval";

/// The function of `sandpool:script` that runs a snippet for a prompt.
pub const SHOW: &str = "sandpool:script/script@0.1.0#show";

/// A language whose text a built-in module runs as code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    #[value(alias = "py")]
    Python,
    #[value(alias = "js")]
    Javascript,
}

impl Language {
    /// All languages.
    pub const ALL: [Language; 2] = [Language::Python, Language::Javascript];

    /// Returns the name of the built-in module.
    pub fn module(self) -> &'static str {
        match self {
            Language::Python => "python",
            Language::Javascript => "javascript",
        }
    }

    /// Returns the language that a file's ending names.
    pub fn of_file(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "py" => Some(Language::Python),
            "js" | "mjs" => Some(Language::Javascript),
            _ => None,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.module())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_of_a_file_names_its_language() {
        let of = |name: &str| Language::of_file(Path::new(name));
        assert_eq!(of("a/b.py"), Some(Language::Python));
        assert_eq!(of("b.js"), Some(Language::Javascript));
        assert_eq!(of("b.mjs"), Some(Language::Javascript));
        for other in ["b.txt", "py", ".py", "b.PY", ""] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
