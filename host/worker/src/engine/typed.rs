//! Calls whose signatures are made of bytes and strings (and small numbers
//! beside them), without a value per byte.
//!
//! wasmtime's dynamic values cost 32 bytes a byte of a `list<u8>`. Its typed
//! calls copy them, but their types are fixed when this program is compiled. So
//! this is a table of the signatures that people write; whatever is not in it
//! takes the dynamic way.

use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, ComponentType, Func, Lift, Lower};

use super::guest::Guest;
use sandpool_value::{Function, ToValue, Type, Value, take_bytes, take_string, take_u32};

/// Calls a function by its typed signature, with its encoded arguments.
pub type FastCall = fn(&mut Store<Guest>, Func, &[u8]) -> wasmtime::Result<Value>;

/// The type of a parameter.
#[derive(Clone, Copy, PartialEq)]
enum In {
    Bytes,
    Text,
    U32,
}

/// The type of a result.
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

/// Returns the way to call `function`, if its signature is in the table.
pub fn fast_call(function: &Function) -> Option<FastCall> {
    let params: Option<Vec<In>> = function.params.iter().map(|p| In::of(&p.ty)).collect();
    let out = Out::of(function.result.as_ref())?;
    Some(match params?.as_slice() {
        [In::Bytes] => with_result!(out, Bytes),
        [In::Text] => with_result!(out, Text),
        [In::U32] => with_result!(out, u32),
        [In::Bytes, In::U32] => with_result!(out, Bytes, u32),
        [In::Text, In::Text] => with_result!(out, Text, Text),
        [In::Bytes, In::Bytes] => with_result!(out, Bytes, Bytes),
        [In::Text, In::Bytes] => with_result!(out, Text, Bytes),
        [In::Bytes, In::Text] => with_result!(out, Bytes, Text),
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

/// A parameter, read from the arguments as the host has encoded them.
trait Param {
    type Of<'a>: ComponentType + Lower + Send + Sync;

    fn read<'a>(arguments: &mut &'a [u8]) -> Option<Self::Of<'a>>;
}

enum Bytes {}
enum Text {}

impl Param for Bytes {
    type Of<'a> = &'a [u8];

    fn read<'a>(arguments: &mut &'a [u8]) -> Option<&'a [u8]> {
        take_bytes(arguments)
    }
}

impl Param for Text {
    type Of<'a> = &'a str;

    fn read<'a>(arguments: &mut &'a [u8]) -> Option<&'a str> {
        take_string(arguments)
    }
}

impl Param for u32 {
    type Of<'a> = u32;

    fn read(arguments: &mut &[u8]) -> Option<u32> {
        take_u32(arguments)
    }
}

/// All parameters of a function.
trait Params {
    type Of<'a>: ComponentNamedList + Lower + Send + Sync;

    fn read<'a>(arguments: &mut &'a [u8]) -> Option<Self::Of<'a>>;
}

impl<A: Param> Params for (A,) {
    type Of<'a> = (A::Of<'a>,);

    fn read<'a>(arguments: &mut &'a [u8]) -> Option<Self::Of<'a>> {
        Some((A::read(arguments)?,))
    }
}

impl<A: Param, B: Param> Params for (A, B) {
    type Of<'a> = (A::Of<'a>, B::Of<'a>);

    fn read<'a>(arguments: &mut &'a [u8]) -> Option<Self::Of<'a>> {
        Some((A::read(arguments)?, B::read(arguments)?))
    }
}

fn call<P, R>(store: &mut Store<Guest>, func: Func, mut arguments: &[u8]) -> wasmtime::Result<Value>
where
    P: Params,
    R: Results + ComponentNamedList + Lift + Send + Sync + 'static,
{
    let params = P::read(&mut arguments).filter(|_| arguments.is_empty());
    let params =
        params.ok_or_else(|| wasmtime::format_err!("the arguments do not fit the function"))?;
    let func = func.typed::<P::Of<'_>, R>(&mut *store)?;
    Ok(func.call(store, params)?.value())
}
