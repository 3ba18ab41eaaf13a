//! The snippets: what each contender runs, as text, with the value that it has to give.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

/// Number of records in the text that the JSON case transforms: 1 MB of it.
const RECORDS: u32 = 9_250;

/// A language that snippets are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Python,
    JavaScript,
}

impl Language {
    pub const ALL: [Language; 2] = [Language::Python, Language::JavaScript];

    /// Its part of the figures' names, and the name of sandpool's module for it.
    pub fn key(self) -> &'static str {
        match self {
            Language::Python => "python",
            Language::JavaScript => "javascript",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Language::Python => "Python",
            Language::JavaScript => "JavaScript",
        }
    }
}

/// The interpreter that a snippet finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// One that nobody has used.
    Fresh,
    /// One that has run snippets before.
    Kept,
    /// One that keeps the names of earlier snippets for its one user.
    Session,
}

impl Keeping {
    pub fn key(self) -> &'static str {
        match self {
            Keeping::Fresh => "fresh",
            Keeping::Kept => "kept",
            Keeping::Session => "session",
        }
    }
}

/// The part of an interpreter's work that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    Fresh,
    Kept,
    Session,
    Call,
    Fib,
    Loop,
    Json,
    Sort,
}

impl Case {
    pub const ALL: [Case; 8] = [
        Case::Fresh,
        Case::Kept,
        Case::Session,
        Case::Call,
        Case::Fib,
        Case::Loop,
        Case::Json,
        Case::Sort,
    ];

    /// Its part of the figures' names.
    pub fn key(self) -> &'static str {
        match self {
            Case::Fresh => "fresh",
            Case::Kept => "kept",
            Case::Session => "session",
            Case::Call => "call",
            Case::Fib => "fib24",
            Case::Loop => "loop",
            Case::Json => "json",
            Case::Sort => "sort",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Case::Fresh => "`1 + 1` in a fresh interpreter",
            Case::Kept => "`1 + 1` in a kept interpreter",
            Case::Session => "`add(1, 2)` in a session",
            Case::Call => "a call of `add` in a session",
            Case::Fib => "`fib(24)`",
            Case::Loop => "a loop of 10^6",
            Case::Json => "1 MB of JSON, transformed",
            Case::Sort => "10^5 numbers, made and sorted",
        }
    }

    /// The cases that compute run in a kept interpreter, so that a figure has either the price
    /// of a fresh interpreter or that of running code.
    pub fn keeping(self) -> Keeping {
        match self {
            Case::Fresh => Keeping::Fresh,
            Case::Session | Case::Call => Keeping::Session,
            Case::Kept | Case::Fib | Case::Loop | Case::Json | Case::Sort => Keeping::Kept,
        }
    }

    pub fn snippet(self, language: Language) -> Snippet {
        let source = match language {
            Language::Python => self.python(),
            Language::JavaScript => self.javascript(),
        };
        let setup = match (self, language) {
            (Case::Session | Case::Call, Language::Python) => {
                Some("def add(a, b):\n    return a + b\n")
            }
            (Case::Session | Case::Call, Language::JavaScript) => {
                Some("function add(a, b) { return a + b }\n")
            }
            _ => None,
        };
        Snippet {
            setup,
            source,
            call: (self == Case::Call).then_some(["add", "[1, 2]"]),
            input: (self == Case::Json).then(records),
            expected: self.expected(),
        }
    }

    /// The text. Its numbers stay below 2^31, where every interpreter computes with integers.
    fn python(self) -> &'static str {
        match self {
            Case::Fresh | Case::Kept => "1 + 1",
            Case::Session | Case::Call => "add(1, 2)",
            Case::Fib => {
                "\
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

fib(24)
"
            }
            Case::Loop => {
                "\
def run(n):
    total = 0
    for i in range(n):
        total = (total + i * 3) % 1000003
    return total

run(1000000)
"
            }
            Case::Json => {
                "\
[
    {'id': row['id'], 'name': row['name'].upper(), 'total': sum(row['values'])}
    for row in input
    if row['active']
]
"
            }
            Case::Sort => {
                "\
def run(n):
    x = 1
    numbers = []
    for _ in range(n):
        x = (x * 1103 + 12345) % 1000003
        numbers.append(x)
    numbers.sort()
    return [numbers[0], numbers[n // 2], numbers[n - 1]]

run(100000)
"
            }
        }
    }

    fn javascript(self) -> &'static str {
        match self {
            Case::Fresh | Case::Kept => "1 + 1",
            Case::Session | Case::Call => "add(1, 2)",
            Case::Fib => {
                "\
function fib(n) {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}
fib(24)
"
            }
            Case::Loop => {
                "\
function run(n) {
  let total = 0;
  for (let i = 0; i < n; i++) total = (total + i * 3) % 1000003;
  return total;
}
run(1000000)
"
            }
            Case::Json => {
                "\
input
  .filter((row) => row.active)
  .map((row) => ({
    id: row.id,
    name: row.name.toUpperCase(),
    total: row.values.reduce((a, b) => a + b, 0),
  }))
"
            }
            Case::Sort => {
                "\
function run(n) {
  let x = 1;
  const numbers = [];
  for (let i = 0; i < n; i++) {
    x = (x * 1103 + 12345) % 1000003;
    numbers.push(x);
  }
  numbers.sort((a, b) => a - b);
  return [numbers[0], numbers[n / 2], numbers[n - 1]];
}
run(100000)
"
            }
        }
    }

    /// The value, computed here.
    fn expected(self) -> Json {
        match self {
            Case::Fresh | Case::Kept => json!(2),
            Case::Session | Case::Call => json!(3),
            Case::Fib => json!(46_368),
            Case::Loop => {
                let total = (0..1_000_000_u64).fold(0, |total, i| (total + i * 3) % 1_000_003);
                json!(total)
            }
            Case::Json => (0..RECORDS)
                .filter(|id| is_active(*id))
                .map(|id| {
                    let total: u32 = values(id).iter().sum();
                    json!({"id": id, "name": format!("CUSTOMER {id}"), "total": total})
                })
                .collect(),
            Case::Sort => {
                let mut x = 1_u64;
                let mut numbers: Vec<u64> = (0..100_000)
                    .map(|_| {
                        x = (x * 1_103 + 12_345) % 1_000_003;
                        x
                    })
                    .collect();
                numbers.sort_unstable();
                json!([numbers[0], numbers[50_000], numbers[99_999]])
            }
        }
    }
}

/// One case in one language.
pub struct Snippet {
    /// Run once, before anything is measured.
    pub setup: Option<&'static str>,
    pub source: &'static str,
    /// A function that earlier code has defined, and its arguments as JSON, for those who can
    /// call one without a snippet.
    pub call: Option<[&'static str; 2]>,
    /// The value of the variable `input`, as JSON.
    pub input: Option<String>,
    expected: Json,
}

impl Snippet {
    /// Looks whether this is the value that the snippet has, as JSON.
    pub fn check(&self, value: &str) -> Result<(), String> {
        let parsed: Json = serde_json::from_str(value)
            .map_err(|error| format!("its value is not JSON: {error}"))?;
        match is_same(&parsed, &self.expected) {
            true => Ok(()),
            false => Err(format!(
                "it answers wrongly: {}",
                value.chars().take(40).collect::<String>()
            )),
        }
    }
}

/// Compares values as JavaScript does, to which 2 and 2.0 are one number.
fn is_same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => one.as_f64() == other.as_f64(),
        (Json::Array(one), Json::Array(other)) => {
            let pairs = one.iter().zip(other);
            one.len() == other.len() && pairs.into_iter().all(|(one, other)| is_same(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            let has = |(key, value): (&String, &Json)| {
                other.get(key).is_some_and(|other| is_same(value, other))
            };
            one.len() == other.len() && one.iter().all(has)
        }
        _ => one == other,
    }
}

fn is_active(id: u32) -> bool {
    !id.is_multiple_of(3)
}

fn values(id: u32) -> [u32; 10] {
    std::array::from_fn(|place| (id * 7 + place as u32 * 13) % 1000)
}

/// A list of records, as JSON.
fn records() -> String {
    let mut text = String::from("[");
    for id in 0..RECORDS {
        let comma = if id == 0 { "" } else { "," };
        let active = is_active(id);
        let values = values(id);
        let _ = write!(
            text,
            r#"{comma}{{"id":{id},"name":"customer {id}","active":{active},"values":{values:?}}}"#
        );
    }
    text.push(']');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_records_is_a_megabyte_of_json() {
        let text = records();
        assert!((990_000..1_010_000).contains(&text.len()), "{}", text.len());
        let parsed: Json = serde_json::from_str(&text).expect("JSON");
        assert_eq!(parsed.as_array().map(Vec::len), Some(RECORDS as usize));
    }

    #[test]
    fn a_value_is_compared_as_json_and_not_as_text() {
        let snippet = Case::Sort.snippet(Language::Python);
        let value = snippet.expected.to_string();
        assert_eq!(snippet.check(&value), Ok(()));
        assert_eq!(snippet.check(&value.replace(',', ", ")), Ok(()));
        assert_eq!(
            Case::Fresh.snippet(Language::JavaScript).check("2.0"),
            Ok(())
        );
        let wrong = snippet.check("[1, 2, 3]");
        assert_eq!(wrong, Err("it answers wrongly: [1, 2, 3]".into()));
        assert!(snippet.check("nothing").is_err());
    }

    #[test]
    fn every_case_has_a_name_of_its_own_and_the_same_value_in_both_languages() {
        for (place, case) in Case::ALL.into_iter().enumerate() {
            assert!(
                Case::ALL[..place]
                    .iter()
                    .all(|other| other.key() != case.key())
            );
            let [python, javascript] = Language::ALL.map(|language| case.snippet(language));
            assert_eq!(python.expected, javascript.expected);
            assert_eq!(python.input, javascript.input);
        }
    }
}
