//! Text in, text and structured values out.
//!
//! It shows what a task's arguments and results may be made of: strings,
//! lists, tuples, records, variants, enums, flags, options, and a `result`,
//! whose error becomes the verdict `error`.

mod find;

use std::collections::HashMap;

wit_bindgen::generate!({ path: "wit", world: "text" });

struct Text;

impl Guest for Text {
    fn word_count(text: String) -> Vec<(String, u32)> {
        let mut counts: HashMap<String, u32> = HashMap::new();
        for word in words(&text) {
            *counts.entry(word.to_lowercase()).or_default() += 1;
        }
        let mut counts: Vec<(String, u32)> = counts.into_iter().collect();
        counts.sort_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then_with(|| a.cmp(b)));
        counts
    }

    fn greet(name: String) -> Result<String, String> {
        if name.is_empty() {
            return Err("nobody to greet: the name is empty".to_owned());
        }
        Ok(format!("hello, {name}"))
    }

    fn describe(shape: Shape) -> String {
        match shape {
            Shape::Circle(radius) => format!("a circle of radius {radius}"),
            Shape::Rectangle(Rectangle { width, height }) if width == height => {
                format!("a square of {width} by {height}")
            }
            Shape::Rectangle(Rectangle { width, height }) => {
                format!("a rectangle of {width} by {height}")
            }
            Shape::Triangle((a, b, c)) => format!("a triangle with sides {a}, {b} and {c}"),
            Shape::Point => "a point".to_owned(),
        }
    }

    fn find(text: String, needle: String, options: Option<FindOptions>) -> Vec<Span> {
        let options = options.unwrap_or(FindOptions {
            flags: FindFlags::empty(),
            limit: None,
        });
        find::find(&text, &needle, &options)
    }

    fn change_case(text: String, to: LetterCase) -> String {
        match to {
            LetterCase::Lower => text.to_lowercase(),
            LetterCase::Upper => text.to_uppercase(),
            LetterCase::Title => title_case(&text),
        }
    }

    fn statistics(text: String) -> Summary {
        let mut longest: Option<&str> = None;
        let mut count = 0;
        for word in words(&text) {
            count += 1;
            if longest.is_none_or(|l| word.chars().count() > l.chars().count()) {
                longest = Some(word);
            }
        }
        Summary {
            bytes: text.len() as u64,
            characters: text.chars().count() as u64,
            words: count,
            lines: text.lines().count() as u64,
            longest_word: longest.map(str::to_owned),
        }
    }
}

export!(Text);

/// The words of a text: runs of letters and digits. An apostrophe belongs to
/// the word it stands in (`don't`), a quotation mark around one does not.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'')
        .map(|word| word.trim_matches('\''))
        .filter(|word| !word.is_empty())
}

/// The first letter of each word in upper case, all others in lower case.
fn title_case(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut within_word = false;
    for c in text.chars() {
        if within_word {
            result.extend(c.to_lowercase());
        } else {
            result.extend(c.to_uppercase());
        }
        within_word = c.is_alphanumeric() || (within_word && c == '\'');
    }
    result
}
