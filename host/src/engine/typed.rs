//! Calls whose signatures are made of bytes and strings (and small numbers
//! beside them), without a value per byte.
//!
//! wasmtime's dynamic values cost 32 bytes a byte of a `list<u8>`. Its typed
//! calls copy them, but their types are fixed when this program is compiled. So
//! this is a table of the signatures that people write; whatever is not in it
//! takes the dynamic way.

use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Func, Lift, Lower};

use super::guest::Guest;
use crate::value::{FromValue, Function, ToValue, Type, Value};

/// Calls a function by its typed signature.
pub(crate) type FastCall = fn(&mut Store<Guest>, Func, Vec<Value>) -> wasmtime::Result<Value>;

/// What a parameter can be.
#[derive(Clone, Copy, PartialEq)]
enum In {
    Bytes,
    Text,
    U32,
}

/// What a result can be.
#[derive(Clone, Copy, PartialEq)]
enum Out {
    Nothing,
    Bool,
    U32,
    U64,
    Bytes,
    Text,
    BytesOrText,
    TextOrText,
}

impl In {
    fn of(ty: &Type) -> Option<Self> {
        match ty {
            Type::String => Some(In::Text),
            Type::U32 => Some(In::U32),
            ty if ty.is_bytes() => Some(In::Bytes),
            _ => None,
        }
    }
}

impl Out {
    fn of(ty: Option<&Type>) -> Option<Self> {
        Some(match ty {
            None => Out::Nothing,
            Some(Type::Bool) => Out::Bool,
            Some(Type::U32) => Out::U32,
            Some(Type::U64) => Out::U64,
            Some(Type::String) => Out::Text,
            Some(ty) if ty.is_bytes() => Out::Bytes,
            Some(Type::Result {
                ok: Some(ok),
                err: Some(err),
            }) if **err == Type::String => match &**ok {
                Type::String => Out::TextOrText,
                ok if ok.is_bytes() => Out::BytesOrText,
                _ => return None,
            },
            Some(_) => return None,
        })
    }
}

/// Picks a result type for fixed parameter types.
macro_rules! with_result {
    ($out:expr, $($param:ty),+) => {
        match $out {
            Out::Nothing => call::<($($param,)+), ()>,
            Out::Bool => call::<($($param,)+), (bool,)>,
            Out::U32 => call::<($($param,)+), (u32,)>,
            Out::U64 => call::<($($param,)+), (u64,)>,
            Out::Bytes => call::<($($param,)+), (Vec<u8>,)>,
            Out::Text => call::<($($param,)+), (String,)>,
            Out::BytesOrText => call::<($($param,)+), (Result<Vec<u8>, String>,)>,
            Out::TextOrText => call::<($($param,)+), (Result<String, String>,)>,
        }
    };
}

/// The way to call `function`, if its signature is in the table.
pub(crate) fn fast_call(function: &Function) -> Option<FastCall> {
    let params: Option<Vec<In>> = function.params.iter().map(|p| In::of(&p.ty)).collect();
    let out = Out::of(function.result.as_ref())?;
    Some(match params?.as_slice() {
        [In::Bytes] => with_result!(out, Vec<u8>),
        [In::Text] => with_result!(out, String),
        [In::U32] => with_result!(out, u32),
        [In::Bytes, In::U32] => with_result!(out, Vec<u8>, u32),
        [In::Text, In::Text] => with_result!(out, String, String),
        [In::Bytes, In::Bytes] => with_result!(out, Vec<u8>, Vec<u8>),
        [In::Text, In::Bytes] => with_result!(out, String, Vec<u8>),
        [In::Bytes, In::Text] => with_result!(out, Vec<u8>, String),
        _ => return None,
    })
}

/// Typed results as values: a single result, or none.
trait Results {
    fn value(self) -> Value;
}

impl Results for () {
    fn value(self) -> Value {
        Value::unit()
    }
}

impl<T: ToValue> Results for (T,) {
    fn value(self) -> Value {
        self.0.into_value()
    }
}

/// Typed parameters from values that the host has checked.
trait Params: Sized {
    fn from_values(values: Vec<Value>) -> Option<Self>;
}

impl<A: FromValue> Params for (A,) {
    fn from_values(values: Vec<Value>) -> Option<Self> {
        let [a] = <[Value; 1]>::try_from(values).ok()?;
        Some((A::from_value(a).ok()?,))
    }
}

impl<A: FromValue, B: FromValue> Params for (A, B) {
    fn from_values(values: Vec<Value>) -> Option<Self> {
        let [a, b] = <[Value; 2]>::try_from(values).ok()?;
        Some((A::from_value(a).ok()?, B::from_value(b).ok()?))
    }
}

fn call<P, R>(store: &mut Store<Guest>, func: Func, values: Vec<Value>) -> wasmtime::Result<Value>
where
    P: Params + ComponentNamedList + Lower + Send + Sync + 'static,
    R: Results + ComponentNamedList + Lift + Send + Sync + 'static,
{
    let params = P::from_values(values)
        .ok_or_else(|| wasmtime::format_err!("the arguments do not fit the function"))?;
    let func = func.typed::<P, R>(&mut *store)?;
    Ok(func.call(store, params)?.value())
}
