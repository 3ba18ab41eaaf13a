//! The error of a module whose imports do not fit the functions that a host gives for them.

use sandpool_value::{Function, Printable, Type};

/// The number of characters of a name that a text shows, and of a type: a module chooses both.
const MAX_NAME: usize = 200;
const MAX_TYPE: usize = 1000;

/// The highest number of functions that a text names.
const MAX_NAMED: usize = 5;

/// An import of a module that does not fit the functions that the host gives for it; see
/// [`PoolBuilder::import`](crate::PoolBuilder::import).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A function that the module imports and the host does not give.
    #[error(
        "import {}: the module wants {}, the host gives {}",
        name(import),
        type_text(wanted),
        instead(given)
    )]
    Missing {
        /// The full name of the function.
        import: String,
        /// The module's type of the function.
        wanted: String,
        /// The names of the functions that the host gives and the module does not import.
        given: Vec<String>,
    },
    /// A function that has another type in the module than in the host.
    #[error(
        "import {}: the module wants {}, the host gives {}",
        name(import),
        type_text(wanted),
        type_text(given)
    )]
    Type {
        /// The full name of the function.
        import: String,
        /// The module's type of the function.
        wanted: String,
        /// The host's type of the function.
        given: String,
    },
    /// A function that the module does not import, of an interface that it does import, in
    /// [`exact`](crate::Imports::exact) imports.
    #[error(
        "import {}: the module does not import it, the host gives {}",
        name(import),
        type_text(given)
    )]
    Superfluous {
        /// The full name of the function.
        import: String,
        /// The host's type of the function.
        given: String,
    },
    /// A function that a call gives or denies, or that [`exact`](crate::Imports::exact) imports
    /// deny, and that the module does not import.
    #[error("import {}: the module imports {}", name(import), instead(imported))]
    NotImported {
        /// The full name of the function.
        import: String,
        /// The names of the functions that the module imports from there.
        imported: Vec<String>,
    },
    /// A function that takes or returns a type that no call of the host can carry.
    #[error(
        "import {}: no call of the host can carry {}, in {}",
        name(import),
        name(what),
        type_text(wanted)
    )]
    Unsupported {
        /// The full name of the function.
        import: String,
        /// The type.
        what: String,
        /// The module's type of the function.
        wanted: String,
    },
    /// Imports whose names together are longer than a worker can be told.
    #[error(
        "the names of the {count} imports that the host gives take {bytes} bytes, and the most \
         is {most}"
    )]
    NamesTooLong {
        /// The number of the module's imports that the host gives.
        count: usize,
        /// The number of bytes that their names take.
        bytes: usize,
        /// The highest number of bytes.
        most: usize,
    },
    /// Functions of a call for an import that the pool gives no functions for.
    #[error(
        "import {}: the pool gives no functions for it, so a call cannot change them",
        name(import)
    )]
    NotOfPool {
        /// The name of the import.
        import: String,
    },
}

/// Returns a name in backticks, printable and cut.
fn name(name: &str) -> String {
    quoted(name, MAX_NAME)
}

/// Returns a type in backticks, printable and cut.
fn type_text(ty: &str) -> String {
    quoted(ty, MAX_TYPE)
}

fn quoted(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => format!("`{}`", Printable(text)),
        Some((end, _)) => format!("`{}…`", Printable(&text[..end])),
    }
}

/// Says which functions there are in place of the one that is missing.
fn instead(given: &[String]) -> String {
    match given {
        [] => "no function of this name".to_owned(),
        names => {
            let shown: Vec<String> = names.iter().take(MAX_NAMED).map(|one| name(one)).collect();
            let more = match names.len().saturating_sub(MAX_NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("no function of this name, but {}{more}", shown.join(", "))
        }
    }
}

/// Returns the type of a function as users read it: `func(key: string) -> option<string>`.
pub(crate) fn type_of(function: &Function) -> String {
    let text = function.signature();
    let name = format!("{}: ", Printable(&function.name));
    text.strip_prefix(&name).unwrap_or(&text).to_owned()
}

/// Returns a type as [`type_of`] does, of types alone: `func(string) -> u32`.
pub(crate) fn type_of_parts(params: &[Type], result: Option<&Type>) -> String {
    let params: Vec<String> = params.iter().map(Type::to_string).collect();
    let result = result.map(|ty| format!(" -> {ty}"));
    format!("func({}){}", params.join(", "), result.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandpool_value::Param;

    fn errors(text: &str) -> [ImportError; 7] {
        let text = || text.to_owned();
        [
            ImportError::Missing {
                import: text(),
                wanted: text(),
                given: vec![text(); 100],
            },
            ImportError::Type {
                import: text(),
                wanted: text(),
                given: text(),
            },
            ImportError::Superfluous {
                import: text(),
                given: text(),
            },
            ImportError::Unsupported {
                import: text(),
                what: text(),
                wanted: text(),
            },
            ImportError::NotImported {
                import: text(),
                imported: vec![text(); 100],
            },
            ImportError::NotOfPool { import: text() },
            ImportError::Missing {
                import: text(),
                wanted: type_of(&Function {
                    name: text(),
                    interface: Some(text()),
                    params: vec![Param {
                        name: text(),
                        ty: Type::U8,
                    }],
                    result: None,
                }),
                given: Vec::new(),
            },
        ]
    }

    #[test]
    fn names_of_a_module_are_printed_without_control_codes_and_cut() {
        for error in errors("a\n\x1b[2J\x1b[31mFAKE: ok\u{202e}") {
            let said = error.to_string();
            assert!(!said.contains(['\n', '\x1b', '\u{202e}']), "{said:?}");
            assert!(said.contains("a\\n\\u{1b}[2J"), "{said}");
        }
        for error in errors(&"é".repeat(50_000)) {
            let said = error.to_string();
            let most = 2 * MAX_TYPE + 7 * MAX_NAME;
            assert!(said.chars().count() < most, "{}", said.len());
            assert!(said.contains("é…`"), "{said}");
        }
    }

    #[test]
    fn of_many_functions_a_few_are_named() {
        let names: Vec<String> = (0..100).map(|n| format!("f{n}")).collect();
        let said = instead(&names);
        assert!(said.ends_with("`f3`, `f4` and 95 more"), "{said}");
    }
}
