//! The functions of the host that a module's imports are bound to.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::imports::{Entry, Imports, Run};
use crate::module::{ImportError, Module, type_of, type_of_parts};
use sandpool_protocol::description::Import;
use sandpool_value::{Function, Type, may_fit};

/// The name under which the functions are given that a component imports by themselves, and
/// not as part of an interface.
const ROOT: &str = "$root";

/// The functions that a pool gives, by the names of imports.
#[derive(Clone, Debug, Default)]
pub(crate) struct PoolImports {
    named: BTreeMap<String, Imports>,
}

/// The functions of all imports of a module, in the order in which workers count them.
pub(crate) struct BoundImports {
    functions: Vec<Option<Arc<BoundFunction>>>,
}

/// A function of the host, with the module's types for it.
pub(crate) struct BoundFunction {
    pub(super) function: Function,
    /// The closure; `None` if the function is denied.
    pub(super) run: Option<Arc<Run>>,
}

impl PoolImports {
    /// Gives functions for an import, beside or in place of those that were given before.
    pub(crate) fn add(&mut self, name: &str, imports: Imports) {
        let imports = match self.named.get(name) {
            Some(before) => before.overlaid(&imports),
            None => imports,
        };
        self.named.insert(name.to_owned(), imports);
    }

    #[cfg(feature = "in-process")]
    pub(crate) fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// Returns the names by which a compiler knows the imports that somebody gives; see
    /// [`Links::gives`](sandpool_protocol::imports::Links::gives).
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (name, imports) in &self.named {
            for function in imports.functions.keys() {
                names.push(match name.as_str() {
                    ROOT => function.clone(),
                    _ => format!("{name}#{function}"),
                });
            }
            names.push(name.clone());
        }
        names
    }

    /// Returns the names of the imports of a module that this pool gives functions for, as
    /// the module has them.
    pub(crate) fn names_in(&self, module: &Module) -> Vec<String> {
        let given = module
            .imports()
            .iter()
            .filter(|import| !import.functions.is_empty() && self.find(import).is_some());
        given.map(|import| import.name.clone()).collect()
    }

    /// Returns the functions that are given for an import, and the name that they have.
    fn find(&self, import: &Import) -> Option<(&str, &Imports)> {
        // The import of a core module is one function.
        let interface = import.functions.first()?.interface.as_deref();
        let name = interface.unwrap_or(ROOT);
        let unversioned = name.split('@').next().unwrap_or(name);
        let found = self.named.get_key_value(name);
        let found = found.or_else(|| self.named.get_key_value(unversioned));
        found.map(|(name, imports)| (name.as_str(), imports))
    }

    /// Binds a module's imports to the functions that are given.
    ///
    /// # Errors
    ///
    /// Returns an error if a function is missing, superfluous, or of another type.
    pub(crate) fn bind(&self, module: &Module) -> Result<BoundImports, ImportError> {
        let mut functions = Vec::new();
        // The names that the module imports, by those of the host's imports.
        let mut imported: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for import in module.imports() {
            if let Some((name, _)) = self.find(import) {
                let names = import
                    .functions
                    .iter()
                    .map(|function| function.name.as_str());
                imported.entry(name).or_default().extend(names);
            }
        }
        for import in module.imports() {
            let given = self.find(import);
            for function in &import.functions {
                functions.push(match given {
                    None => None,
                    Some((name, imports)) => {
                        let imported = imported.get(name).map_or(&[][..], Vec::as_slice);
                        Some(Arc::new(bind(function, imports, imported)?))
                    }
                });
            }
        }
        for (name, names) in imported {
            if let Some(imports) = self.named.get(name).filter(|imports| imports.is_exact) {
                refuse_superfluous(name, imports, &names)?;
            }
        }
        Ok(BoundImports { functions })
    }

    /// Returns these functions with those of a call in their place.
    ///
    /// # Errors
    ///
    /// Returns an error if the call has functions for an import that the pool does not give.
    pub(crate) fn narrowed(&self, call: &[(String, Imports)]) -> Result<Self, ImportError> {
        let mut named = self.named.clone();
        for (name, imports) in call {
            let Some(of_pool) = named.get_mut(name) else {
                let import = name.clone();
                return Err(ImportError::NotOfPool { import });
            };
            *of_pool = of_pool.overlaid(imports);
        }
        Ok(PoolImports { named })
    }
}

impl BoundImports {
    /// Returns the bound function at a place among those of all imports.
    pub(crate) fn function(&self, place: u32) -> Option<&Arc<BoundFunction>> {
        self.functions.get(place as usize)?.as_ref()
    }
}

impl BoundFunction {
    pub(crate) fn is_denied(&self) -> bool {
        self.run.is_none()
    }
}

fn bind(
    function: &Function,
    imports: &Imports,
    imported: &[&str],
) -> Result<BoundFunction, ImportError> {
    let import = function.full_name();
    let wanted = type_of(function);
    if let Some(what) = function.unsupported() {
        return Err(ImportError::Unsupported {
            import,
            what: what.to_owned(),
            wanted,
        });
    }
    let run = match imports.entry(&function.name) {
        None => {
            let others = imports.functions.keys();
            let others = others.filter(|name| !imported.contains(&name.as_str()));
            return Err(ImportError::Missing {
                import,
                wanted,
                given: others.cloned().collect(),
            });
        }
        Some(Entry::Denied) => None,
        Some(Entry::Given { signature, run }) => {
            if let Some(given) = signature
                && !fits(&given.params, &given.result, function)
            {
                return Err(ImportError::Type {
                    import,
                    wanted,
                    given: type_of_parts(&given.params, shown_result(&given.result)),
                });
            }
            Some(Arc::clone(run))
        }
    };
    Ok(BoundFunction {
        function: function.clone(),
        run,
    })
}

/// Returns `true` if a closure of these types may be called as the module's function.
fn fits(params: &[Type], result: &Type, wanted: &Function) -> bool {
    let all = params.iter().zip(&wanted.params);
    params.len() == wanted.params.len()
        && { all }.all(|(given, wanted)| may_fit(given, &wanted.ty))
        && result_fits(result, wanted.result.as_ref())
}

/// A closure's `Result` is WIT's where the function returns one; elsewhere only its `Ok` is.
fn result_fits(given: &Type, wanted: Option<&Type>) -> bool {
    match (given, wanted) {
        (Type::Unsupported(_), _) => true,
        (Type::Result { .. }, Some(wanted @ Type::Result { .. })) => may_fit(given, wanted),
        (Type::Result { ok, .. }, wanted) => match (ok.as_deref(), wanted) {
            (None, None) => true,
            (Some(ok), wanted) => result_fits(ok, wanted),
            _ => false,
        },
        // A closure that cannot fail may be a function that can.
        (given, Some(Type::Result { ok, .. })) => result_fits(given, ok.as_deref()),
        (given, None) => shown_result(given).is_none(),
        (given, Some(wanted)) => may_fit(given, wanted),
    }
}

/// Returns the result as a signature shows it: `()` is none.
fn shown_result(result: &Type) -> Option<&Type> {
    match result {
        Type::Tuple(parts) if parts.is_empty() => None,
        other => Some(other),
    }
}

fn refuse_superfluous(name: &str, imports: &Imports, imported: &[&str]) -> Result<(), ImportError> {
    for (function, entry) in &imports.functions {
        let Entry::Given { signature, .. } = entry else {
            continue;
        };
        if !imported.contains(&function.as_str()) {
            return Err(ImportError::Superfluous {
                import: format!("{name}#{function}"),
                given: signature.as_ref().map_or_else(
                    || "func(..)".to_owned(),
                    |given| type_of_parts(&given.params, shown_result(&given.result)),
                ),
            });
        }
    }
    Ok(())
}
