//! Links the imports whose functions the host gives: each call is encoded and sent to the
//! host, and its reply is decoded. The types are the import's own, so a guest cannot send
//! anything else.

mod typed;

use std::sync::Arc;

use wasmtime::component::{Component, Linker as ComponentLinker};
use wasmtime::{
    AsContextMut, Engine, ExternType, FuncType, Linker as CoreLinker, Module, StoreContextMut,
    Val as CoreVal,
};

use super::bounds::{HostFunctionFailed, NotGranted, OutputLimitReached};
use super::convert::{from_val, to_val};
use super::describe::{ComponentImport, component_imports, core_function};
use super::guest::Guest;
use super::handles::Handles;
use sandpool_protocol::imports::Links;
use sandpool_protocol::limits::LimitName;
use sandpool_protocol::request::{MAX_ITEM, Reply};
use sandpool_value::{Function, Type, Value, decode_result, encode, take_u32, take_u64};

/// A function that the host gives.
pub(super) struct HostFunction {
    /// The place of the function among those of all imports, which the host counts too.
    number: u32,
    function: Function,
}

/// Links those imports of a component that the host gives.
pub(super) fn add_to_component(
    linker: &mut ComponentLinker<Guest>,
    engine: &Engine,
    component: &Component,
    links: &Links,
    is_reserved: impl Fn(&str) -> bool,
) -> wasmtime::Result<()> {
    let imports = component_imports(engine, component, is_reserved);
    let imports = imports.map_err(|why| wasmtime::format_err!("{why}"))?;
    let mut number = 0;
    for ComponentImport { name, functions } in imports {
        let is_given = links.gives(&name);
        for function in functions {
            if is_given {
                add_function(linker, HostFunction { number, function })?;
            }
            number += 1;
        }
    }
    Ok(())
}

fn add_function(
    linker: &mut ComponentLinker<Guest>,
    host_function: HostFunction,
) -> wasmtime::Result<()> {
    let host_function = Arc::new(host_function);
    let Function {
        interface, name, ..
    } = &host_function.function;
    let mut instance = match interface {
        Some(interface) => linker.instance(interface)?,
        None => linker.root(),
    };
    if typed::add(&mut instance, &host_function)? {
        return Ok(());
    }
    let called = Arc::clone(&host_function);
    instance.func_new(name, move |mut store, _, params, results| {
        let mut arguments = Vec::new();
        for (val, param) in params.iter().zip(&called.function.params) {
            let value = from_val(val.clone(), &param.ty, &Handles::default());
            let value =
                value.ok_or_else(|| called.misfit("an argument cannot leave the worker"))?;
            encode(&value, &mut arguments);
        }
        let reply = called.call(&mut store, arguments)?;
        if let Some(result) = results.first_mut() {
            let value = decode_result(&called.function.result, &reply);
            *result = to_val(
                value.map_err(|error| called.misfit(error))?,
                &Handles::default(),
            );
        }
        Ok(())
    })
}

/// Links those imports of a core module that the host gives.
pub(super) fn add_to_core(
    linker: &mut CoreLinker<Guest>,
    module: &Module,
    links: &Links,
    is_provided: impl Fn(&str, &str, &FuncType) -> bool,
) -> wasmtime::Result<()> {
    let mut number = 0;
    for import in module.imports() {
        let (of, name) = (import.module(), import.name());
        let full_name = format!("{of}#{name}");
        let ExternType::Func(ty) = import.ty() else {
            continue;
        };
        if is_provided(of, name, &ty) {
            continue;
        }
        if links.gives(&full_name) {
            let function = core_function(Some(of), name, &ty);
            let host_function = HostFunction { number, function };
            linker.func_new(of, name, ty, move |mut caller, params, results| {
                host_function.call_core(&mut caller.as_context_mut(), params, results)
            })?;
        }
        number += 1;
    }
    Ok(())
}

impl HostFunction {
    pub(super) fn function(&self) -> &Function {
        &self.function
    }

    fn misfit(&self, why: impl std::fmt::Display) -> wasmtime::Error {
        wasmtime::format_err!("`{}`: {why}", self.function.full_name())
    }

    /// Calls the function with encoded arguments, and returns the encoded result.
    pub(super) fn call(
        &self,
        store: &mut StoreContextMut<'_, Guest>,
        arguments: Vec<u8>,
    ) -> wasmtime::Result<Vec<u8>> {
        let guest = store.data_mut();
        guest.check_call_arguments(arguments.len())?;
        let reply = guest.broker.as_ref().map_or(Reply::CallDenied, |broker| {
            broker.function(self.number, arguments)
        });
        match reply {
            Reply::Item(result) => Ok(result.into_vec()),
            Reply::CallDenied => {
                let name = self.function.full_name();
                let refusal = refusal(&name, self.function.result.as_ref());
                guest.bounds.deny("function", name);
                refusal.ok_or_else(|| NotGranted.into())
            }
            Reply::CallFailed => Err(HostFunctionFailed.into()),
            _ => Err(self.misfit("an answer of another kind")),
        }
    }

    fn call_core(
        &self,
        store: &mut StoreContextMut<'_, Guest>,
        params: &[CoreVal],
        results: &mut [CoreVal],
    ) -> wasmtime::Result<()> {
        let mut arguments = Vec::with_capacity(params.len() * 8);
        for param in params {
            match param {
                CoreVal::I32(n) => arguments.extend(n.to_le_bytes()),
                CoreVal::I64(n) => arguments.extend(n.to_le_bytes()),
                CoreVal::F32(bits) => arguments.extend(bits.to_le_bytes()),
                CoreVal::F64(bits) => arguments.extend(bits.to_le_bytes()),
                _ => return Err(self.misfit("an argument is no number")),
            }
        }
        let reply = self.call(store, arguments)?;
        let mut rest = reply.as_slice();
        let types = match &self.function.result {
            None => &[],
            Some(Type::Tuple(types)) => &types[..],
            Some(one) => std::slice::from_ref(one),
        };
        for (result, ty) in results.iter_mut().zip(types) {
            *result = take_core(&mut rest, ty).ok_or_else(|| self.misfit("no such result"))?;
        }
        Ok(())
    }
}

impl Guest {
    /// Refuses arguments of a call of the host that are longer than the task may send.
    pub(super) fn check_call_arguments(&self, bytes: usize) -> wasmtime::Result<()> {
        let most = self.host_call_arguments.unwrap_or(u64::MAX);
        if bytes as u64 > most.min(MAX_ITEM as u64) {
            let limit = LimitName::HostCallArguments;
            return Err(OutputLimitReached { limit }.into());
        }
        Ok(())
    }
}

/// Returns the encoded answer by which a function that was not granted fails in its own way,
/// if its result has one.
fn refusal(name: &str, result: Option<&Type>) -> Option<Vec<u8>> {
    let Some(Type::Result { err: Some(err), .. }) = result else {
        return None;
    };
    if **err != Type::String {
        return None;
    }
    let text = Value::String(format!("`{name}` is not granted"));
    let mut bytes = Vec::new();
    encode(&Value::Result(Err(Some(Box::new(text)))), &mut bytes);
    Some(bytes)
}

/// Takes a number off the front of an encoded result.
fn take_core(bytes: &mut &[u8], ty: &Type) -> Option<CoreVal> {
    Some(match ty {
        Type::I32 => CoreVal::I32(take_u32(bytes)?.cast_signed()),
        Type::I64 => CoreVal::I64(take_u64(bytes)?.cast_signed()),
        Type::F32 => CoreVal::F32(take_u32(bytes)?),
        Type::F64 => CoreVal::F64(take_u64(bytes)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_that_may_fail_with_a_text_does_so_when_it_is_not_granted() {
        let may_fail = Type::result(Some(Type::U8), Some(Type::String));
        let bytes = refusal("a#f", Some(&may_fail)).expect("a way to fail");
        let value = decode_result(&Some(may_fail), &bytes).expect("of its type");
        let text = Value::String("`a#f` is not granted".into());
        assert_eq!(value, Value::Result(Err(Some(Box::new(text)))));
        assert_eq!(refusal("a#f", Some(&Type::U8)), None);
        assert_eq!(refusal("a#f", None), None);
        let other = Type::result(None, Some(Type::U8));
        assert_eq!(refusal("a#f", Some(&other)), None);
    }
}
