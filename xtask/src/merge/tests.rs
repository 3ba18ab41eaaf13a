use wasmparser::{ElementKind, Operator, Validator};

use super::core::CoreModule;
use super::linked::Linked;
use super::merge;

/// A library, the module that owns its memory and its table, and a module that only uses the
/// memory.
const LINKED: &str = r#"
(component
    (import "double" (func $double (param "x" u32) (result u32)))
    (core module $main
        (memory (export "memory") 1)
        (table (export "table") 4 funcref)
        (global (export "memory-base") i32 (i32.const 16))
        (global (export "table-base") i32 (i32.const 1))
        (global (export "stack") (mut i32) (i32.const 1024))
        (global (export "address") (mut i32) (i32.const 40)))
    (core instance $main (instantiate $main))
    (core func $lowered (canon lower (func $double)))
    (core module $user
        (import "main" "memory" (memory 1))
        (func (export "first") (result i32) (i32.load (i32.const 0))))
    (core instance $user (instantiate $user (with "main" (instance $main))))
    (core module $library
        (@custom "dylink.0" "")
        (import "env" "memory" (memory 1))
        (import "env" "table" (table 0 funcref))
        (import "env" "memory-base" (global $memory-base i32))
        (import "env" "table-base" (global $table-base i32))
        (import "env" "stack" (global $stack (mut i32)))
        (import "addresses" "address" (global $address (mut i32)))
        (import "host" "double" (func $double (param i32) (result i32)))
        (global $inner i32 (i32.add (global.get $memory-base) (i32.const 4)))
        (func (export "run") (param i32) (result i32)
            (global.set $stack (i32.sub (global.get $stack) (i32.const 16)))
            (call $double (i32.add (global.get $inner) (global.get $address))))
        (elem (global.get $table-base) func $double))
    (core instance $library (instantiate $library
        (with "env" (instance $main))
        (with "addresses" (instance (export "address" (global $main "address"))))
        (with "host" (instance (export "double" (func $lowered))))))
    (func (export "run") (param "x" u32) (result u32)
        (canon lift (core func $library "run")))
    (func (export "first") (result u32)
        (canon lift (core func $user "first"))))
"#;

fn merged() -> Vec<u8> {
    let linked = wat::parse_str(LINKED).expect("valid text");
    let merged = merge(&linked).expect("there is a library");
    Validator::new().validate_all(&merged).expect("valid");
    merged
}

#[test]
fn a_library_and_the_owner_of_its_table_become_one_module() {
    let merged = merged();
    let parts = Linked::parse(&merged).expect("a component");
    let imports = parts.modules.iter().map(|module| {
        let module = CoreModule::parse(module).expect("a module");
        let imports = module.imports.iter().map(|(from, name, _)| (*from, *name));
        imports.collect::<Vec<_>>()
    });
    assert_eq!(
        imports.collect::<Vec<_>>(),
        [vec![("host", "0")], vec![("main", "memory")]]
    );
}

#[test]
fn globals_that_nobody_writes_are_constants_and_others_stay() {
    let merged = merged();
    let parts = Linked::parse(&merged).expect("a component");
    let module = CoreModule::parse(parts.modules[0]).expect("a module");
    let mut constants = Vec::new();
    let mut globals = 0;
    for body in module.code.expect("code") {
        for operator in body
            .and_then(|body| body.get_operators_reader())
            .expect("a body")
        {
            match operator.expect("an operator") {
                Operator::I32Const { value } => constants.push(value),
                Operator::GlobalGet { .. } => globals += 1,
                _ => {}
            }
        }
    }
    assert_eq!(constants, [16, 20, 40]);
    assert_eq!(globals, 1);
}

#[test]
fn the_table_is_filled_at_constant_offsets() {
    let merged = merged();
    let parts = Linked::parse(&merged).expect("a component");
    let module = CoreModule::parse(parts.modules[0]).expect("a module");
    for element in module.elements.expect("elements") {
        let ElementKind::Active { offset_expr, .. } = element.expect("an element").kind else {
            panic!("a segment that fills no table");
        };
        let first = offset_expr
            .get_operators_reader()
            .read()
            .expect("an offset");
        assert!(matches!(first, Operator::I32Const { value: 1 }));
    }
}

#[test]
fn a_component_without_libraries_is_an_error() {
    let plain = wat::parse_str("(component (core module))").expect("valid text");
    let error = merge(&plain).expect_err("nothing to merge");
    assert_eq!(error.to_string(), "it has no libraries that share a table");
}
