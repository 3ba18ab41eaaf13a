//! The part that all tasks of a call have in common: the function, the worker key, the imports
//! and the limits.

use std::sync::Arc;

use super::{Call, snapshot_for_pool};
use crate::module::Module;
use crate::pool::api::builder::check_tools;
use crate::pool::api::grants::Grants;
use crate::pool::error::{Error, SettingError};
use crate::pool::host_calls::{BoundImports, Imports};
use crate::pool::keys::{KeyParts, WorkerKey};
use crate::pool::state::Shared;
use crate::pool::tasks::{Callable, Constants, Template, check_size, wrong_kind};
use sandpool_value::{Args, Type};

impl Call {
    /// Returns the template of many tasks, as [`Call::template`] makes it, with the keyword
    /// arguments, and the positional arguments that come before those of each task.
    pub(in crate::pool::api) fn template_of_many(mut self) -> Result<(Template, Args), Error> {
        let mut before = std::mem::take(&mut self.args);
        let keywords = std::mem::take(&mut before.keywords);
        let mut template = self.template()?;
        if let Some(callable) = &template.callable
            && !keywords.is_empty()
        {
            let constants = Constants::new(keywords, &callable.function)?;
            // Otherwise each task would report this error.
            check_size(&template, constants.bytes())?;
            template.constants = Some(constants);
        }
        Ok((template, before))
    }

    /// Finds the function and gathers the part that all tasks of this call have in common.
    pub(in crate::pool::api) fn template(self) -> Result<Template, Error> {
        self.shared.check_module(&self.module)?;
        let module = match self.session {
            // It has the pool's snapshot since it was opened.
            Some(_) => self.module,
            None => snapshot_for_pool(&self.shared, self.module, None)
                .map_err(|error| Error::Snapshot(Box::new(error)))?,
        };
        let function = match &self.function {
            Some(name) => Some(callable(&module, name, self.session.is_some())?),
            None if module.is_command() => None,
            None => return Err(wrong_kind(&module)),
        };
        if self.limits.fuel.value.is_some() && !self.shared.loader.settings.count_fuel {
            return Err(SettingError::FuelNotCounted.into());
        }
        if let Some(tools) = &self.tools {
            check_tools(tools)?;
        }
        if let Some((initializer, args)) = &self.shared.config.initializer
            && !module.is_instrumented()
        {
            let function = callable(&module, initializer, false)?.function;
            args.clone().bind(&function)?;
        }
        let worker_key = match self.session {
            Some(session) => session,
            None => {
                let grants = self.grants.as_ref();
                let key = self.shared.key_parts(&module, grants, self.tenant)?;
                self.shared.lock().keys.bind(key, &module)
            }
        };
        let imports = imports(&self.shared, &worker_key, &self.imports)?;
        let shown = function.as_ref().map_or_else(
            || module.name().to_owned(),
            |function| function.function.name.clone(),
        );
        let result = function.as_ref().and_then(|f| f.function.result.as_ref());
        let fails = matches!(result, Some(Type::Result { .. }));
        let (ok, err) = match result {
            Some(Type::Result { ok, err }) => (ok.as_deref().cloned(), err.as_deref().cloned()),
            other => (other.cloned(), None),
        };
        let ok = match module.is_instrumented() {
            // A snapshot: the bytes of a module.
            true => Some(Type::list(Type::U8)),
            false => ok,
        };
        Ok(Template {
            worker_key,
            function: shown.into(),
            name: self.name,
            ok,
            fails,
            err,
            callable: function,
            constants: None,
            measure_cpu: self.limits.cpu_time.value.is_some() || self.shared.config.measure_cpu,
            limits: self.limits,
            retries: self.retries,
            steers: None,
            shares: self.shares,
            imports,
            tools: match self.tools {
                Some(tools) => Arc::new(tools),
                None => Arc::clone(&self.shared.config.tools),
            },
            caller: self.shared.trace.caller(),
        })
    }
}

impl Shared {
    /// Refuses a module that this pool cannot run.
    pub(in crate::pool::api) fn check_module(&self, module: &Module) -> Result<(), Error> {
        if !module.is_for(&self.loader) {
            return Err(Error::ForeignModule {
                module: module.name().to_owned(),
            });
        }
        if !module.is_compiled() {
            return Err(Error::NotCompiled {
                module: module.name().to_owned(),
            });
        }
        match module.unlinked() {
            Some(why) => Err(Error::Unlinked {
                module: module.name().to_owned(),
                why: why.to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Returns the parts of the key of a call's, or a session's, workers. `grants` are a
    /// part of the pool's.
    pub(in crate::pool::api) fn key_parts(
        &self,
        module: &Module,
        grants: Option<&Grants>,
        tenant: Option<String>,
    ) -> Result<KeyParts, Error> {
        let granted = &self.config.grants;
        Ok(KeyParts {
            module: module.hash().to_owned(),
            grants: match grants {
                Some(part) => part.of(granted)?,
                None => granted.clone(),
            },
            http: match grants {
                Some(part) => part.of_http(&self.config.http)?,
                None => self.config.http.clone(),
            },
            tenant,
        })
    }
}

/// Returns the functions of the host for the imports of a worker key's module: the pool's,
/// which are bound once for the key, with those of the call in their place.
fn imports(
    shared: &Shared,
    worker_key: &WorkerKey,
    of_call: &[(String, Imports)],
) -> Result<Arc<BoundImports>, Error> {
    let module = &worker_key.module;
    let of_pool = &shared.config.imports;
    let failed = |source| Error::Import {
        module: module.name().to_owned(),
        source,
    };
    if !of_call.is_empty() {
        let narrowed = of_pool.narrowed(of_call, module.imports());
        let bound = narrowed.and_then(|all| all.bind(module.imports()));
        return bound.map(Arc::new).map_err(failed);
    }
    if let Some(bound) = worker_key.imports.get() {
        return Ok(Arc::clone(bound));
    }
    let bound = of_pool.bind(module.imports()).map_err(failed)?;
    Ok(Arc::clone(
        worker_key.imports.get_or_init(|| Arc::new(bound)),
    ))
}

/// Returns the function of this name that a call can have.
pub(super) fn callable(module: &Module, name: &str, in_session: bool) -> Result<Callable, Error> {
    if module.functions().is_empty() && module.resources().is_empty() {
        return Err(wrong_kind(module));
    }
    let index = module.find_index(name)?;
    let function = &module.callables()[index];
    let why = match in_session {
        true => function.uncallable_in_session(),
        false => function.uncallable(),
    };
    if let Some(why) = why {
        return Err(Error::Unsupported {
            function: function.name.clone(),
            why,
        });
    }
    Ok(Callable {
        index: u32::try_from(index).unwrap_or(u32::MAX),
        function: function.clone(),
    })
}
