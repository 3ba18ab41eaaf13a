//! The functions of the host that a module's imports are bound to.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fit::{decoded, fits, shown_result};
use super::imports::{Entry, Imports, Run};
use crate::module::{ImportError, type_of, type_of_parts};
use sandpool_protocol::control::encode;
use sandpool_protocol::description::Import;
use sandpool_sys::MAX_MESSAGE;
use sandpool_value::{Function, Type};

/// The name under which the functions are given that a component imports by themselves, and
/// not as part of an interface.
const ROOT: &str = "$root";

/// The highest number of bytes of the names of the imports of one module that the host gives.
/// The rest of the message that brings them to a worker is left for its other fields.
const MAX_NAMES_BYTES: usize = MAX_MESSAGE - 16 * 1024;

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
    /// The types by which the arguments are decoded.
    pub(super) params: Vec<Type>,
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
            match name.as_str() {
                ROOT => names.extend(imports.functions.keys().cloned()),
                // It stands for all its functions, whose names may be too many for a message.
                _ => names.push(name.clone()),
            }
        }
        names
    }

    /// Returns the names of the imports of a module that this pool gives functions for, as
    /// the module has them: a part of the message that its workers are set up with.
    pub(crate) fn names_in(&self, imports: &[Import]) -> Vec<String> {
        let given = imports
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
    pub(crate) fn bind(&self, imports: &[Import]) -> Result<BoundImports, ImportError> {
        let mut functions = Vec::new();
        let imported = self.imported(imports);
        for import in imports {
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

    /// Checks that a module's imports can be bound, and that its workers can be told of them.
    ///
    /// # Errors
    ///
    /// Returns an error as [`PoolImports::bind`] does, or if the names are too long.
    pub(crate) fn check(&self, imports: &[Import]) -> Result<(), ImportError> {
        self.bind(imports)?;
        let names = self.names_in(imports);
        let bytes = encode(&names).len();
        match bytes > MAX_NAMES_BYTES {
            true => Err(ImportError::NamesTooLong {
                count: names.len(),
                bytes,
                most: MAX_NAMES_BYTES,
            }),
            false => Ok(()),
        }
    }

    /// Returns the names of the functions that a module imports, by the names of the imports
    /// that the host gives them by.
    fn imported<'a>(&'a self, imports: &'a [Import]) -> BTreeMap<&'a str, Vec<&'a str>> {
        let mut imported: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for import in imports {
            if let Some((name, _)) = self.find(import) {
                let functions = import.functions.iter();
                let names = functions.map(|function| function.name.as_str());
                imported.entry(name).or_default().extend(names);
            }
        }
        imported
    }

    /// Returns these functions with those of a call of a module in their place.
    ///
    /// # Errors
    ///
    /// Returns an error if the call has functions for an import that the pool does not give,
    /// or gives or denies a function that the module does not import: a denial with a
    /// misspelt name would grant the function that it means.
    pub(crate) fn narrowed(
        &self,
        call: &[(String, Imports)],
        imports: &[Import],
    ) -> Result<Self, ImportError> {
        let imported = self.imported(imports);
        let mut named = self.named.clone();
        for (name, of_call) in call {
            let Some(of_pool) = named.get_mut(name) else {
                let import = name.clone();
                return Err(ImportError::NotOfPool { import });
            };
            let imported = imported.get(name.as_str()).map_or(&[][..], Vec::as_slice);
            for function in of_call.functions.keys() {
                if !imported.contains(&function.as_str()) {
                    return Err(not_imported(name, function, imported));
                }
            }
            *of_pool = of_pool.overlaid(of_call);
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
    let mut params = function
        .params
        .iter()
        .map(|param| param.ty.clone())
        .collect();
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
            if let Some(given) = signature {
                if !fits(&given.params, &given.result, function) {
                    return Err(ImportError::Type {
                        import,
                        wanted,
                        given: type_of_parts(&given.params, shown_result(&given.result)),
                    });
                }
                params = decoded(&given.params, &function.params);
            }
            Some(Arc::clone(run))
        }
    };
    Ok(BoundFunction {
        function: function.clone(),
        params,
        run,
    })
}

fn refuse_superfluous(name: &str, imports: &Imports, imported: &[&str]) -> Result<(), ImportError> {
    for (function, entry) in &imports.functions {
        if imported.contains(&function.as_str()) {
            continue;
        }
        return Err(match entry {
            Entry::Denied => not_imported(name, function, imported),
            Entry::Given { signature, .. } => ImportError::Superfluous {
                import: format!("{name}#{function}"),
                given: signature.as_ref().map_or_else(
                    || "func(..)".to_owned(),
                    |given| type_of_parts(&given.params, shown_result(&given.result)),
                ),
            },
        });
    }
    Ok(())
}

fn not_imported(name: &str, function: &str, imported: &[&str]) -> ImportError {
    ImportError::NotImported {
        import: format!("{name}#{function}"),
        imported: imported.iter().map(|&name| name.to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandpool_protocol::description::ImportKind;
    use sandpool_value::Param;

    /// The imports of a core module: functions of `env` that take and return a number.
    fn core(names: &[&str]) -> Vec<Import> {
        let import = |name: &&str| Import {
            name: format!("env#{name}"),
            kind: ImportKind::Functions,
            granted_by: None,
            functions: vec![Function {
                name: (*name).to_owned(),
                interface: Some("env".into()),
                params: vec![Param {
                    name: "p0".into(),
                    ty: Type::I32,
                }],
                result: Some(Type::I32),
            }],
        };
        names.iter().map(import).collect()
    }

    fn giving(imports: Imports) -> PoolImports {
        let mut given = PoolImports::default();
        given.add("env", imports);
        given
    }

    fn identity(n: i32) -> i32 {
        n
    }

    #[test]
    fn a_call_that_names_a_function_that_the_module_does_not_import_is_an_error() {
        let pool = giving(Imports::new().func("f", identity).func("g", identity));
        let narrowed = |imports: Imports, module: &[Import]| {
            let narrowed = pool.narrowed(&[("env".to_owned(), imports)], module);
            narrowed.and_then(|all| all.bind(module))
        };
        let both = core(&["f", "g"]);
        let bound = narrowed(Imports::new().deny("f"), &both).expect("imported");
        assert!(bound.function(0).is_some_and(|f| f.is_denied()));
        assert!(bound.function(1).is_some_and(|g| !g.is_denied()));
        for misspelt in [
            Imports::new().deny("F"),
            Imports::denied().deny("F"),
            Imports::new().func("F", identity),
        ] {
            let said = narrowed(misspelt, &both).err().expect("misspelt");
            assert_eq!(
                said.to_string(),
                "import `env#F`: the module imports no function of this name, but `f`, `g`"
            );
        }
        let said = narrowed(Imports::new().deny("f"), &[]).err();
        assert_eq!(
            said.expect("nothing is imported").to_string(),
            "import `env#f`: the module imports no function of this name"
        );
        assert!(narrowed(Imports::denied(), &[]).is_ok(), "it names none");
    }

    #[test]
    fn imports_whose_names_no_worker_can_be_told_are_refused_in_one_line() {
        let names: Vec<String> = (0..6000).map(|n| format!("f{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let all = names
            .iter()
            .fold(Imports::new(), |all, name| all.func(name, identity));
        let pool = giving(all);
        assert_eq!(pool.check(&core(&names[..4000])), Ok(()));
        let error = pool.check(&core(&names)).expect_err("too long");
        assert_eq!(
            error.to_string(),
            "the names of the 6000 imports that the host gives take 58892 bytes, and the most is \
             49152"
        );
    }

    #[test]
    fn a_pool_may_name_functions_that_a_module_does_not_import_unless_it_is_exact() {
        let module = core(&["f"]);
        for more in [
            Imports::new().func("f", identity).deny("F"),
            Imports::new().func("f", identity).func("F", identity),
        ] {
            assert!(giving(more.clone()).bind(&module).is_ok());
            let error = giving(more.exact()).bind(&module).err().expect("refused");
            let said = error.to_string();
            assert!(said.starts_with("import `env#F`: the module "), "{said}");
        }
    }
}
