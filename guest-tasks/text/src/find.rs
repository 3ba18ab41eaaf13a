//! Finding one text in another, counted in characters.

use crate::{FindFlags, FindOptions, Span};

/// Where `needle` stands in `text`, first to last, without overlaps.
pub fn find(text: &str, needle: &str, options: &FindOptions) -> Vec<Span> {
    let fold = |c: char| {
        // One character stays one character, so that positions stay true;
        // the few that grow when lower-cased are left as they are.
        let mut lower = c.to_lowercase();
        match (lower.next(), lower.next()) {
            (Some(l), None) if options.flags.contains(FindFlags::IGNORE_CASE) => l,
            _ => c,
        }
    };
    let text: Vec<char> = text.chars().map(fold).collect();
    let needle: Vec<char> = needle.chars().map(fold).collect();
    let limit = options.limit.map_or(usize::MAX, |limit| limit as usize);

    let mut spans = Vec::new();
    if needle.is_empty() {
        return spans;
    }
    let mut start = 0;
    while spans.len() < limit && start + needle.len() <= text.len() {
        let end = start + needle.len();
        let fits = text[start..end] == needle[..]
            && (!options.flags.contains(FindFlags::WHOLE_WORD) || stands_alone(&text, start, end));
        if fits {
            spans.push(Span {
                start: start as u32,
                end: end as u32,
            });
            start = end;
        } else {
            start += 1;
        }
    }
    spans
}

/// Returns whether no letter or digit touches this part of the text.
fn stands_alone(text: &[char], start: usize, end: usize) -> bool {
    let before = start.checked_sub(1).map(|i| text[i]);
    let after = text.get(end).copied();
    [before, after]
        .into_iter()
        .flatten()
        .all(|c| !c.is_alphanumeric())
}
