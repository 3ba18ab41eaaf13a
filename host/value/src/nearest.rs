//! Finds the name that a misspelt one was meant to be.

/// Returns the name nearest to the `asked` one, if it is near enough to be meant.
pub(super) fn nearest<'a>(
    asked: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    /// Names come from a guest: the work for each is bounded.
    const LONGEST: usize = 64;
    let asked: Vec<char> = asked.chars().take(LONGEST + 1).collect();
    if asked.len() > LONGEST {
        return None;
    }
    let bound = (asked.len() / 3).max(1);
    names
        .into_iter()
        .take(1000)
        .filter(|name| name.len() <= LONGEST)
        .map(|name| (distance(&asked, name), name))
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Returns the edit distance in which two swapped neighbours count as one edit.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, y) in b.iter().enumerate() {
            let same = usize::from(x != y);
            let mut best = (last[j] + same).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row[j + 1] = best;
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_name() {
        let names = ["fib", "word-count", "sum"];
        assert_eq!(nearest("fbi", names), Some("fib"));
        assert_eq!(nearest("word-cont", names), Some("word-count"));
        assert_eq!(nearest("zzz", names), None);
    }
}
