//! The error of a module whose imports do not fit the functions that a host gives for them.

use sandpool_value::{Function, Printable, Type};

/// An import of a module that does not fit the functions that the host gives for it; see
/// [`PoolBuilder::import`](crate::PoolBuilder::import).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A function that the module imports and the host does not give.
    #[error(
        "import `{import}`: the module wants `{wanted}`, the host gives {}",
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
    #[error("import `{import}`: the module wants `{wanted}`, the host gives `{given}`")]
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
    #[error("import `{import}`: the module does not import it, the host gives `{given}`")]
    Superfluous {
        /// The full name of the function.
        import: String,
        /// The host's type of the function.
        given: String,
    },
    /// A function that takes or returns a type that no call of the host can carry.
    #[error("import `{import}`: no call of the host can carry `{what}`, in `{wanted}`")]
    Unsupported {
        /// The full name of the function.
        import: String,
        /// The type.
        what: String,
        /// The module's type of the function.
        wanted: String,
    },
    /// Functions of a call for an import that the pool gives no functions for.
    #[error("import `{import}`: the pool gives no functions for it, so a call cannot change them")]
    NotOfPool {
        /// The name of the import.
        import: String,
    },
}

fn instead(given: &[String]) -> String {
    match given {
        [] => "no function of this name".to_owned(),
        names => {
            let names = names.iter().map(|name| format!("`{}`", Printable(name)));
            let names: Vec<String> = names.take(3).collect();
            format!("no function of this name, but {}", names.join(", "))
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
