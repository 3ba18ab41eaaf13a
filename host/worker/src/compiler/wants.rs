//! Reads a module's imports before anything is compiled: to compile a large
//! module takes many seconds, and then nobody could give it what it wants.

use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::Types;
use wasmparser::{KnownCustom, Parser, Payload, ValidPayload, Validator, WasmFeatures};

use crate::engine::imports;
use sandpool_protocol::description::is_among;

/// The tool with which componentize-py and componentize-js make their snapshots.
const SNAPSHOT_TOOL: &str = "component-init-transform";

/// So many imports are named.
const MAX_NAMED: usize = 3;

/// The names that a module imports and exports.
#[derive(Debug, Default)]
pub(super) struct Wants {
    is_component: bool,
    imports: Vec<String>,
    exports: Vec<String>,
    is_snapshot: bool,
    /// The names of the imports whose functions the pool gives.
    given: Vec<String>,
}

impl Wants {
    /// Reads them. Where the module cannot be read on, the validator will say why.
    pub(super) fn of(bytes: &[u8], given: &[String]) -> Self {
        let mut wants = Wants {
            given: given.to_vec(),
            ..Wants::default()
        };
        // The number of nested modules and components around the parser.
        let mut depth = 0usize;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload {
                Ok(Payload::Version { .. }) => depth += 1,
                Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
                Ok(payload) if depth == 1 => wants.take(payload),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        if wants.is_component && wants.cannot_be_had().is_some() {
            wants.keep_what_must_be_given(bytes);
        }
        wants
    }

    /// Leaves those imports that somebody must give: one of types alone needs nobody.
    fn keep_what_must_be_given(&mut self, bytes: &[u8]) {
        let Some(types) = types_of(bytes) else {
            // The validator will say why.
            self.imports.clear();
            return;
        };
        self.imports.retain(|name| {
            let item = types.component_item_for_import(name);
            item.is_none_or(|item| must_be_given(&types, &item.ty))
        });
    }

    fn take(&mut self, payload: Payload<'_>) {
        match payload {
            Payload::ImportSection(section) => {
                let imports = section.into_imports().flatten();
                self.imports
                    .extend(imports.map(|import| format!("{}#{}", import.module, import.name)));
            }
            Payload::ComponentImportSection(section) => {
                self.is_component = true;
                let imports = section.into_iter().flatten();
                self.imports
                    .extend(imports.map(|import| import.name.name.to_owned()));
            }
            Payload::ComponentExportSection(section) => {
                self.is_component = true;
                let exports = section.into_iter().flatten();
                self.exports
                    .extend(exports.map(|export| export.name.name.to_owned()));
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Producers(fields) = section.as_known() {
                    let tools = fields.into_iter().flatten();
                    let mut tools = tools.flat_map(|field| field.values.into_iter().flatten());
                    self.is_snapshot |= tools.any(|tool| tool.name == SNAPSHOT_TOOL);
                }
            }
            _ => {}
        }
    }

    /// Returns whether it is a snapshot of an interpreter with its program loaded: what
    /// componentize-py and componentize-js make.
    pub(super) fn is_snapshot(&self) -> bool {
        self.is_snapshot
    }

    /// Why the module cannot run here, whatever is in it, if that is so.
    pub(super) fn cannot_be_had(&self) -> Option<String> {
        let all = || self.imports.iter().chain(&self.exports);
        if let Some(name) = all().find(|name| is_of_wasi_0_3(name)) {
            return Some(format!(
                "it is built for WASI 0.3 (`{name}`), which sandpool does not have; build it for \
                 WASI 0.2 (target `wasm32-wasip2` for Rust)"
            ));
        }
        if self.imports.iter().any(|name| is_preview_0(name)) {
            return Some(
                "it is built for WASI preview 0 (`wasi_unstable`), which sandpool does not have; \
                 build it for preview 1 or WASI 0.2 (target `wasm32-wasip1` or `wasm32-wasip2` \
                 for Rust)"
                    .into(),
            );
        }
        if let Some(name) = all().find(|name| is_draft_of_wasi_0_2(name)) {
            return Some(format!(
                "it is built for a draft of WASI 0.2 (`{name}`), which sandpool does not have; \
                 build it with a current toolchain (target `wasm32-wasip2` for Rust)"
            ));
        }
        let given = match self.is_component {
            true => imports::is_given_to_component,
            false => imports::is_given_to_core,
        };
        let given = |name: &str| given(name) || is_among(name, &self.given);
        let missing: Vec<_> = self.imports.iter().filter(|name| !given(name)).collect();
        if missing.is_empty() {
            return None;
        }
        let named = missing
            .iter()
            .take(MAX_NAMED)
            .map(|name| format!("`{name}`"));
        let named = named.collect::<Vec<_>>().join(", ");
        let more = match missing.len().saturating_sub(MAX_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "it imports functions that sandpool does not provide: {named}{more}"
        ))
    }
}

/// The types of a module, without a look at its code.
fn types_of(bytes: &[u8]) -> Option<Types> {
    let features = WasmFeatures::all();
    let mut validator = Validator::new_with_features(features);
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut outermost = None;
    for payload in parser.parse_all(bytes) {
        if let ValidPayload::End(types) = validator.payload(&payload.ok()?).ok()? {
            outermost = Some(types);
        }
    }
    outermost
}

fn must_be_given(types: &Types, ty: &ComponentEntityType) -> bool {
    match ty {
        ComponentEntityType::Type { .. } => false,
        ComponentEntityType::Instance(instance) => types[*instance]
            .exports
            .values()
            .any(|item| must_be_given(types, &item.ty)),
        _ => true,
    }
}

fn version(name: &str) -> Option<&str> {
    let wasi = name.strip_prefix("wasi:")?;
    Some(wasi.split_once('@')?.1)
}

fn is_of_wasi_0_3(name: &str) -> bool {
    version(name).is_some_and(|version| version.starts_with("0.3."))
}

fn is_draft_of_wasi_0_2(name: &str) -> bool {
    version(name).is_some_and(|version| version.starts_with("0.2.") && version.contains('-'))
}

fn is_preview_0(name: &str) -> bool {
    name.starts_with("wasi_unstable#")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cannot(text: &str) -> Option<String> {
        Wants::of(&wat::parse_str(text).expect("a module"), &[]).cannot_be_had()
    }

    #[test]
    fn what_can_be_had_is_told_from_what_cannot() {
        let can = [
            "(module)",
            r#"(module (import "wasi_snapshot_preview1" "fd_write" (func)))"#,
            r#"(component (import "wasi:io/poll@0.2.3" (instance)))"#,
            r#"(component (import "sandpool:task/log@0.1.0" (instance)))"#,
            // Types alone need nobody who gives them.
            r#"(component (import "wasi:http/types@0.2.0" (instance
              (type $m (enum "get" "put")) (export "method" (type (eq $m))))))"#,
            r#"(component (type $r (record (field "index" u64)))
              (import "identity" (type (eq $r))))"#,
            // Its own affair.
            r#"(component (core module (import "env" "f" (func))))"#,
            r#"(component (component (import "wasi:http/types@0.2.0" (instance))))"#,
        ];
        for text in can {
            assert_eq!(cannot(text), None, "{text}");
        }
        let cannot_be_had = [
            (
                r#"(module (import "env" "f" (func)) (import "env" "g" (func)))"#,
                "it imports functions that sandpool does not provide: `env#f`, `env#g`",
            ),
            (
                r#"(component (import "wasi:http/types@0.2.0" (instance (export "f" (func)))))"#,
                "`wasi:http/types@0.2.0`",
            ),
            (
                r#"(component (import "sandpool:task/log@0.9.0" (instance (export "f" (func)))))"#,
                "`sandpool:task/log@0.9.0`",
            ),
            (r#"(component (import "run" (func)))"#, "`run`"),
            (
                r#"(component (import "wasi:cli/stdin@0.3.0" (instance (export "f" (func)))))"#,
                "built for WASI 0.3 (`wasi:cli/stdin@0.3.0`)",
            ),
            (
                r#"(component
                  (import "wasi:io/poll@0.2.0-rc-2023-11-10" (instance (export "f" (func)))))"#,
                "a draft of WASI 0.2",
            ),
            (
                r#"(module (import "wasi_unstable" "fd_write" (func)))"#,
                "built for WASI preview 0",
            ),
        ];
        for (text, why) in cannot_be_had {
            let said = cannot(text).unwrap_or_default();
            assert!(said.contains(why), "{text}: {said}");
        }
    }

    #[test]
    fn a_snapshot_of_an_interpreter_is_known_by_the_tool_that_made_it() {
        let made_by = |tool: &str| {
            let text = format!(
                r#"(component (@custom "producers" "\01\0cprocessed-by\01\{:02x}{tool}\050.2.0"))"#,
                tool.len()
            );
            Wants::of(&wat::parse_str(text).expect("a component"), &[]).is_snapshot()
        };
        assert!(made_by("component-init-transform"));
        assert!(!made_by("wit-component"));
    }

    #[test]
    fn of_many_imports_a_few_are_named() {
        let imports: String = (0..100)
            .map(|n| format!(r#"(import "env" "f{n}" (func))"#))
            .collect();
        let said = cannot(&format!("(module {imports})")).expect("why");
        assert!(
            said.ends_with("`env#f0`, `env#f1`, `env#f2` and 97 more"),
            "{said}"
        );
    }

    #[test]
    fn what_cannot_be_read_is_left_to_the_validator() {
        for bytes in [
            &b""[..],
            b"\0asm",
            b"\0asm\x01\0\0\0\x02\xff\xff\xff\xff\x0f",
        ] {
            assert_eq!(Wants::of(bytes, &[]).cannot_be_had(), None);
        }
    }
}
