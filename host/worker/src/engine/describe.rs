//! Reads the exports of a module into the host's own types. The compiler does it for the
//! host; a worker does it again to know how to call them.

use std::sync::Arc;

use wasmtime::component::types::{ComponentFunc, ComponentItem, Type as ComponentType};
use wasmtime::component::{Component, ComponentExportIndex, ResourceType};
use wasmtime::{Engine, ExternType, FuncType, Module, ValType};

use sandpool_protocol::description::ExportedResource;
use sandpool_value::{Function, MAX_TYPE_DEPTH, Param, Type};

/// The highest number of nodes of the types of one module, all functions together, when
/// they are written out as trees. A type that names another type twice doubles at every
/// level, so a short module can describe an endless one.
const MAX_TYPE_NODES: u32 = 100_000;

/// The interface of an instrumented component by which its state is read. It is not for
/// callers.
pub const STATE: &str = "wasmtime:wizer/access";

/// Returns `true` for the bytes of a component: the binary format's fifth to eighth byte tell
/// components from core modules.
pub fn is_component(bytes: &[u8]) -> bool {
    bytes.get(6).is_some_and(|layer| *layer == 1)
}

/// A function, and the index by which wasmtime finds it; `None` for one that drops a
/// handle of a resource.
pub struct ComponentFunction {
    pub function: Function,
    pub export: Option<ComponentExportIndex>,
}

/// The exports of a component.
#[derive(Default)]
pub struct ComponentExports {
    /// The functions, in a fixed order.
    pub functions: Vec<ComponentFunction>,
    /// The resources, with the functions that need one or make one.
    pub resources: Vec<ExportedResource>,
    /// The exports of the resources' functions, a list for each resource.
    resource_exports: Vec<Vec<ComponentExportIndex>>,
    /// The names of all other exports but types.
    pub others: Vec<String>,
    /// `true` if it runs programs that are a text, as `sandpool:script` defines it.
    pub is_script: bool,
}

impl ComponentExports {
    /// Returns all functions that a task can call, in the order of their numbers: that of
    /// `Description::callables`.
    pub fn callables(self) -> Vec<ComponentFunction> {
        let mut all = self.functions;
        for (resource, exports) in self.resources.iter().zip(self.resource_exports) {
            let functions = resource.functions.iter().cloned().zip(exports);
            all.extend(functions.map(|(function, export)| ComponentFunction {
                function,
                export: Some(export),
            }));
        }
        all.extend(self.resources.iter().map(|resource| ComponentFunction {
            function: resource.drop_function(),
            export: None,
        }));
        all
    }
}

/// Returns the exports of a component, in a fixed order.
pub fn component_exports(
    engine: &Engine,
    component: &Component,
) -> Result<ComponentExports, String> {
    let mut reading = Reading {
        budget: Budget::new(engine, component),
        exports: ComponentExports::default(),
    };
    for (name, item) in component.component_type().exports(engine) {
        match item.ty {
            ComponentItem::ComponentInstance(instance) if !is_wasi(name) && name != STATE => {
                let parent = component.get_export_index(None, name);
                reading.exports.is_script |= name.starts_with("sandpool:script/");
                for (inner, item) in instance.exports(engine) {
                    if is_init(name, inner) {
                        continue;
                    }
                    let export = || component.get_export_index(parent.as_ref(), inner);
                    reading.take(Some(name), inner, &item.ty, export)?;
                }
            }
            ComponentItem::ComponentInstance(_) if is_run(name) || name == STATE => {}
            item => {
                let export = || component.get_export_index(None, name);
                reading.take(None, name, &item, export)?;
            }
        }
    }
    Ok(reading.exports)
}

/// An import of a component, with the functions in it.
pub struct ComponentImport {
    pub name: String,
    pub functions: Vec<Function>,
}

/// Returns the imports of a component, in a fixed order. The functions of those that
/// `is_reserved` accepts are left out.
pub fn component_imports(
    engine: &Engine,
    component: &Component,
    is_reserved: impl Fn(&str) -> bool,
) -> Result<Vec<ComponentImport>, String> {
    let mut budget = Budget::new(engine, component);
    let mut imports = Vec::new();
    for (name, item) in component.component_type().imports(engine) {
        let mut functions = Vec::new();
        match item.ty {
            _ if is_reserved(name) => {}
            ComponentItem::ComponentFunc(func) => {
                functions.push(budget.function(None, name, &func)?);
            }
            ComponentItem::ComponentInstance(instance) => {
                for (inner, item) in instance.exports(engine) {
                    if let ComponentItem::ComponentFunc(func) = item.ty {
                        functions.push(budget.function(Some(name), inner, &func)?);
                    }
                }
            }
            _ => {}
        }
        imports.push(ComponentImport {
            name: name.to_owned(),
            functions,
        });
    }
    Ok(imports)
}

/// A resource of an interface that a component imports or exports.
struct NamedResource {
    ty: ResourceType,
    /// The name, with its interface if it is in one.
    name: String,
    /// `true` if the component itself makes it.
    is_own: bool,
}

/// Returns the resources of all interfaces that a component imports or exports.
fn named_resources(engine: &Engine, component: &Component) -> Vec<NamedResource> {
    let ty = component.component_type();
    let mut named: Vec<NamedResource> = Vec::new();
    let mut add = |name: &str, item: ComponentItem, is_own: bool| {
        let mut found = Vec::new();
        match item {
            ComponentItem::Resource(resource) => found.push((resource, name.to_owned())),
            ComponentItem::ComponentInstance(instance) => {
                for (inner, item) in instance.exports(engine) {
                    if let ComponentItem::Resource(resource) = item.ty {
                        found.push((resource, format!("{name}#{inner}")));
                    }
                }
            }
            _ => {}
        }
        for (ty, name) in found {
            // One that is imported and exported is the importer's.
            if !named.iter().any(|known| known.ty == ty) {
                named.push(NamedResource { ty, name, is_own });
            }
        }
    };
    for (name, item) in ty.imports(engine) {
        add(name, item.ty, false);
    }
    for (name, item) in ty.exports(engine) {
        add(name, item.ty, true);
    }
    named
}

/// The exports of a component, while they are read.
struct Reading {
    budget: Budget,
    exports: ComponentExports,
}

impl Reading {
    fn take(
        &mut self,
        interface: Option<&str>,
        name: &str,
        item: &ComponentItem,
        export: impl Fn() -> Option<ComponentExportIndex>,
    ) -> Result<(), String> {
        match item {
            ComponentItem::ComponentFunc(func) => {
                let function = self.budget.function(interface, name, func)?;
                let export = export();
                let export = export.ok_or_else(|| format!("export `{name}` cannot be found"))?;
                if let Some(resource) = resource_of(name) {
                    let place = self.resource(interface, resource);
                    self.exports.resources[place].functions.push(function);
                    self.exports.resource_exports[place].push(export);
                } else {
                    let export = Some(export);
                    let found = ComponentFunction { function, export };
                    self.exports.functions.push(found);
                }
            }
            ComponentItem::Resource(_) => {
                self.resource(interface, name);
            }
            ComponentItem::Type(_) => {}
            _ => self.exports.others.push(match interface {
                Some(interface) => format!("{interface}#{name}"),
                None => name.to_owned(),
            }),
        }
        Ok(())
    }

    /// Returns the place of a resource, which is new there if it is not known yet.
    fn resource(&mut self, interface: Option<&str>, name: &str) -> usize {
        let resources = &mut self.exports.resources;
        let known = resources
            .iter()
            .position(|one| one.name == name && one.interface.as_deref() == interface);
        known.unwrap_or_else(|| {
            resources.push(ExportedResource {
                name: name.to_owned(),
                interface: interface.map(str::to_owned),
                functions: Vec::new(),
            });
            self.exports.resource_exports.push(Vec::new());
            resources.len() - 1
        })
    }
}

/// Returns the resource that a function with this name belongs to: `[constructor]counter`,
/// `[method]counter.next`, `[static]counter.all`.
fn resource_of(name: &str) -> Option<&str> {
    let (_, plain) = name.strip_prefix('[')?.split_once(']')?;
    Some(
        plain
            .split_once('.')
            .map_or(plain, |(resource, _)| resource),
    )
}

/// Recognises the function that componentize-py calls while it makes a component of a
/// Python program, and leaves in it. No caller may call it.
fn is_init(interface: &str, function: &str) -> bool {
    (interface, function) == ("exports", "init")
}

fn is_run(name: &str) -> bool {
    name.split('@').next() == Some("wasi:cli/run")
}

/// Returns `true` for interfaces with a meaning of their own, which are not for callers.
fn is_wasi(name: &str) -> bool {
    name.starts_with("wasi:")
}

/// Returns the export that runs a component as a command.
pub fn component_command(component: &Component) -> Option<ComponentExportIndex> {
    let versions = (0..=20)
        .rev()
        .map(|patch| format!("wasi:cli/run@0.2.{patch}"));
    versions
        .chain(["wasi:cli/run".to_owned()])
        .find_map(|name| {
            let run = component.get_export_index(None, &name)?;
            component.get_export_index(Some(&run), "run")
        })
}

/// Returns the functions that a core module exports, in a fixed order.
pub fn core_functions(module: &Module) -> Vec<Function> {
    let hidden = ["_start", "_initialize"];
    let exports = module
        .exports()
        .filter(|export| !hidden.contains(&export.name()));
    exports
        .filter_map(|export| {
            let ExternType::Func(ty) = export.ty() else {
                return None;
            };
            Some(core_function(None, export.name(), &ty))
        })
        .collect()
}

/// Describes a function of a core module; its parameters have no names of their own.
pub fn core_function(interface: Option<&str>, name: &str, ty: &FuncType) -> Function {
    let params = ty.params().enumerate();
    let mut results: Vec<Type> = ty.results().map(core_type).collect();
    Function {
        name: name.to_owned(),
        interface: interface.map(str::to_owned),
        params: params
            .map(|(i, ty)| Param {
                name: format!("p{i}"),
                ty: core_type(ty),
            })
            .collect(),
        result: match results.len() {
            0 | 1 => results.pop(),
            _ => Some(Type::Tuple(results.into())),
        },
    }
}

/// Returns `true` if a core module is a WASI preview 1 command.
pub fn is_core_command(module: &Module) -> bool {
    match module.get_export("_start") {
        Some(ExternType::Func(ty)) => ty.params().len() == 0 && ty.results().len() == 0,
        _ => false,
    }
}

fn core_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 => Type::I32,
        ValType::I64 => Type::I64,
        ValType::F32 => Type::F32,
        ValType::F64 => Type::F64,
        other => Type::Unsupported(other.to_string()),
    }
}

/// Counts the nodes of all types that were read.
struct Budget {
    nodes: u32,
    resources: Vec<NamedResource>,
}

impl Budget {
    fn new(engine: &Engine, component: &Component) -> Self {
        Budget {
            nodes: MAX_TYPE_NODES,
            resources: named_resources(engine, component),
        }
    }

    fn function(
        &mut self,
        interface: Option<&str>,
        name: &str,
        func: &ComponentFunc,
    ) -> Result<Function, String> {
        let params = func.params();
        let params = params
            .map(|(name, ty)| {
                Ok(Param {
                    name: name.to_owned(),
                    ty: self.read(&ty, 0)?,
                })
            })
            .collect::<Result<_, String>>()?;
        let mut result = func
            .results()
            .next()
            .map(|ty| self.read(&ty, 0))
            .transpose()?;
        if func.async_() {
            // Still listed, so that the caller learns why the function cannot be called.
            result = Some(Type::Unsupported("async function".into()));
        }
        Ok(Function {
            name: name.to_owned(),
            interface: interface.map(str::to_owned),
            params,
            result,
        })
    }

    /// Returns the type of a handle: of the kind that `own` makes of the name of a resource
    /// of the component's own.
    fn handle(&self, ty: &ResourceType, kind: &str, own: fn(Arc<str>) -> Type) -> Type {
        match self.resources.iter().find(|known| known.ty == *ty) {
            Some(known) if known.is_own => own(known.name.as_str().into()),
            Some(known) => {
                let name = known
                    .name
                    .rsplit_once('#')
                    .map_or(&*known.name, |(_, name)| name);
                Type::Unsupported(format!("{kind}<{name}>"))
            }
            None => Type::Unsupported(format!("{kind}<resource>")),
        }
    }

    fn read(&mut self, ty: &ComponentType, depth: usize) -> Result<Type, String> {
        self.nodes = self.nodes.checked_sub(1).ok_or("its types are too large")?;
        if depth >= MAX_TYPE_DEPTH {
            return Err(format!("its types are more than {MAX_TYPE_DEPTH} deep"));
        }
        let mut read = |ty: &ComponentType| self.read(ty, depth + 1);
        Ok(match ty {
            ComponentType::Bool => Type::Bool,
            ComponentType::S8 => Type::S8,
            ComponentType::U8 => Type::U8,
            ComponentType::S16 => Type::S16,
            ComponentType::U16 => Type::U16,
            ComponentType::S32 => Type::S32,
            ComponentType::U32 => Type::U32,
            ComponentType::S64 => Type::S64,
            ComponentType::U64 => Type::U64,
            ComponentType::Float32 => Type::F32,
            ComponentType::Float64 => Type::F64,
            ComponentType::Char => Type::Char,
            ComponentType::String => Type::String,
            ComponentType::List(list) => Type::List(read(&list.ty())?.into()),
            ComponentType::Option(option) => Type::Option(read(&option.ty())?.into()),
            ComponentType::Result(result) => Type::Result {
                ok: result.ok().map(|ty| read(&ty)).transpose()?.map(Into::into),
                err: result
                    .err()
                    .map(|ty| read(&ty))
                    .transpose()?
                    .map(Into::into),
            },
            ComponentType::Tuple(tuple) => Type::Tuple(
                tuple
                    .types()
                    .map(|ty| read(&ty))
                    .collect::<Result<_, _>>()?,
            ),
            ComponentType::Record(record) => Type::Record(
                record
                    .fields()
                    .map(|field| Ok((field.name.to_owned(), read(&field.ty)?)))
                    .collect::<Result<_, String>>()?,
            ),
            ComponentType::Variant(variant) => Type::Variant(
                variant
                    .cases()
                    .map(|case| {
                        let payload = case.ty.as_ref().map(&mut read).transpose()?;
                        Ok((case.name.to_owned(), payload))
                    })
                    .collect::<Result<_, String>>()?,
            ),
            ComponentType::Enum(names) => Type::Enum(names.names().map(str::to_owned).collect()),
            ComponentType::Flags(names) => Type::Flags(names.names().map(str::to_owned).collect()),
            ComponentType::Own(resource) => self.handle(resource, "own", Type::Own),
            ComponentType::Borrow(resource) => self.handle(resource, "borrow", Type::Borrow),
            ComponentType::Future(_) => Type::Unsupported("future".into()),
            ComponentType::Stream(_) => Type::Unsupported("stream".into()),
            ComponentType::ErrorContext => Type::Unsupported("error-context".into()),
            ComponentType::Map(_) => Type::Unsupported("map".into()),
            ComponentType::FixedLengthList(_) => Type::Unsupported("fixed-length list".into()),
        })
    }
}
