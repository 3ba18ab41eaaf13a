//! The words that `map` gives to a command module for each line: GNU
//! parallel's `{}` stands for the line.

/// The words after `--`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    words: Vec<String>,
    /// Whether a word names the line; if none does, the line is the last word.
    names_line: bool,
}

const LINE: &str = "{}";

impl Template {
    pub fn new(words: Vec<String>) -> Self {
        let names_line = words.iter().any(|word| word.contains(LINE));
        Template { words, names_line }
    }

    /// The arguments for one line. A line with spaces stays one word: no shell
    /// is involved.
    pub fn fill(&self, line: &str) -> Vec<String> {
        let mut words: Vec<_> = self
            .words
            .iter()
            .map(|word| word.replace(LINE, line))
            .collect();
        if !self.names_line {
            words.push(line.to_owned());
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(words: &[&str], line: &str) -> Vec<String> {
        Template::new(words.iter().map(ToString::to_string).collect()).fill(line)
    }

    #[test]
    fn the_line_stands_where_the_braces_are() {
        assert_eq!(
            fill(&["-o", "{}.out", "{}{}"], "a b"),
            ["-o", "a b.out", "a ba b"]
        );
    }

    #[test]
    fn without_braces_the_line_is_the_last_word() {
        assert_eq!(fill(&["-l"], "a {} b"), ["-l", "a {} b"]);
        assert_eq!(fill(&[], "-x"), ["-x"]);
    }

    #[test]
    fn braces_within_the_line_are_not_filled_again() {
        assert_eq!(fill(&["{}", "x"], "{}"), ["{}", "x"]);
    }
}
