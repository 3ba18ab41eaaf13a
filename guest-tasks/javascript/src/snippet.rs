//! A snippet as the engine takes it: a script, whose last expression has a value and whose
//! names stay. `import` and `export` belong to modules, which have neither; so declarations
//! of imports become `await import(..)`, in their own lines, and the word `export` is left
//! out. All else is as it was given.

use std::borrow::Cow;

/// Returns the script of a snippet.
pub fn script(source: &str) -> Cow<'_, str> {
    if !source.contains("import") && !source.contains("export") {
        return Cow::Borrowed(source);
    }
    let mut scanner = Scanner::new(source);
    let mut script = String::new();
    let mut copied = 0;
    while let Some(word) = scanner.next_outer_word() {
        let replaced = match &source[word..scanner.at] {
            "import" => import(source, scanner.at),
            "export" => export(source, scanner.at),
            _ => None,
        };
        if let Some((end, text)) = replaced {
            script += &source[copied..word];
            script += &text;
            copied = end;
            scanner.at = end;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(source);
    }
    script += &source[copied..];
    Cow::Owned(script)
}

/// Finds the words that stand outside of all brackets.
struct Scanner<'a> {
    source: &'a [u8],
    at: usize,
    /// The open brackets; a `$` is the `{` of a template's `${`.
    open: Vec<u8>,
    /// `true` if a `/` would divide here; else it begins a regular expression.
    operand: bool,
    /// `true` if a dot stands before.
    member: bool,
}

impl<'a> Scanner<'a> {
    fn new(source: &'a str) -> Self {
        Scanner {
            source: source.as_bytes(),
            at: 0,
            open: Vec::new(),
            operand: false,
            member: false,
        }
    }

    /// Moves behind the next such word, and returns its beginning.
    fn next_outer_word(&mut self) -> Option<usize> {
        loop {
            let start = self.at;
            let byte = *self.source.get(start)?;
            self.at += 1;
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => continue,
                b'/' if self.peek() == Some(b'/') => {
                    self.skip_until(|rest| rest[0] == b'\n', 0);
                    continue;
                }
                b'/' if self.peek() == Some(b'*') => {
                    self.at += 1;
                    self.skip_until(|rest| rest.starts_with(b"*/"), 2);
                    continue;
                }
                b'/' if !self.operand => self.skip_regexp(),
                b'"' | b'\'' => self.skip_string(byte),
                b'`' => self.skip_template(),
                b'(' | b'[' | b'{' => {
                    self.open.push(byte);
                    self.operand = false;
                    self.member = false;
                    continue;
                }
                b')' | b']' | b'}' => {
                    if self.open.pop() == Some(b'$') {
                        self.skip_template();
                    }
                }
                b'.' => {
                    self.operand = false;
                    self.member =
                        self.peek() != Some(b'.') && !self.source[..start].ends_with(b".");
                    continue;
                }
                _ if is_word(byte) => {
                    while self.peek().is_some_and(is_word) {
                        self.at += 1;
                    }
                    let word = &self.source[start..self.at];
                    let member = std::mem::take(&mut self.member);
                    self.operand = member || !before_operand(word);
                    if self.open.is_empty() && !member {
                        return Some(start);
                    }
                    continue;
                }
                _ => {
                    self.operand = false;
                    self.member = false;
                    continue;
                }
            }
            self.operand = true;
            self.member = false;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.source.get(self.at).copied()
    }

    fn skip_until(&mut self, end: impl Fn(&[u8]) -> bool, behind: usize) {
        while self.at < self.source.len() && !end(&self.source[self.at..]) {
            self.at += 1;
        }
        self.at = (self.at + behind).min(self.source.len());
    }

    fn skip_string(&mut self, quote: u8) {
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'\n' => return,
                _ if byte == quote => return,
                _ => {}
            }
        }
    }

    fn skip_regexp(&mut self) {
        let mut class = false;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'\n' => return,
                b'[' => class = true,
                b']' => class = false,
                b'/' if !class => return,
                _ => {}
            }
        }
    }

    /// Goes on in a template, to its end or its next `${`.
    fn skip_template(&mut self) {
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'`' => return,
                b'$' if self.peek() == Some(b'{') => {
                    self.at += 1;
                    self.open.push(b'$');
                    self.operand = false;
                    return;
                }
                _ => {}
            }
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// Returns whether an operand follows the word, so that a `/` begins a regular expression.
fn before_operand(word: &[u8]) -> bool {
    let words: [&[u8]; 14] = [
        b"return",
        b"typeof",
        b"case",
        b"in",
        b"of",
        b"delete",
        b"void",
        b"throw",
        b"new",
        b"instanceof",
        b"else",
        b"do",
        b"yield",
        b"await",
    ];
    words.contains(&word)
}

/// Rewrites the declaration whose `import` ends at `start`: its end and its new text, or
/// nothing where it is none (`import(..)`, `import.meta`) or not understood.
fn import(source: &str, start: usize) -> Option<(usize, String)> {
    let rest = &source[start..];
    let quote = rest.find(['"', '\''])?;
    let clause = &rest[..quote];
    let first = clause.trim_start().bytes().next();
    if matches!(first, Some(b'(' | b'.' | b':' | b'=')) {
        return None;
    }
    let mark = rest[quote..].chars().next()?;
    let length = rest[quote + 1..].find(mark)?;
    let end = start + quote + length + 2;
    let module = &source[start + quote..end];
    let lines = "\n".repeat(clause.matches('\n').count());
    if first.is_none() {
        return Some((end, format!("{lines}await import({module})")));
    }
    let clause = clause.trim().strip_suffix("from")?.trim();
    if clause.contains([';', '(', '`', '/']) {
        return None;
    }
    let (default, others) = match clause.find(['{', '*']) {
        Some(at) => (
            clause[..at].trim().trim_end_matches(',').trim(),
            &clause[at..],
        ),
        None => (clause, ""),
    };
    if let Some(namespace) = others.strip_prefix('*') {
        let namespace = namespace.trim().strip_prefix("as")?.trim();
        let mut text = format!("const {namespace} = {lines}await import({module})");
        if !default.is_empty() {
            text += &format!(", {default} = {namespace}.default");
        }
        return Some((end, text));
    }
    let mut names = Vec::new();
    if !default.is_empty() {
        names.push(binding("default", default, module));
    }
    if !others.is_empty() {
        let others = others.strip_prefix('{')?.strip_suffix('}')?;
        for name in others
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            let (exported, local) = name.split_once(" as ").unwrap_or((name, name));
            names.push(binding(exported.trim(), local.trim(), module));
        }
    }
    let names = names.join(", ");
    Some((
        end,
        format!("const {{{names}}} = {lines}await import({module})"),
    ))
}

/// Returns the part of a pattern that takes one export, which has to be there.
fn binding(exported: &str, local: &str, module: &str) -> String {
    let bare = module.trim_matches(['"', '\'']);
    let name = exported.trim_matches(['"', '\'']);
    format!(
        "{exported}: {local} = (() => {{ throw new SyntaxError({:?}) }})()",
        format!("module `{bare}` has no export `{name}`")
    )
}

/// Rewrites what follows an `export` that ends at `start`.
fn export(source: &str, start: usize) -> Option<(usize, String)> {
    let rest = source[start..].trim_start();
    let at = source.len() - rest.len();
    let word = rest.split(|c: char| !c.is_alphanumeric()).next()?;
    match word {
        "const" | "let" | "var" | "function" | "class" | "async" => Some((at, String::new())),
        "default" => Some((at + word.len(), String::new())),
        _ if rest.starts_with('{') => {
            let end = rest.find('}')? + 1;
            let from = rest[end..].trim_start().starts_with("from");
            (!from).then(|| (at + end, "\n".repeat(rest[..end].matches('\n').count())))
        }
        _ => None,
    }
}
