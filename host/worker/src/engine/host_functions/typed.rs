//! Functions of the host whose signatures are made of bytes, strings and a few numbers,
//! without a value per byte.
//!
//! This is a table of the signatures that people write (`engine/signature.rs` says why there
//! is one). A function whose signature is not in it is linked by dynamic values.

use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentNamedList, ComponentType, Lift, LinkerInstance, Lower};

use super::HostFunction;
use crate::engine::guest::Guest;
use crate::engine::signature::{ParamKind, ResultKind, Signature};
use sandpool_value::{ToValue, encode, take_bytes, take_string, take_u32, take_u64};

/// Picks a result type for fixed parameter types.
macro_rules! with_result {
    ($result:expr, $instance:expr, $function:expr, ($($param:ty),*)) => {
        match $result {
            ResultKind::Nothing => wrap::<($($param,)*), ()>($instance, $function),
            ResultKind::Bool => wrap::<($($param,)*), (bool,)>($instance, $function),
            ResultKind::U32 => wrap::<($($param,)*), (u32,)>($instance, $function),
            ResultKind::U64 => wrap::<($($param,)*), (u64,)>($instance, $function),
            ResultKind::Bytes => wrap::<($($param,)*), (Vec<u8>,)>($instance, $function),
            ResultKind::Text => wrap::<($($param,)*), (String,)>($instance, $function),
            ResultKind::MaybeBytes => wrap::<($($param,)*), (Option<Vec<u8>>,)>($instance, $function),
            ResultKind::MaybeText => wrap::<($($param,)*), (Option<String>,)>($instance, $function),
            ResultKind::BytesOrText => wrap::<($($param,)*), (Result<Vec<u8>, String>,)>($instance, $function),
            ResultKind::TextOrText => wrap::<($($param,)*), (Result<String, String>,)>($instance, $function),
            ResultKind::NothingOrText => wrap::<($($param,)*), (Result<(), String>,)>($instance, $function),
        }
    };
}

/// Links the function by its types, if its signature is in the table. Returns `true` if it is.
pub(super) fn add(
    instance: &mut LinkerInstance<'_, Guest>,
    host_function: &Arc<HostFunction>,
) -> wasmtime::Result<bool> {
    let Some(Signature { params, result }) = Signature::of(host_function.function()) else {
        return Ok(false);
    };
    match params.as_slice() {
        [] => with_result!(result, instance, host_function, ()),
        [ParamKind::Bytes] => with_result!(result, instance, host_function, (Vec<u8>)),
        [ParamKind::Text] => with_result!(result, instance, host_function, (String)),
        [ParamKind::U32] => with_result!(result, instance, host_function, (u32)),
        [ParamKind::U64] => with_result!(result, instance, host_function, (u64)),
        [ParamKind::Text, ParamKind::Text] => {
            with_result!(result, instance, host_function, (String, String))
        }
        [ParamKind::Text, ParamKind::Bytes] => {
            with_result!(result, instance, host_function, (String, Vec<u8>))
        }
        [ParamKind::Bytes, ParamKind::Bytes] => {
            with_result!(result, instance, host_function, (Vec<u8>, Vec<u8>))
        }
        _ => return Ok(false),
    }?;
    Ok(true)
}

fn wrap<P, R>(
    instance: &mut LinkerInstance<'_, Guest>,
    host_function: &Arc<HostFunction>,
) -> wasmtime::Result<()>
where
    P: Arguments + ComponentNamedList + Lift + 'static,
    R: Answer + ComponentNamedList + Lower + 'static,
{
    let called = Arc::clone(host_function);
    instance.func_wrap(
        &host_function.function().name,
        move |mut store: StoreContextMut<'_, Guest>, arguments: P| {
            let mut bytes = Vec::new();
            arguments.put(&mut bytes);
            let reply = called.call(&mut store, bytes)?;
            let mut rest = reply.as_slice();
            R::take(&mut rest).ok_or_else(|| {
                wasmtime::format_err!("the result does not fit `{}`", called.function().name)
            })
        },
    )
}

/// The parameters of a function, as the host decodes them.
trait Arguments {
    fn put(self, out: &mut Vec<u8>);
}

macro_rules! arguments {
    ($($name:ident)+) => {
        impl<$($name: ToValue),+> Arguments for ($($name,)+) {
            #[expect(non_snake_case, reason = "types and values share their names")]
            fn put(self, out: &mut Vec<u8>) {
                let ($($name,)+) = self;
                $(encode(&$name.into_value(), out);)+
            }
        }
    };
}

impl Arguments for () {
    fn put(self, _: &mut Vec<u8>) {}
}

arguments!(A);
arguments!(A B);

/// The result of a function, read from the bytes that the host has encoded.
trait Answer: Sized {
    fn take(bytes: &mut &[u8]) -> Option<Self>;
}

impl Answer for () {
    fn take(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

impl<T: Part> Answer for (T,) {
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let value = T::take(bytes)?;
        bytes.is_empty().then_some((value,))
    }
}

/// A part of a result.
trait Part: ComponentType + Sized {
    fn take(bytes: &mut &[u8]) -> Option<Self>;
}

impl Part for bool {
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        bytes.split_off_first().map(|byte| *byte != 0)
    }
}

impl Part for u32 {
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        take_u32(bytes)
    }
}

impl Part for u64 {
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        take_u64(bytes)
    }
}

impl Part for Vec<u8> {
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        take_bytes(bytes).map(<[u8]>::to_vec)
    }
}

impl Part for String {
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        take_string(bytes).map(str::to_owned)
    }
}

impl Part for () {
    fn take(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

impl<T: Part> Part for Option<T> {
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        match bytes.split_off_first()? {
            0 => Some(None),
            _ => T::take(bytes).map(Some),
        }
    }
}

impl<T: Part> Part for Result<T, String> {
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        match bytes.split_off_first()? {
            0 => T::take(bytes).map(Ok),
            _ => String::take(bytes).map(Err),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandpool_value::Value;

    fn there_and_back<T: Part + ToValue + Clone + PartialEq + std::fmt::Debug>(value: T) {
        let mut bytes = Vec::new();
        encode(&value.clone().into_value(), &mut bytes);
        assert_eq!(<(T,)>::take(&mut bytes.as_slice()), Some((value,)));
        bytes.push(0);
        assert_eq!(<(T,)>::take(&mut bytes.as_slice()), None, "a byte is left");
    }

    #[test]
    fn results_are_read_as_the_host_encodes_them() {
        there_and_back(true);
        there_and_back(7u32);
        there_and_back(u64::MAX);
        there_and_back(vec![1u8, 2]);
        there_and_back("grün".to_owned());
        there_and_back(Some("x".to_owned()));
        there_and_back(None::<Vec<u8>>);
        there_and_back(Ok::<_, String>(vec![3u8]));
        there_and_back(Err::<String, _>("no".to_owned()));
        there_and_back(Ok::<(), String>(()));
    }

    #[test]
    fn arguments_are_written_one_after_the_other() {
        let mut bytes = Vec::new();
        ("a".to_owned(), 1u32).put(&mut bytes);
        let values = [Value::String("a".into()), Value::U32(1)];
        assert_eq!(bytes, sandpool_value::encode_args(&values));
    }
}
