//! Reads the exports of a module into the host's own types. The compiler does
//! it for the host; a worker does it again to know how to call.

use wasmtime::component::types::{ComponentFunc, ComponentItem, Type as ComponentType};
use wasmtime::component::{Component, ComponentExportIndex};
use wasmtime::{Engine, ExternType, Module, ValType};

use crate::value::{Function, Param, Type};

/// Types of one module may have this many nodes, all functions together, when
/// they are written out as trees. A type that names the same type twice doubles
/// at every level, so a short module can describe an endless one.
const MAX_TYPE_NODES: u32 = 100_000;

/// How deep a type may be.
const MAX_TYPE_DEPTH: u32 = 64;

/// A function and where wasmtime finds it.
pub(crate) struct ComponentFunction {
    pub(crate) function: Function,
    pub(crate) export: ComponentExportIndex,
}

/// The functions that a component exports, in a fixed order.
pub(crate) fn component_functions(
    engine: &Engine,
    component: &Component,
) -> Result<Vec<ComponentFunction>, String> {
    let mut budget = Budget {
        nodes: MAX_TYPE_NODES,
    };
    let mut functions = Vec::new();
    for (name, item) in component.component_type().exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(func) => {
                let export = component.get_export_index(None, name);
                functions.push(budget.function(None, name, &func, export)?);
            }
            ComponentItem::ComponentInstance(instance) if !is_wasi(name) => {
                let parent = component.get_export_index(None, name);
                for (function_name, item) in instance.exports(engine) {
                    // Methods of resources need a resource to call them on.
                    let ComponentItem::ComponentFunc(func) = item.ty else {
                        continue;
                    };
                    if function_name.starts_with('[') {
                        continue;
                    }
                    let export = component.get_export_index(parent.as_ref(), function_name);
                    functions.push(budget.function(Some(name), function_name, &func, export)?);
                }
            }
            _ => {}
        }
    }
    Ok(functions)
}

/// Interfaces that have a meaning of their own, and are not for callers.
fn is_wasi(name: &str) -> bool {
    name.starts_with("wasi:")
}

/// The export that runs a component as a command.
pub(crate) fn component_command(component: &Component) -> Option<ComponentExportIndex> {
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

/// The functions that a core module exports, in a fixed order.
pub(crate) fn core_functions(module: &Module) -> Vec<Function> {
    let hidden = ["_start", "_initialize"];
    let exports = module
        .exports()
        .filter(|export| !hidden.contains(&export.name()));
    exports
        .filter_map(|export| {
            let ExternType::Func(ty) = export.ty() else {
                return None;
            };
            let params = ty.params().enumerate();
            let mut results: Vec<Type> = ty.results().map(core_type).collect();
            Some(Function {
                name: export.name().to_owned(),
                interface: None,
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
            })
        })
        .collect()
}

/// Whether a core module is a WASI preview 1 command.
pub(crate) fn is_core_command(module: &Module) -> bool {
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
}

impl Budget {
    fn function(
        &mut self,
        interface: Option<&str>,
        name: &str,
        func: &ComponentFunc,
        export: Option<ComponentExportIndex>,
    ) -> Result<ComponentFunction, String> {
        let export = export.ok_or_else(|| format!("export `{name}` cannot be found"))?;
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
            // Still listed, so that the caller learns why it cannot be called.
            result = Some(Type::Unsupported("async function".into()));
        }
        let interface = interface.map(str::to_owned);
        let function = Function {
            name: name.to_owned(),
            interface,
            params,
            result,
        };
        Ok(ComponentFunction { function, export })
    }

    fn read(&mut self, ty: &ComponentType, depth: u32) -> Result<Type, String> {
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
            ComponentType::Own(_) | ComponentType::Borrow(_) => {
                Type::Unsupported("resource".into())
            }
            ComponentType::Future(_) => Type::Unsupported("future".into()),
            ComponentType::Stream(_) => Type::Unsupported("stream".into()),
            ComponentType::ErrorContext => Type::Unsupported("error-context".into()),
            ComponentType::Map(_) => Type::Unsupported("map".into()),
            ComponentType::FixedLengthList(_) => Type::Unsupported("fixed-length list".into()),
        })
    }
}
