//! Takes the libraries of a component together, and links the rest anew.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result, bail, ensure};
use wasm_encoder::reencode::{self, Reencode, ReencodeComponent};
use wasm_encoder::{
    Alias, CanonicalFunctionSection, Component, ComponentAliasSection, ComponentSectionId,
    ExportKind, InstanceSection, ModuleArg, RawSection,
};
use wasmparser::{CanonicalFunction, TypeRef};

use super::core::{CoreModule, HOST, Merger, Part, Source};
use super::linked::{Item, Kind, Linked, Origin};

/// Returns the component with its libraries merged into one core module.
pub fn merge(component: &[u8]) -> Result<Vec<u8>> {
    let linked = Linked::parse(component)?;
    let modules = linked.modules.iter().map(|bytes| CoreModule::parse(bytes));
    let modules = modules.collect::<Result<Vec<_>>>()?;
    let group = group(&linked, &modules)?;
    let exports = exports(&linked, &modules, &group)?;
    let imports = imports(&linked, &modules, &group)?;
    let merged = merged(&linked, &group, &imports, &exports)?;
    let mut writer = Writer {
        linked: &linked,
        modules: &modules,
        group: &group,
        exports: &exports,
        imports: &imports,
        component: Component::new(),
        indices: HashMap::new(),
        next: HashMap::new(),
        instances: HashMap::new(),
        next_instance: 0,
        next_module: 0,
        merged: None,
    };
    writer.write(&merged)?;
    Ok(writer.component.finish())
}

/// Returns the instances that are merged, in their order: all that define or import the
/// table that the libraries share.
fn group(linked: &Linked, modules: &[CoreModule]) -> Result<Vec<u32>> {
    let instances = linked.items.iter().filter_map(|item| match item {
        Item::Instance(instance) => Some(*instance),
        _ => None,
    });
    let instances: Vec<_> = instances.collect();
    let table = |instance: u32| -> Result<Option<Origin>> {
        let module = &modules[linked.module_of(instance)? as usize];
        let import = module
            .imports
            .iter()
            .find(|(_, _, ty)| matches!(ty, TypeRef::Table(_)));
        import
            .map(|(module, name, _)| linked.given(instance, module, name))
            .transpose()
    };
    let mut shared = None;
    for instance in &instances {
        if modules[linked.module_of(*instance)? as usize].is_library {
            shared = shared.or(table(*instance)?);
        }
    }
    let Some(Origin::Export {
        instance: owner, ..
    }) = shared
    else {
        bail!("it has no libraries that share a table");
    };
    let mut group = Vec::new();
    let mut seen = HashSet::new();
    for instance in instances {
        if instance == owner || table(instance)? == shared {
            ensure!(
                seen.insert(linked.module_of(instance)?),
                "a library with two instances is not merged"
            );
            group.push(instance);
        }
    }
    Ok(group)
}

/// Returns the items of merged instances that others use, each with its new name.
fn exports<'a>(
    linked: &Linked<'a>,
    modules: &[CoreModule<'a>],
    group: &[u32],
) -> Result<HashMap<Origin<'a>, String>> {
    let mut used = Vec::new();
    let lifts = linked.items.iter().filter_map(|item| match item {
        Item::Lift(lift) => Some(lift),
        _ => None,
    });
    for function in linked.canonicals().chain(lifts) {
        for (kind, index) in Linked::used(function)? {
            used.push(linked.origin(kind, index)?);
        }
    }
    for item in &linked.items {
        if let Item::Instance(instance) = item
            && !group.contains(instance)
        {
            for (module, name, _) in &modules[linked.module_of(*instance)? as usize].imports {
                used.push(linked.given(*instance, module, name)?);
            }
        }
    }
    let mut exports = HashMap::new();
    let mut names = HashSet::new();
    for origin in used {
        if let Origin::Export { instance, name } = origin
            && group.contains(&instance)
            && !exports.contains_key(&origin)
        {
            let new = match names.contains(name) {
                true => format!("{instance}:{name}"),
                false => name.to_owned(),
            };
            names.insert(new.clone());
            exports.insert(origin, new);
        }
    }
    Ok(exports)
}

/// Returns what the merged instances get from others, in the order of its first use.
fn imports<'a>(
    linked: &Linked<'a>,
    modules: &[CoreModule<'a>],
    group: &[u32],
) -> Result<Vec<Origin<'a>>> {
    let mut imports = Vec::new();
    let mut seen = HashSet::new();
    for instance in group {
        for (module, name, _) in &modules[linked.module_of(*instance)? as usize].imports {
            let origin = linked.given(*instance, module, name)?;
            if !inside(group, origin) && seen.insert(origin) {
                imports.push(origin);
            }
        }
    }
    Ok(imports)
}

fn inside(group: &[u32], origin: Origin) -> bool {
    matches!(origin, Origin::Export { instance, .. } if group.contains(&instance))
}

/// Returns the merged module.
fn merged<'a>(
    linked: &Linked<'a>,
    group: &[u32],
    imports: &[Origin<'a>],
    exports: &HashMap<Origin<'a>, String>,
) -> Result<Vec<u8>> {
    let numbers: HashMap<_, _> = imports.iter().copied().zip(0..).collect();
    let position = |instance: u32| group.iter().position(|other| *other == instance);
    let mut parts = Vec::new();
    for instance in group {
        let module = CoreModule::parse(linked.modules[linked.module_of(*instance)? as usize])?;
        let mut sources = Vec::new();
        for (from, name, _) in &module.imports {
            let origin = linked.given(*instance, from, name)?;
            sources.push(match origin {
                Origin::Export { instance, name } if group.contains(&instance) => {
                    Source::Inside(position(instance).context("not in the group")?, name)
                }
                origin => Source::Outside(numbers[&origin]),
            });
        }
        parts.push(Part { module, sources });
    }
    let mut named = Vec::new();
    for (origin, new) in exports {
        if let Origin::Export { instance, name } = origin {
            let part = position(*instance).context("not in the group")?;
            named.push((new.clone(), part, *name));
        }
    }
    // The order of a map differs from run to run.
    named.sort();
    Merger::new(parts, u32::try_from(imports.len())?)?.merge(&named)
}

/// Writes the new component.
struct Writer<'a, 'b> {
    linked: &'b Linked<'a>,
    modules: &'b [CoreModule<'a>],
    group: &'b [u32],
    exports: &'b HashMap<Origin<'a>, String>,
    imports: &'b [Origin<'a>],
    component: Component,
    /// The new indices of core items that were written.
    indices: HashMap<(Kind, Origin<'a>), u32>,
    next: HashMap<Kind, u32>,
    /// The new indices of instances that were written.
    instances: HashMap<u32, u32>,
    next_instance: u32,
    next_module: u32,
    /// The instance of the merged module.
    merged: Option<u32>,
}

impl<'a> Writer<'a, '_> {
    fn write(&mut self, merged: &[u8]) -> Result<()> {
        let last = *self.group.last().context("there is nothing to merge")?;
        // Instances that need something of the merged one before there is one.
        let mut waiting = Vec::new();
        for item in &self.linked.items {
            match item {
                Item::Raw { id, bytes } => {
                    self.component.section(&RawSection {
                        id: *id,
                        data: bytes,
                    });
                }
                Item::Alias(alias) => {
                    let mut section = ComponentAliasSection::new();
                    let alias = reencode::RoundtripReencoder.component_alias(alias.clone());
                    section.alias(alias.map_err(|error| anyhow::anyhow!("{error:?}"))?);
                    self.component.section(&section);
                }
                Item::Lift(lift) => self.canonical(lift)?,
                Item::Instance(instance) if *instance == last => {
                    self.merged(merged)?;
                    for instance in std::mem::take(&mut waiting) {
                        self.instance(instance)?;
                    }
                }
                Item::Instance(instance) if self.group.contains(instance) => {}
                Item::Instance(instance) => match self.is_ready(*instance)? {
                    true => self.instance(*instance)?,
                    false => waiting.push(*instance),
                },
            }
        }
        Ok(())
    }

    /// Writes the merged module and its instance.
    fn merged(&mut self, module: &[u8]) -> Result<()> {
        let mut given = Vec::new();
        for (number, origin) in self.imports.iter().enumerate() {
            ensure!(
                self.is_available(*origin)?,
                "the libraries and what they import need each other"
            );
            let index = self.index(Kind::Function, *origin)?;
            given.push((number.to_string(), ExportKind::Func, index));
        }
        let module = self.module(module);
        let given = self.exporting(given);
        self.merged = Some(self.instantiate(module, &[(HOST.to_owned(), given)]));
        Ok(())
    }

    /// Writes an instance of another module.
    fn instance(&mut self, instance: u32) -> Result<()> {
        let module = self.linked.module_of(instance)?;
        /// The items that one other instance gives, each with its name.
        type Given = Vec<(String, ExportKind, u32)>;
        let mut given: Vec<(String, Given)> = Vec::new();
        for (from, name, ty) in &self.modules[module as usize].imports {
            let kind = Kind::of_import(ty)?;
            let index = self.index(kind, self.linked.given(instance, from, name)?)?;
            let item = ((*name).to_owned(), kind.encoded(), index);
            match given.iter_mut().find(|(known, _)| known == from) {
                Some((_, items)) => items.push(item),
                None => given.push(((*from).to_owned(), vec![item])),
            }
        }
        let module = self.module(self.linked.modules[module as usize]);
        let given = given.into_iter();
        let given: Vec<_> = given
            .map(|(name, items)| (name, self.exporting(items)))
            .collect();
        let new = self.instantiate(module, &given);
        self.instances.insert(instance, new);
        Ok(())
    }

    fn module(&mut self, bytes: &[u8]) -> u32 {
        self.component.section(&RawSection {
            id: ComponentSectionId::CoreModule.into(),
            data: bytes,
        });
        self.next_module += 1;
        self.next_module - 1
    }

    fn exporting(&mut self, items: Vec<(String, ExportKind, u32)>) -> u32 {
        let mut section = InstanceSection::new();
        section.export_items(items);
        self.component.section(&section);
        self.next_instance += 1;
        self.next_instance - 1
    }

    fn instantiate(&mut self, module: u32, given: &[(String, u32)]) -> u32 {
        let mut section = InstanceSection::new();
        let given = given.iter();
        section.instantiate(
            module,
            given.map(|(name, instance)| (name.as_str(), ModuleArg::Instance(*instance))),
        );
        self.component.section(&section);
        self.next_instance += 1;
        self.next_instance - 1
    }

    /// Returns `true` if everything that an instance imports can be written.
    fn is_ready(&self, instance: u32) -> Result<bool> {
        let module = self.linked.module_of(instance)?;
        for (from, name, _) in &self.modules[module as usize].imports {
            if !self.is_available(self.linked.given(instance, from, name)?)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_available(&self, origin: Origin<'a>) -> Result<bool> {
        Ok(match origin {
            Origin::Export { instance, .. } if self.group.contains(&instance) => {
                self.merged.is_some()
            }
            Origin::Export { instance, .. } => self.instances.contains_key(&instance),
            Origin::Canonical(index) => {
                for (kind, index) in Linked::used(self.linked.canonical(index)?)? {
                    if !self.is_available(self.linked.origin(kind, index)?)? {
                        return Ok(false);
                    }
                }
                true
            }
        })
    }

    /// Returns the new index of a core item, and writes its definition first where that is
    /// not done yet.
    fn index(&mut self, kind: Kind, origin: Origin<'a>) -> Result<u32> {
        if let Some(index) = self.indices.get(&(kind, origin)) {
            return Ok(*index);
        }
        match origin {
            Origin::Canonical(index) => self.canonical(self.linked.canonical(index)?)?,
            Origin::Export { instance, name } => {
                let (instance, name) = match self.exports.get(&origin) {
                    Some(new) => (self.merged, new.as_str()),
                    None => (self.instances.get(&instance).copied(), name),
                };
                let mut section = ComponentAliasSection::new();
                section.alias(Alias::CoreInstanceExport {
                    instance: instance.with_context(|| format!("`{name}` comes too late"))?,
                    kind: kind.encoded(),
                    name,
                });
                self.component.section(&section);
            }
        }
        let next = self.next.entry(kind).or_default();
        let index = *next;
        *next += 1;
        self.indices.insert((kind, origin), index);
        Ok(index)
    }

    fn canonical(&mut self, function: &CanonicalFunction) -> Result<()> {
        let mut new = NewIndices::default();
        for (kind, index) in Linked::used(function)? {
            let found = self.index(kind, self.linked.origin(kind, index)?)?;
            match kind {
                Kind::Function => new.functions.insert(index, found),
                _ => new.memories.insert(index, found),
            };
        }
        let mut section = CanonicalFunctionSection::new();
        new.parse_component_canonical(&mut section, function.clone())
            .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        self.component.section(&section);
        Ok(())
    }
}

/// The new indices of the core items that one canonical function uses.
#[derive(Default)]
struct NewIndices {
    functions: HashMap<u32, u32>,
    memories: HashMap<u32, u32>,
}

impl Reencode for NewIndices {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error> {
        Ok(self.functions[&index])
    }

    fn memory_index(&mut self, index: u32) -> Result<u32, reencode::Error> {
        Ok(self.memories[&index])
    }
}

impl ReencodeComponent for NewIndices {}
