//! Instruments a module for a snapshot, or says in words for its author why none can be
//! taken.

use wasmparser::{Encoding, Parser, Payload, TypeRef};
use wasmtime_wizer::Wizer;

use crate::engine::describe::{STATE, is_component};

/// Returns the instrumented form of a module: with exports by which the state of an
/// instance can be read.
///
/// # Errors
///
/// Returns the reason, in one line, why no snapshot can be taken of the module.
pub fn instrument(wasm: &[u8]) -> Result<Vec<u8>, String> {
    let no_snapshot = |why: String| format!("no snapshot can be taken of it: {why}");
    if let Some(why) = refusal(wasm) {
        return Err(no_snapshot(why));
    }
    let instrumented = match is_component(wasm) {
        true => wizer().instrument_component(wasm).map(|(_, wasm)| wasm),
        false => wizer().instrument(wasm).map(|(_, wasm)| wasm),
    };
    instrumented.map_err(|error| no_snapshot(explain(&error)))
}

/// Returns wizer with our settings. The function that was run stays an export, so a snapshot
/// exports what its original does.
pub(super) fn wizer() -> Wizer {
    let mut wizer = Wizer::new();
    wizer.keep_init_func(true);
    wizer
}

/// A module, or a component, while it is read.
#[derive(Default)]
struct Reading {
    is_core: bool,
    exports: bool,
    /// `true` if it defines a memory or a global that changes.
    has_state: bool,
}

/// Returns the reason why no snapshot can be taken of a module, if it is one that wizer
/// takes for granted that no module gives. Where the module cannot be read, wizer's
/// validator will say why.
fn refusal(wasm: &[u8]) -> Option<String> {
    let mut open: Vec<Reading> = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.ok()?;
        let in_component = open.len() > 1;
        match payload {
            Payload::Version { encoding, .. } => open.push(Reading {
                is_core: encoding == Encoding::Module,
                ..Reading::default()
            }),
            Payload::End(_) => {
                let read = open.pop()?;
                if in_component && read.is_core && read.has_state && !read.exports {
                    return Some("a core module in it has state and exports nothing".into());
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    if let TypeRef::Tag(_) | TypeRef::FuncExact(_) = import.ok()?.ty {
                        return Some("it imports an exception's tag".into());
                    }
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    if memory.ok()?.memory64 && in_component {
                        return Some(
                            "it has a 64-bit memory, which can be read in core modules alone"
                                .into(),
                        );
                    }
                    open.last_mut()?.has_state = true;
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    open.last_mut()?.has_state |= global.ok()?.ty.mutable;
                }
            }
            Payload::ExportSection(_) => open.last_mut()?.exports = true,
            Payload::ComponentExportSection(section) => {
                for export in section {
                    if export.ok()?.name.name == STATE {
                        return Some(format!("it exports `{STATE}` already"));
                    }
                }
            }
            _ => {}
        }
    }
    None
}

/// Returns wizer's complaint about a module, with the reason.
fn explain(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}");
    let used = text.split_once("unsupported `").map(|(_, rest)| rest);
    let used = used.and_then(|rest| rest.split_once("` instruction"));
    match used.map(|(instruction, _)| instruction) {
        Some(used) if used.starts_with("table.") => {
            format!("it uses `{used}`, and a snapshot cannot keep the contents of a table")
        }
        Some(used) if used.ends_with(".drop") => {
            format!("it uses `{used}`, and a snapshot cannot keep which segments were dropped")
        }
        Some(used) => {
            format!("it uses `{used}`, and a snapshot cannot keep objects that are collected")
        }
        None if text.contains("global containing a reference") => {
            "it has a global that is a reference, and a snapshot cannot keep one".into()
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> String {
        let wasm = wat::parse_str(text).expect("a module");
        let why = instrument(&wasm).expect_err("refused");
        let why = why.strip_prefix("no snapshot can be taken of it: ");
        why.expect("it says what cannot be done").to_owned()
    }

    #[test]
    fn each_state_that_a_snapshot_cannot_keep_is_named_with_the_reason() {
        let table = "and a snapshot cannot keep the contents of a table";
        let segments = "and a snapshot cannot keep which segments were dropped";
        for (body, said) in [
            (
                "(table.set (i32.const 0) (ref.null func))",
                format!("it uses `table.set`, {table}"),
            ),
            (
                "(drop (table.grow (ref.null func) (i32.const 1)))",
                format!("it uses `table.grow`, {table}"),
            ),
            (
                "(table.copy (i32.const 0) (i32.const 0) (i32.const 0))",
                format!("it uses `table.copy`, {table}"),
            ),
            (
                "(table.init 0 (i32.const 0) (i32.const 0) (i32.const 0))",
                format!("it uses `table.init`, {table}"),
            ),
            (
                "(table.fill (i32.const 0) (ref.null func) (i32.const 0))",
                format!("it uses `table.fill`, {table}"),
            ),
            ("(elem.drop 0)", format!("it uses `elem.drop`, {segments}")),
            ("(data.drop 0)", format!("it uses `data.drop`, {segments}")),
        ] {
            let module = format!(
                r#"(module (table 1 funcref) (memory 1) (elem funcref) (data "x")
                   (func (export "init") {body}))"#
            );
            assert_eq!(why(&module), said, "{body}");
            let component = format!("(component (core {}", &module[1..]) + ")";
            assert_eq!(why(&component), said, "{body} in a component");
        }
    }

    #[test]
    fn state_that_nobody_can_read_is_refused() {
        for (text, said) in [
            (
                r#"(module (global (mut funcref) (ref.null func)) (func (export "init")))"#,
                "it has a global that is a reference, and a snapshot cannot keep one",
            ),
            (
                r#"(module (import "env" "m" (memory 1)) (func (export "init")))"#,
                "imported memories are not supported",
            ),
            (
                r#"(module (import "env" "t" (tag)) (func (export "init")))"#,
                "it imports an exception's tag",
            ),
            (
                "(component (core module (memory 1)))",
                "a core module in it has state and exports nothing",
            ),
            (
                r#"(component (core module (memory (export "m") i64 1)))"#,
                "it has a 64-bit memory, which can be read in core modules alone",
            ),
            (
                r#"(component (instance $i) (export "wasmtime:wizer/access" (instance $i)))"#,
                "it exports `wasmtime:wizer/access` already",
            ),
        ] {
            assert_eq!(why(text), said, "{text}");
        }
    }

    #[test]
    fn an_instrumented_module_exports_its_memory_and_its_mutable_globals() {
        let text = r#"(module (memory 1) (global (mut i32) (i32.const 1))
            (global i32 (i32.const 1)) (func (export "init")))"#;
        let wasm = wat::parse_str(text).expect("a module");
        let instrumented = instrument(&wasm).expect("instrumented");
        let has = |name: &str| {
            instrumented
                .windows(name.len())
                .any(|at| at == name.as_bytes())
        };
        assert!(has("__wizer_memory_0") && has("__wizer_global_0"));
        assert!(!has("__wizer_global_1"), "it never changes");
    }
}
