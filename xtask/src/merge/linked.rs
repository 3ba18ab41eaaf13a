//! A component as its parts: what it holds at its own level, and how its core modules are
//! linked.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use wasm_encoder::ExportKind;
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ExternalKind, Instance, Parser, Payload,
    TypeRef,
};

/// The kinds of core items, each of which has an index space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Function,
    Table,
    Memory,
    Global,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Function, Kind::Table, Kind::Memory, Kind::Global];

    /// Returns the kind of an import.
    pub fn of_import(ty: &TypeRef) -> Result<Self> {
        Ok(match ty {
            TypeRef::Func(_) => Kind::Function,
            TypeRef::Table(_) => Kind::Table,
            TypeRef::Memory(_) => Kind::Memory,
            TypeRef::Global(_) => Kind::Global,
            other => bail!("a module with an import of the kind {other:?} is not merged"),
        })
    }

    /// Returns the kind of an export.
    pub fn of_export(kind: ExternalKind) -> Result<Self> {
        Ok(match kind {
            ExternalKind::Func => Kind::Function,
            ExternalKind::Table => Kind::Table,
            ExternalKind::Memory => Kind::Memory,
            ExternalKind::Global => Kind::Global,
            other => bail!("a module with an export of the kind {other:?} is not merged"),
        })
    }

    pub fn encoded(self) -> ExportKind {
        match self {
            Kind::Function => ExportKind::Func,
            Kind::Table => ExportKind::Table,
            Kind::Memory => ExportKind::Memory,
            Kind::Global => ExportKind::Global,
        }
    }
}

/// A part of a component, in the order of its sections.
pub enum Item<'a> {
    /// A section that names no core item, as it stands.
    Raw { id: u8, bytes: &'a [u8] },
    /// An alias of an item of a component.
    Alias(ComponentAlias<'a>),
    /// A function that is lifted.
    Lift(CanonicalFunction),
    /// An instance of a core module, by its index.
    Instance(u32),
}

/// The origin of a core item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin<'a> {
    /// A function that the host or another component provides, by its index.
    Canonical(u32),
    /// An export of an instance of a core module.
    Export { instance: u32, name: &'a str },
}

/// A component, taken apart.
#[derive(Default)]
pub struct Linked<'a> {
    pub items: Vec<Item<'a>>,
    pub modules: Vec<&'a [u8]>,
    pub instances: Vec<Instance<'a>>,
    functions: Vec<CoreFunction<'a>>,
    /// Tables, memories and globals: the instance that exports each, and its name there.
    others: HashMap<Kind, Vec<(u32, &'a str)>>,
}

enum CoreFunction<'a> {
    Canonical(CanonicalFunction),
    Export(u32, &'a str),
}

impl<'a> Linked<'a> {
    pub fn parse(component: &'a [u8]) -> Result<Self> {
        let mut linked = Linked::default();
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(component) {
            let payload = payload?;
            if depth > 0 {
                match payload {
                    Payload::End(_) => depth -= 1,
                    Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                    _ => {}
                }
                continue;
            }
            if matches!(
                payload,
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. }
            ) {
                depth = 1;
            }
            linked.add(component, payload)?;
        }
        Ok(linked)
    }

    fn add(&mut self, component: &'a [u8], payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::Version { .. } | Payload::End(_) => {}
            Payload::ModuleSection {
                unchecked_range, ..
            } => self.modules.push(slice(component, unchecked_range)?),
            Payload::InstanceSection(section) => {
                for instance in section {
                    let index = u32::try_from(self.instances.len())?;
                    let instance = instance?;
                    if matches!(instance, Instance::Instantiate { .. }) {
                        self.items.push(Item::Instance(index));
                    }
                    self.instances.push(instance);
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.add_alias(alias?)?;
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    match function? {
                        lift @ CanonicalFunction::Lift { .. } => self.items.push(Item::Lift(lift)),
                        function => self.functions.push(CoreFunction::Canonical(function)),
                    }
                }
            }
            // Its names are those of indices that change.
            Payload::CustomSection(section) if section.name() == "component-name" => {}
            Payload::CoreTypeSection(_) | Payload::ComponentStartSection { .. } => {
                bail!("a component with core types or a start function is not merged")
            }
            other => {
                let (id, range) = other.as_section().context("a part without a section")?;
                self.items.push(Item::Raw {
                    id,
                    bytes: slice(component, range)?,
                });
            }
        }
        Ok(())
    }

    fn add_alias(&mut self, alias: ComponentAlias<'a>) -> Result<()> {
        match alias {
            ComponentAlias::CoreInstanceExport {
                kind,
                instance_index,
                name,
            } => match Kind::of_export(kind)? {
                Kind::Function => self
                    .functions
                    .push(CoreFunction::Export(instance_index, name)),
                kind => self
                    .others
                    .entry(kind)
                    .or_default()
                    .push((instance_index, name)),
            },
            alias => self.items.push(Item::Alias(alias)),
        }
        Ok(())
    }

    /// Returns the definition of a function that the host or another component provides.
    pub fn canonical(&self, index: u32) -> Result<&CanonicalFunction> {
        match self.functions.get(index as usize) {
            Some(CoreFunction::Canonical(function)) => Ok(function),
            _ => bail!("core function {index} is not canonical"),
        }
    }

    /// Returns the origin of a core item.
    pub fn origin(&self, kind: Kind, index: u32) -> Result<Origin<'a>> {
        let (instance, name) = match kind {
            Kind::Function => match self.functions.get(index as usize) {
                Some(CoreFunction::Canonical(_)) => return Ok(Origin::Canonical(index)),
                Some(CoreFunction::Export(instance, name)) => (*instance, *name),
                None => bail!("there is no core function {index}"),
            },
            kind => *self
                .others
                .get(&kind)
                .and_then(|items| items.get(index as usize))
                .context("a core item without an origin")?,
        };
        self.exported(instance, name)
    }

    /// Returns the origin of an export of a core instance.
    pub fn exported(&self, instance: u32, name: &'a str) -> Result<Origin<'a>> {
        match &self.instances[instance as usize] {
            Instance::Instantiate { .. } => Ok(Origin::Export { instance, name }),
            Instance::FromExports(exports) => {
                let export = exports.iter().find(|export| export.name == name);
                let export =
                    export.with_context(|| format!("instance {instance} has no `{name}`"))?;
                self.origin(Kind::of_export(export.kind)?, export.index)
            }
        }
    }

    /// Returns the index of the module of an instance.
    pub fn module_of(&self, instance: u32) -> Result<u32> {
        match &self.instances[instance as usize] {
            Instance::Instantiate { module_index, .. } => Ok(*module_index),
            Instance::FromExports(_) => bail!("instance {instance} has no module"),
        }
    }

    /// Returns the origin of what an instance of a module gets for one of its imports.
    pub fn given(&self, instance: u32, module: &str, name: &'a str) -> Result<Origin<'a>> {
        let Instance::Instantiate { args, .. } = &self.instances[instance as usize] else {
            bail!("instance {instance} has no module");
        };
        let from = args.iter().find(|arg| arg.name == module);
        let from = from.with_context(|| format!("instance {instance} gets no `{module}`"))?;
        self.exported(from.index, name)
    }

    /// Returns the kinds and indices of the core items that a canonical function uses.
    pub fn used(function: &CanonicalFunction) -> Result<Vec<(Kind, u32)>> {
        let (core, options) = match function {
            CanonicalFunction::Lift {
                core_func_index,
                options,
                ..
            } => (Some(*core_func_index), &options[..]),
            CanonicalFunction::Lower { options, .. } => (None, &options[..]),
            CanonicalFunction::ResourceNew { .. }
            | CanonicalFunction::ResourceDrop { .. }
            | CanonicalFunction::ResourceRep { .. } => (None, &[][..]),
            other => bail!("a component with {other:?} is not merged"),
        };
        let mut used: Vec<_> = core
            .map(|index| (Kind::Function, index))
            .into_iter()
            .collect();
        for option in options {
            match option {
                CanonicalOption::Memory(index) => used.push((Kind::Memory, *index)),
                CanonicalOption::Realloc(index) | CanonicalOption::PostReturn(index) => {
                    used.push((Kind::Function, *index));
                }
                CanonicalOption::UTF8 | CanonicalOption::UTF16 | CanonicalOption::CompactUTF16 => {}
                other => bail!("a component with the option {other:?} is not merged"),
            }
        }
        Ok(used)
    }

    /// Returns the indices of all canonical functions that are lowered for core modules.
    pub fn canonicals(&self) -> impl Iterator<Item = &CanonicalFunction> {
        self.functions.iter().filter_map(|function| match function {
            CoreFunction::Canonical(function) => Some(function),
            CoreFunction::Export(..) => None,
        })
    }
}

fn slice(bytes: &[u8], range: std::ops::Range<u64>) -> Result<&[u8]> {
    let range = usize::try_from(range.start)?..usize::try_from(range.end)?;
    ensure!(range.end <= bytes.len(), "a section ends after the file");
    Ok(&bytes[range])
}
