//! For tests of errors, here and in other crates: what each variant says.

use std::error::Error;

/// Checks what errors say, each followed by its causes, with an arrow before each of
/// them; and that none repeats its cause's words, which would be printed twice.
pub fn check<E: Error + 'static>(table: impl IntoIterator<Item = (E, &'static str)>) {
    for (error, expected) in table {
        let mut outer: &dyn Error = &error;
        let mut texts = vec![error.to_string()];
        while let Some(cause) = outer.source() {
            let (text, said) = (cause.to_string(), outer.to_string());
            assert!(!said.contains(&text), "`{said}` repeats its cause `{text}`");
            texts.push(text);
            outer = cause;
        }
        let texts = texts.join(" <- ");
        assert_eq!(texts, expected);
        assert!(!texts.contains(" --"), "a flag of the command: {texts}");
        assert_eq!(texts.lines().count(), 1, "{texts}");
    }
}
