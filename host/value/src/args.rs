//! The arguments of a call from Rust: tuples for positional arguments, [`Kwargs`] for
//! keywords.

use super::attachment::Attachment;
use super::{ArgumentError, Function, ToValue, Value, arguments, encode_apart, encode_args_into};

/// The arguments of a call, before they are matched to parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Args {
    /// The arguments by position.
    pub positional: Vec<Value>,
    /// The arguments by keyword.
    pub keywords: Vec<(String, Value)>,
    /// The attachments of the arguments.
    #[doc(hidden)]
    pub attachments: Vec<Attachment>,
}

impl Args {
    /// Adds an argument by position.
    pub fn arg(&mut self, value: impl ToValue) {
        value.attach_to(&mut self.attachments);
        self.positional.push(value.into_value());
    }

    /// Adds an argument by keyword.
    pub fn kwarg(&mut self, name: impl Into<String>, value: impl ToValue) {
        value.attach_to(&mut self.attachments);
        self.keywords.push((name.into(), value.into_value()));
    }

    /// Appends further arguments: positional ones behind these, keywords beside them.
    #[must_use]
    pub fn then(mut self, more: Args) -> Self {
        if self.is_empty() {
            return more;
        }
        self.positional.extend(more.positional);
        self.keywords.extend(more.keywords);
        self.attachments.extend(more.attachments);
        self
    }

    /// Returns `true` if there are no arguments.
    #[doc(hidden)]
    pub fn is_empty(&self) -> bool {
        self.positional.is_empty() && self.keywords.is_empty() && self.attachments.is_empty()
    }

    /// Appends the encoded arguments, as [`Args::bind`] would make them.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Args::bind`] does; `out` is of no use then.
    #[doc(hidden)]
    pub fn encode_for(self, function: &Function, out: &mut Vec<u8>) -> Result<(), ArgumentError> {
        let params = function.params.iter();
        // Numbers of the very types that are wanted are encoded as they are.
        let as_they_are = self.keywords.is_empty()
            && self.positional.len() == params.len()
            && params
                .zip(&self.positional)
                .all(|(p, v)| v.is_number_of(&p.ty));
        match as_they_are {
            true => encode_args_into(&self.positional, out),
            false => encode_args_into(&self.bind(function)?, out),
        }
        Ok(())
    }

    /// Appends the encoded arguments as [`Args::encode_for`] does, but returns a text or
    /// byte list that comes last instead of copying it.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Args::encode_for`] does.
    #[doc(hidden)]
    pub fn encode_apart_for(
        self,
        function: &Function,
        out: &mut Vec<u8>,
    ) -> Result<Vec<u8>, ArgumentError> {
        let ends_long = |value: &Value| matches!(value, Value::Bytes(_) | Value::String(_));
        if !self.positional.last().is_some_and(ends_long) {
            self.encode_for(function, out)?;
            return Ok(Vec::new());
        }
        let mut values = self.bind(function)?;
        let last = values.pop();
        encode_args_into(&values, out);
        let [more, body] = last.map_or_else(Default::default, encode_apart);
        out.extend_from_slice(&more);
        Ok(body)
    }

    /// Returns the arguments in the order and in the types of the function's parameters. An
    /// option that is left out is `none`.
    ///
    /// # Errors
    ///
    /// Returns an error if they do not fit; see [`ArgumentError`].
    pub fn bind(self, function: &Function) -> Result<Vec<Value>, ArgumentError> {
        arguments::bind(self.positional, self.keywords, function)
    }
}

/// A type whose values can be the arguments of a call: a tuple of up to eight values, `()`,
/// a `Vec<Value>`, [`Kwargs`], or [`Args`].
pub trait ToArgs {
    /// Returns the arguments.
    fn into_args(self) -> Args;
}

/// Arguments by keyword.
///
/// ```ignore
/// pool.apply::<u64>(&math, "fib", Kwargs::new().set("n", 30u32))?;
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kwargs(Args);

impl Kwargs {
    /// Returns no arguments yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an argument.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl ToValue) -> Self {
        self.0.kwarg(name, value);
        self
    }
}

impl<N: Into<String>, V: ToValue, const COUNT: usize> From<[(N, V); COUNT]> for Kwargs {
    fn from(pairs: [(N, V); COUNT]) -> Self {
        pairs
            .into_iter()
            .fold(Self::new(), |kwargs, (name, value)| kwargs.set(name, value))
    }
}

impl ToArgs for Args {
    fn into_args(self) -> Args {
        self
    }
}

impl ToArgs for Kwargs {
    fn into_args(self) -> Args {
        self.0
    }
}

impl ToArgs for Vec<Value> {
    fn into_args(self) -> Args {
        Args {
            positional: self,
            ..Args::default()
        }
    }
}

impl ToArgs for () {
    fn into_args(self) -> Args {
        Args::default()
    }
}

macro_rules! tuples {
    ($($name:ident)+) => {
        impl<$($name: ToValue),+> ToArgs for ($($name,)+) {
            fn into_args(self) -> Args {
                #[expect(non_snake_case, reason = "types and values share their names")]
                let ($($name,)+) = self;
                let mut args = Args::default();
                $(args.arg($name);)+
                args
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);

/// Types that need no tuple around them when they are the only argument: those that cannot
/// be taken for a tuple or for the arguments themselves.
macro_rules! single_arguments {
    ($($ty:ty),+) => {
        $(
            impl ToArgs for $ty {
                fn into_args(self) -> Args {
                    (self,).into_args()
                }
            }
        )+
    };
}

single_arguments!(
    bool, u8, i8, u16, i16, u32, i32, u64, i64, f32, f64, char, String, &str
);
single_arguments!(Vec<u8>, &[u8]);

#[cfg(test)]
mod tests {
    use super::super::{Param, Type};
    use super::*;

    fn fib() -> Function {
        Function {
            name: "fib".into(),
            interface: None,
            params: vec![Param {
                name: "n".into(),
                ty: Type::U32,
            }],
            result: Some(Type::U64),
        }
    }

    #[test]
    fn tuples_keywords_and_single_arguments_bind_alike() {
        let expected = vec![Value::U32(30)];
        assert_eq!(30u32.into_args().bind(&fib()).unwrap(), expected);
        assert_eq!((30u64,).into_args().bind(&fib()).unwrap(), expected);
        let kwargs = Kwargs::new().set("n", 30i8);
        assert_eq!(kwargs.into_args().bind(&fib()).unwrap(), expected);
        let kwargs = Kwargs::from([("n", 30u32)]);
        assert_eq!(kwargs.into_args().bind(&fib()).unwrap(), expected);
        assert!(().into_args().bind(&fib()).is_err());
    }

    #[test]
    fn a_tuple_keeps_its_order() {
        let args = (1u8, "a", vec![1u8, 2], Some(true)).into_args();
        assert_eq!(
            args.positional,
            [
                Value::U8(1),
                Value::String("a".into()),
                Value::Bytes(vec![1, 2]),
                Value::some(Value::Bool(true))
            ]
        );
    }
}
