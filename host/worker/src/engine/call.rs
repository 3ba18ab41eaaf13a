//! Calls a function or a command of an instance.

use wasmtime::Store;
use wasmtime_wasi::I32Exit;

use super::code::{Code, CoreFunc, Found, Instance, Live};
use super::convert::{from_val, to_val};
use super::guest::Guest;
use super::handles::Handles;
use sandpool_value::{Function, Type, Value, decode_args};

/// The result of a call.
pub enum Returned {
    /// A value (the payload of an `ok`), encoded with this type.
    Value(Value),
    /// The payload of the function's own `err`.
    Error(Option<Value>),
    /// A command's exit code.
    Exit(i32),
}

impl Code {
    /// Returns the function with this index.
    pub fn function(&self, index: u32) -> wasmtime::Result<&Function> {
        let index = index as usize;
        let function = match self {
            Code::Component { functions, .. } => functions.get(index).map(|f| &f.function),
            Code::Core { functions, .. } => functions.get(index),
        };
        function.ok_or_else(|| wasmtime::format_err!("there is no function {index}"))
    }

    /// Calls the function with this index; `arguments` are encoded.
    pub fn call(
        &self,
        live: &mut Live,
        index: u32,
        arguments: &[u8],
    ) -> wasmtime::Result<Returned> {
        let function = self.function(index)?;
        if self.drops(index) {
            return drop_handle(live, function, arguments);
        }
        let found = match live.found {
            Some((last, found)) if last == index => found,
            _ => self.find(&mut live.store, live.instance, index)?,
        };
        live.found = Some((index, found));
        let store = &mut live.store;
        let value = match (self, found) {
            (Code::Component { functions, .. }, Found::Component(func)) => {
                match functions[index as usize].fast {
                    Some(fast) => fast(store, func, arguments)?,
                    None => {
                        let arguments = decode(function, arguments)?;
                        call_dynamic(store, func, function, arguments, &live.handles)?
                    }
                }
            }
            (Code::Core { .. }, Found::Core(func)) => func.call(store, function, arguments)?,
            _ => return Err(wasmtime::format_err!("the instance is of another kind")),
        };
        Ok(unwrap_result(value, function.result.as_ref()))
    }

    /// Returns `true` if the function with this index drops a handle of a resource.
    fn drops(&self, index: u32) -> bool {
        match self {
            Code::Component { functions, .. } => functions[index as usize].export.is_none(),
            Code::Core { .. } => false,
        }
    }

    /// Finds the function with this index in an instance.
    fn find(
        &self,
        store: &mut Store<Guest>,
        instance: Instance,
        index: u32,
    ) -> wasmtime::Result<Found> {
        let found = match (self, instance) {
            (Code::Component { functions, .. }, Instance::Component(instance)) => {
                let export = functions[index as usize].export;
                let func = export.and_then(|export| instance.get_func(store, export));
                func.map(Found::Component)
            }
            (Code::Core { functions, .. }, Instance::Core(instance)) => instance
                .get_func(store, &functions[index as usize].name)
                .map(|func| Found::Core(CoreFunc::new(func))),
            _ => None,
        };
        found.ok_or_else(|| wasmtime::format_err!("the function is gone"))
    }

    /// Runs the command.
    pub fn run_command(
        &self,
        store: &mut Store<Guest>,
        instance: Instance,
    ) -> wasmtime::Result<Returned> {
        let no_command = || wasmtime::format_err!("the module is not a command");
        let ended = match (self, instance) {
            (Code::Component { run, .. }, Instance::Component(instance)) => {
                let export = run.ok_or_else(no_command)?;
                let func = instance
                    .get_func(&mut *store, export)
                    .ok_or_else(no_command)?;
                let run = func.typed::<(), (Result<(), ()>,)>(&mut *store)?;
                run.call(store, ())
                    .map(|(result,)| i32::from(result.is_err()))
            }
            (Code::Core { .. }, Instance::Core(instance)) => {
                let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
                start.call(store, ()).map(|()| 0)
            }
            _ => return Err(no_command()),
        };
        match ended {
            Ok(code) => Ok(Returned::Exit(code)),
            Err(error) => match error.downcast_ref::<I32Exit>() {
                Some(exit) => Ok(Returned::Exit(exit.0)),
                None => Err(error),
            },
        }
    }
}

fn decode(function: &Function, arguments: &[u8]) -> wasmtime::Result<Vec<Value>> {
    decode_args(&function.params, arguments)
        .map_err(|error| wasmtime::format_err!("the arguments cannot be read: {error}"))
}

/// Drops the handle that is the only argument.
fn drop_handle(
    live: &mut Live,
    function: &Function,
    arguments: &[u8],
) -> wasmtime::Result<Returned> {
    let resource = match decode(function, arguments)?.as_slice() {
        [Value::Handle(handle)] => live.handles.remove(handle.number()),
        _ => None,
    };
    let resource = resource.ok_or_else(|| wasmtime::format_err!("there is no such handle"))?;
    resource.resource_drop(&mut live.store)?;
    Ok(Returned::Value(Value::unit()))
}

fn call_dynamic(
    store: &mut Store<Guest>,
    func: wasmtime::component::Func,
    function: &Function,
    arguments: Vec<Value>,
    handles: &Handles,
) -> wasmtime::Result<Value> {
    let mut given = Vec::new();
    for (value, param) in arguments.iter().zip(&function.params) {
        value.visit_handles(&param.ty, &mut |handle, is_given| {
            given.extend(is_given.then(|| handle.number()));
        });
    }
    let params = arguments.into_iter().map(|value| to_val(value, handles));
    let params: Vec<_> = params.collect();
    for number in given {
        handles.remove(number);
    }
    let Some(ty) = &function.result else {
        func.call(store, &params, &mut [])?;
        return Ok(Value::unit());
    };
    let mut results = [wasmtime::component::Val::Bool(false)];
    func.call(store, &params, &mut results)?;
    let [result] = results;
    from_val(result, ty, handles).ok_or_else(|| match handles.is_full() {
        // The words that wasmtime has for it.
        true => wasmtime::format_err!("store handle limit exceeded"),
        false => wasmtime::format_err!("the result cannot leave the worker"),
    })
}

/// Unwraps a function's result: its own top-level `ok` is the value, its `err` an error.
fn unwrap_result(value: Value, ty: Option<&Type>) -> Returned {
    match (value, ty) {
        (Value::Result(Ok(value)), Some(Type::Result { .. })) => {
            Returned::Value(value.map_or_else(Value::unit, |value| *value))
        }
        (Value::Result(Err(value)), Some(Type::Result { .. })) => {
            Returned::Error(value.map(|value| *value))
        }
        (value, _) => Returned::Value(value),
    }
}
