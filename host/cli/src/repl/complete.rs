//! Finds out whether what was typed at the prompt is complete, so that Enter runs it, or goes
//! on in a next line, so that Enter begins one.
//!
//! Nothing is parsed here: a lexer knows brackets, strings and comments, and the interpreter
//! says what is wrong with the rest.

use crate::language::Language;

/// Returns `true` if the text is to run as it is.
pub fn is_complete(language: Language, text: &str) -> bool {
    match language {
        Language::Python => python(text),
        Language::Javascript => javascript(text),
    }
}

/// A text of Python goes on while a bracket or a string is open, behind a backslash, and
/// while its last line may belong to a block: an empty line ends that.
fn python(text: &str) -> bool {
    let Some(code) = python_code(text) else {
        return false;
    };
    let last = code.rsplit('\n').next().unwrap_or_default();
    if last.trim().is_empty() {
        return true;
    }
    let continues = last.ends_with('\\') || last.starts_with([' ', '\t']);
    !continues && !last.trim_end().ends_with(':') && !last.starts_with('@')
}

/// Returns the text with a word in place of each string and without comments; nothing if a
/// bracket or a string of several lines is open.
fn python_code(text: &str) -> Option<String> {
    let mut code = String::new();
    let mut depth = 0_i32;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '"' | '\'' => {
                let triple = [c, c, c].iter().collect::<String>();
                rest = match rest.strip_prefix(&triple[1..]) {
                    Some(inside) => after_string(inside, &triple)?,
                    // One that is not closed is an error, which its own line ends.
                    None => after_string(rest, &triple[..1]).unwrap_or_default(),
                };
                code.push('s');
                continue;
            }
            '#' => {
                rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
                continue;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        // Lines within brackets are part of the line before.
        if c != '\n' || depth <= 0 {
            code.push(c);
        }
    }
    (depth <= 0).then_some(code)
}

/// Returns the text behind a string's end; nothing if it has none.
fn after_string<'a>(inside: &'a str, quote: &str) -> Option<&'a str> {
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if inside[at..].starts_with(quote) {
            return Some(&inside[at + quote.len()..]);
        } else if c == '\n' && quote.len() == 1 {
            return Some(&inside[at..]);
        }
    }
    None
}

/// The punctuation behind which a slash begins a regular expression, and not a division.
const BEFORE_REGEXP: &str = "(,=:[!&|?{};+-*%~^<>\n";

/// A text of JavaScript goes on while a bracket, a template or a comment is open, and behind
/// an operator.
fn javascript(text: &str) -> bool {
    let mut open = Vec::new();
    let mut last = '\n';
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '"' | '\'' => {
                rest = after_string(rest, &c.to_string()).unwrap_or_default();
            }
            '`' => match after_template(rest) {
                Some((inside, true)) => {
                    open.push('$');
                    rest = inside;
                }
                Some((behind, false)) => rest = behind,
                None => return false,
            },
            '/' if rest.starts_with('/') => {
                rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
                continue;
            }
            '/' if rest.starts_with('*') => {
                let Some(end) = rest.find("*/") else {
                    return false;
                };
                rest = &rest[end + 2..];
                continue;
            }
            '/' if BEFORE_REGEXP.contains(last) => rest = after_regexp(rest),
            '(' | '[' | '{' => open.push(c),
            // The end of what a template holds: its text goes on.
            '}' if open.last() == Some(&'$') => match after_template(rest) {
                Some((inside, true)) => rest = inside,
                Some((behind, false)) => {
                    open.pop();
                    rest = behind;
                }
                None => return false,
            },
            ')' | ']' | '}' => {
                open.pop();
            }
            _ => {}
        }
        if !c.is_whitespace() {
            last = c;
        }
    }
    let code = text.trim_end();
    let operator = code.ends_with(['=', ',', '+', '-', '*', '%', '&', '|', '?', '.']);
    let is_step = code.ends_with("++") || code.ends_with("--");
    open.is_empty() && (!operator || is_step)
}

/// Returns the text behind a template's next piece, and `true` if code follows there.
fn after_template(inside: &str) -> Option<(&str, bool)> {
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '`' => return Some((&inside[at + 1..], false)),
            '$' if inside[at + 1..].starts_with('{') => return Some((&inside[at + 2..], true)),
            _ => {}
        }
    }
    None
}

fn after_regexp(inside: &str) -> &str {
    let (mut escaped, mut in_class) = (false, false);
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '/' if !in_class => return &inside[at + 1..],
            '\n' => return &inside[at..],
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_goes_on_in_brackets_strings_and_blocks() {
        let goes_on = [
            "f(",
            "[1,\n2",
            "x = '''a",
            "\"\"\"\n'''",
            "x = 1 + \\",
            "def f():",
            "if x:  # why",
            "@cache",
            "def f():\n    return 1",
            "class A:\n    def f(self):",
            "for x in [1,\n  2]:",
        ];
        for text in goes_on {
            assert!(!is_complete(Language::Python, text), "{text}");
        }
        let runs = [
            "",
            "1 + 1",
            "f(')')",
            "x = 'it'",
            "'unfinished",
            "x = '#'  # (",
            "d = {'a': 1}",
            "f(1,\n  2)",
            "'''a\nb'''",
            "def f():\n    return 1\n",
            "def f():\n    return 1\nf()",
            "if x: y()",
            ")",
        ];
        for text in runs {
            assert!(is_complete(Language::Python, text), "{text}");
        }
    }

    #[test]
    fn javascript_goes_on_in_brackets_templates_and_comments() {
        let goes_on = [
            "f(",
            "function f() {",
            "`a",
            "`a${f(",
            "`a${`b`}",
            "/* a",
            "x =",
            "a &&",
            "[1,\n2,",
            "g(/[)/]/",
        ];
        for text in goes_on {
            assert!(!is_complete(Language::Javascript, text), "{text}");
        }
        let runs = [
            "",
            "1 + 1",
            "f(')')",
            "'unfinished",
            "x++",
            "`a${{b: `c`}.b}d`",
            "/[(]/.test('(')",
            "a / b / c",
            "f() // (",
            "/* ( */ 1",
            "function f() {\n}\nf()",
            "}",
            "'it\\'s'",
        ];
        for text in runs {
            assert!(is_complete(Language::Javascript, text), "{text}");
        }
    }
}
