//! Closures as functions of the host: their types, and their calls.

use std::future::Future;

use super::context::CallContext;
use sandpool_value::{ConvertError, FromValue, ToValue, Type, Value};

/// The types of a function, as far as its Rust types tell them.
#[derive(Clone, Debug)]
pub struct Signature {
    pub(super) params: Vec<Type>,
    pub(super) result: Type,
}

/// A closure that guests call with arguments of fixed types: up to eight that implement
/// [`FromValue`], and a result that implements [`ToValue`]. `Args` is the tuple of their types,
/// which the compiler finds.
pub trait HostFunction<Args>: Send + Sync + 'static {
    #[doc(hidden)]
    fn signature() -> Signature;

    #[doc(hidden)]
    fn run(&self, context: CallContext, arguments: Vec<Value>) -> Result<Value, ConvertError>;
}

/// A closure as [`HostFunction`] describes it that returns a future of its result.
pub trait AsyncHostFunction<Args>: Send + Sync + 'static {
    #[doc(hidden)]
    fn signature() -> Signature;

    #[doc(hidden)]
    fn begin(
        &self,
        context: CallContext,
        arguments: Vec<Value>,
    ) -> Result<impl Future<Output = Value>, ConvertError>;
}

/// The arguments of a closure whose first is the [`CallContext`].
pub struct WithContext<Args>(std::marker::PhantomData<Args>);

/// Takes the next argument. The number of arguments was checked when the module was bound.
fn next<T: FromValue>(
    arguments: &mut impl Iterator<Item = Value>,
    index: &mut usize,
) -> Result<T, ConvertError> {
    *index += 1;
    let value = arguments.next().unwrap_or_else(Value::unit);
    T::from_value(value).map_err(|error| error.in_element(*index - 1))
}

macro_rules! functions {
    ($($name:ident)*) => {
        impl<Func, Returned, $($name),*> HostFunction<($($name,)*)> for Func
        where
            Func: Fn($($name),*) -> Returned + Send + Sync + 'static,
            Returned: ToValue,
            $($name: FromValue,)*
        {
            fn signature() -> Signature {
                signature!(Returned, $($name)*)
            }

            fn run(&self, _: CallContext, arguments: Vec<Value>) -> Result<Value, ConvertError> {
                let (mut _arguments, mut _index) = (arguments.into_iter(), 0);
                Ok(self($(next::<$name>(&mut _arguments, &mut _index)?),*).into_value())
            }
        }

        impl<Func, Returned, $($name),*> HostFunction<WithContext<($($name,)*)>> for Func
        where
            Func: Fn(CallContext, $($name),*) -> Returned + Send + Sync + 'static,
            Returned: ToValue,
            $($name: FromValue,)*
        {
            fn signature() -> Signature {
                signature!(Returned, $($name)*)
            }

            fn run(&self, context: CallContext, arguments: Vec<Value>) -> Result<Value, ConvertError> {
                let (mut _arguments, mut _index) = (arguments.into_iter(), 0);
                Ok(self(context, $(next::<$name>(&mut _arguments, &mut _index)?),*).into_value())
            }
        }

        impl<Func, Begun, Returned, $($name),*> AsyncHostFunction<($($name,)*)> for Func
        where
            Func: Fn($($name),*) -> Begun + Send + Sync + 'static,
            Begun: Future<Output = Returned>,
            Returned: ToValue,
            $($name: FromValue,)*
        {
            fn signature() -> Signature {
                signature!(Returned, $($name)*)
            }

            fn begin(
                &self,
                _: CallContext,
                arguments: Vec<Value>,
            ) -> Result<impl Future<Output = Value>, ConvertError> {
                let (mut _arguments, mut _index) = (arguments.into_iter(), 0);
                let begun = self($(next::<$name>(&mut _arguments, &mut _index)?),*);
                Ok(async { begun.await.into_value() })
            }
        }

        impl<Func, Begun, Returned, $($name),*> AsyncHostFunction<WithContext<($($name,)*)>> for Func
        where
            Func: Fn(CallContext, $($name),*) -> Begun + Send + Sync + 'static,
            Begun: Future<Output = Returned>,
            Returned: ToValue,
            $($name: FromValue,)*
        {
            fn signature() -> Signature {
                signature!(Returned, $($name)*)
            }

            fn begin(
                &self,
                context: CallContext,
                arguments: Vec<Value>,
            ) -> Result<impl Future<Output = Value>, ConvertError> {
                let (mut _arguments, mut _index) = (arguments.into_iter(), 0);
                let begun = self(context, $(next::<$name>(&mut _arguments, &mut _index)?),*);
                Ok(async { begun.await.into_value() })
            }
        }
    };
}

macro_rules! signature {
    ($returned:ident, $($name:ident)*) => {
        Signature {
            params: vec![$(<$name as FromValue>::static_type()),*],
            result: <$returned as ToValue>::static_type(),
        }
    };
}

functions!();
functions!(A);
functions!(A B);
functions!(A B C);
functions!(A B C D);
functions!(A B C D E);
functions!(A B C D E F);
functions!(A B C D E F G);
functions!(A B C D E F G H);
