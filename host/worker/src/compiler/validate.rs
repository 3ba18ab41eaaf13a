//! Checks a whole module, function bodies included, on all cores.
//!
//! wasmtime validates function bodies as it compiles them. A module that is only described is
//! not compiled, so it is checked here. Complaints about anything but a body are left to
//! wasmtime, which words them when it is given the module.

use rayon::prelude::*;
use wasmparser::{
    Encoding, FuncToValidate, FunctionBody, Parser, Payload, ValidPayload, Validator,
    ValidatorResources, WasmFeatures,
};

/// A module that is not valid.
#[derive(Debug)]
pub(super) enum Invalid {
    /// The body of a function is not.
    Body {
        /// The place of its core module among all in a component.
        module: usize,
        /// The index of the function in that module.
        function: u32,
        error: wasmparser::Error,
    },
    /// Something else is not, which wasmtime finds before it compiles anything.
    Outside,
}

/// A function's body, with the place of its core module among all in a component.
type Body<'a> = (usize, FuncToValidate<ValidatorResources>, FunctionBody<'a>);

/// Checks a whole module, function bodies included: on all cores with `threads`, which have
/// been started then, else on this thread.
pub(super) fn validate(bytes: &[u8], features: WasmFeatures, threads: bool) -> Result<(), Invalid> {
    let mut validator = Validator::new_with_features(features);
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let (mut modules, mut bodies) = (0, Vec::new());
    for payload in parser.parse_all(bytes) {
        let payload = payload.map_err(|_| Invalid::Outside)?;
        if let Payload::Version {
            encoding: Encoding::Module,
            ..
        } = payload
        {
            modules += 1;
        }
        match validator.payload(&payload) {
            // Core modules do not nest.
            Ok(ValidPayload::Func(function, body)) => bodies.push((modules - 1, function, body)),
            Ok(_) => {}
            Err(_) => return Err(Invalid::Outside),
        }
    }
    let check = |(module, function, body): Body<'_>| {
        let index = function.index;
        let mut validator = function.into_validator(Default::default());
        let error = validator.validate(&body).err()?;
        Some(Invalid::Body {
            module,
            function: index,
            error,
        })
    };
    let invalid = match threads {
        true => bodies.into_par_iter().find_map_first(check),
        false => bodies.into_iter().find_map(check),
    };
    invalid.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_body_is_told_from_what_is_bad_elsewhere() {
        let check = |text: &str| {
            let bytes = wat::parse_str(text).expect("a module");
            validate(&bytes, WasmFeatures::all(), true)
        };
        for (text, place) in [
            ("(module (func) (func i32.add) (func i64.add))", (0, 1)),
            (
                r#"(component (component (core module (func)))
                  (core module (import "a" "b" (func)) (func) (func i32.add)))"#,
                (1, 2),
            ),
        ] {
            let Err(Invalid::Body {
                module,
                function,
                error,
            }) = check(text)
            else {
                panic!("{text}");
            };
            assert_eq!((module, function), place);
            assert!(error.message().contains("i32"), "{error}");
        }
        assert!(matches!(
            check(r#"(module (export "f" (func 1)))"#),
            Err(Invalid::Outside)
        ));
        assert!(matches!(
            validate(b"\0asm", WasmFeatures::all(), false),
            Err(Invalid::Outside)
        ));
    }
}
