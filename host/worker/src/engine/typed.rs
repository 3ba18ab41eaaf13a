//! Calls whose signatures are made of bytes and strings (and small numbers
//! beside them), without a value per byte.
//!
//! This is a table of the signatures that people write (`signature` says why there
//! is one). A function whose signature is not in it is called by dynamic values.

use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, ComponentType, Func, Lift, Lower};

use super::guest::Guest;
use super::signature::{ParamKind, ResultKind, Signature};
use sandpool_value::{Function, ToValue, Value, take_bytes, take_string, take_u32};

/// Calls a function by its typed signature, with its encoded arguments.
pub type FastCall = fn(&mut Store<Guest>, Func, &[u8]) -> wasmtime::Result<Value>;

/// Picks a result type for fixed parameter types. Returns `None` from the function around it
/// for the kinds of results that the table lacks.
macro_rules! with_result {
    ($result:expr, $($param:ty),+) => {
        match $result {
            ResultKind::Nothing => call::<($($param,)+), ()>,
            ResultKind::Bool => call::<($($param,)+), (bool,)>,
            ResultKind::U32 => call::<($($param,)+), (u32,)>,
            ResultKind::U64 => call::<($($param,)+), (u64,)>,
            ResultKind::Bytes => call::<($($param,)+), (Vec<u8>,)>,
            ResultKind::Text => call::<($($param,)+), (String,)>,
            ResultKind::BytesOrText => call::<($($param,)+), (Result<Vec<u8>, String>,)>,
            ResultKind::TextOrText => call::<($($param,)+), (Result<String, String>,)>,
            ResultKind::MaybeBytes | ResultKind::MaybeText | ResultKind::NothingOrText => {
                return None;
            }
        }
    };
}

/// Returns the way to call `function`, if its signature is in the table.
pub fn fast_call(function: &Function) -> Option<FastCall> {
    let Signature { params, result } = Signature::of(function)?;
    Some(match params.as_slice() {
        [ParamKind::Bytes] => with_result!(result, Bytes),
        [ParamKind::Text] => with_result!(result, Text),
        [ParamKind::U32] => with_result!(result, u32),
        [ParamKind::Bytes, ParamKind::U32] => with_result!(result, Bytes, u32),
        [ParamKind::Text, ParamKind::Text] => with_result!(result, Text, Text),
        [ParamKind::Bytes, ParamKind::Bytes] => with_result!(result, Bytes, Bytes),
        [ParamKind::Text, ParamKind::Bytes] => with_result!(result, Text, Bytes),
        [ParamKind::Bytes, ParamKind::Text] => with_result!(result, Bytes, Text),
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
