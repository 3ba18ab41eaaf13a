//! A function that a module exports, as the compiler process described it.

use std::fmt;

use super::Printable;
use super::lookup::same_name;
use super::type_codec::{decode_optional, encode_optional};
use super::wire::{put_count, put_text, take_byte, take_count, take_text};
use super::{Type, TypeDecodeError, quoted};

/// A parameter of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// The name, such as `n`.
    pub name: String,
    /// The type.
    pub ty: Type,
}

/// A function that a module exports. [`Display`](fmt::Display) prints its
/// [`signature`](Function::signature).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The name within its interface, such as `fib`.
    pub name: String,
    /// The interface that it is exported from, such as `demo:math/arith@1.0.0`; `None` for
    /// an export of the module itself.
    pub interface: Option<String>,
    /// The parameters, in order.
    pub params: Vec<Param>,
    /// The type of the result, if there is one.
    pub result: Option<Type>,
}

impl Function {
    /// Returns the function as a user reads it: `fib: func(n: u32) -> u64`.
    pub fn signature(&self) -> String {
        self.to_string()
    }

    /// Returns the name that no other export of the module has: `demo:math/arith@1.0.0#fib`
    /// with its version, or `fib` for an export of the module itself.
    pub fn full_name(&self) -> String {
        match &self.interface {
            Some(interface) => format!("{interface}#{}", self.name),
            None => self.name.clone(),
        }
    }

    /// Returns the name with its interface, without the version: `demo:math/arith#fib`.
    pub fn qualified_name(&self) -> String {
        match self.interface_and_version() {
            Some((interface, _)) => format!("{interface}#{}", self.name),
            None => self.name.clone(),
        }
    }

    /// Returns the index of the parameter with this name. `word_count` also finds
    /// `word-count`.
    pub fn parameter(&self, name: &str) -> Option<usize> {
        let place = |fits: &dyn Fn(&str) -> bool| {
            let mut names = self.params.iter().map(|param| param.name.as_str());
            names.position(fits)
        };
        place(&|own| own == name).or_else(|| place(&|own| same_name(own, name)))
    }

    /// Returns the interface split into its name and its version, if it has one.
    pub(super) fn interface_and_version(&self) -> Option<(&str, Option<&str>)> {
        let interface = self.interface.as_deref()?;
        Some(match interface.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (interface, None),
        })
    }

    /// Returns the name of the first type in the signature that no call can carry. A
    /// function that has one cannot be called.
    pub fn unsupported(&self) -> Option<&str> {
        self.params
            .iter()
            .map(|param| &param.ty)
            .chain(&self.result)
            .find_map(Type::unsupported)
    }

    /// Returns the name of the first resource of the module's own that it takes or returns.
    /// Only a session can call such a function.
    pub fn resource(&self) -> Option<&str> {
        let params = self.params.iter().map(|param| &param.ty);
        params.chain(&self.result).find_map(Type::resource)
    }

    /// Returns the reason why a call cannot call it, if it cannot: ``it takes or returns
    /// the resource `counter`; use a session``.
    pub fn uncallable(&self) -> Option<String> {
        self.uncallable_in_session().or_else(|| {
            let resource = quoted(self.resource()?);
            Some(format!(
                "it takes or returns the resource {resource}; use a session"
            ))
        })
    }

    /// Returns the reason why not even a session can call it, if it cannot.
    pub fn uncallable_in_session(&self) -> Option<String> {
        let what = self.unsupported()?;
        Some(match what {
            "async function" => {
                "it is async, which belongs to WASI 0.3: sandpool does not have it".to_owned()
            }
            what => format!("no call can carry {}", quoted(what)),
        })
    }

    /// Returns the name without the mark that WIT puts before functions of resources:
    /// `counter.next` for `[method]counter.next`.
    pub fn short_name(&self) -> &str {
        let marks = ["[constructor]", "[method]", "[static]"];
        let plain = marks.iter().find_map(|mark| self.name.strip_prefix(mark));
        plain.unwrap_or(&self.name)
    }

    /// Appends the encoding of this function.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_text(&self.name, out);
        match &self.interface {
            None => out.push(0),
            Some(interface) => {
                out.push(1);
                put_text(interface, out);
            }
        }
        put_count(self.params.len(), out);
        for param in &self.params {
            put_text(&param.name, out);
            param.ty.encode(out);
        }
        encode_optional(self.result.as_ref(), out);
    }

    /// Takes one function off the front of the input.
    ///
    /// # Errors
    ///
    /// Returns an error if the input is no function.
    pub fn decode(input: &mut &[u8]) -> Result<Function, TypeDecodeError> {
        let name = take_text(input)?.to_owned();
        let interface = match take_byte(input)? {
            0 => None,
            1 => Some(take_text(input)?.to_owned()),
            tag => return Err(TypeDecodeError::UnknownTag { tag }),
        };
        let mut params = Vec::new();
        for _ in 0..take_count(input)? {
            params.push(Param {
                name: take_text(input)?.to_owned(),
                ty: Type::decode(input)?,
            });
        }
        Ok(Function {
            name,
            interface,
            params,
            result: decode_optional(input)?,
        })
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: func(", Printable(&self.name))?;
        for (index, param) in self.params.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}: {}", Printable(&param.name), param.ty)?;
        }
        f.write_str(")")?;
        self.result
            .as_ref()
            .map_or(Ok(()), |result| write!(f, " -> {result}"))
    }
}

/// Encodes the functions of a module.
pub fn encode_functions(functions: &[Function]) -> Vec<u8> {
    let mut out = Vec::new();
    put_count(functions.len(), &mut out);
    for function in functions {
        function.encode(&mut out);
    }
    out
}

/// Decodes the functions of a module from bytes that an untrusted process wrote. The caller
/// bounds the length of the input, which bounds the work.
///
/// # Errors
///
/// Returns an error if the input is not exactly a number of functions.
pub fn decode_functions(mut input: &[u8]) -> Result<Vec<Function>, TypeDecodeError> {
    let mut functions = Vec::new();
    for _ in 0..take_count(&mut input)? {
        functions.push(Function::decode(&mut input)?);
    }
    if input.is_empty() {
        Ok(functions)
    } else {
        Err(TypeDecodeError::LeftOver { count: input.len() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::strategies::any_function;
    use super::*;

    #[test]
    fn a_signature_reads_as_wit() {
        let mut fib = Function {
            name: "fib".into(),
            interface: Some("demo:math/arith@1.0.0".into()),
            params: vec![Param {
                name: "n".into(),
                ty: Type::U32,
            }],
            result: Some(Type::U64),
        };
        assert_eq!(fib.signature(), "fib: func(n: u32) -> u64");
        assert_eq!(fib.qualified_name(), "demo:math/arith#fib");
        assert_eq!(fib.full_name(), "demo:math/arith@1.0.0#fib");
        fib.params.clear();
        fib.result = None;
        fib.interface = None;
        assert_eq!(fib.signature(), "fib: func()");
        assert_eq!(fib.qualified_name(), "fib");
    }

    proptest! {
        #[test]
        fn functions_come_back(functions in prop::collection::vec(any_function(), 0..4)) {
            let bytes = encode_functions(&functions);
            prop_assert_eq!(decode_functions(&bytes), Ok(functions));
        }

        #[test]
        fn what_follows_the_last_function_is_an_error(function in any_function()) {
            let mut bytes = encode_functions(&[function]);
            bytes.push(0);
            prop_assert!(decode_functions(&bytes).is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(0u8..30, 0..200)) {
            let _ = decode_functions(&bytes);
        }
    }
}
