//! Reads a module's imports before anything is compiled: to compile a large
//! module takes many seconds, and then nobody could give it what it wants.

use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::Types;
use wasmparser::{
    CompositeInnerType, KnownCustom, Parser, Payload, SubType, TypeRef, ValType, ValidPayload,
    Validator, WasmFeatures,
};

use crate::engine::imports;
use sandpool_protocol::description::{Import, ImportKind};
use sandpool_protocol::imports::{Links, built_for_another_wasi};

/// The tool with which componentize-py and componentize-js make their snapshots.
const SNAPSHOT_TOOL: &str = "component-init-transform";

/// The imports of a module, and the names of its exports.
#[derive(Debug, Default)]
pub(super) struct Wants {
    is_component: bool,
    /// In the module's order, without their functions.
    imports: Vec<Import>,
    exports: Vec<String>,
    is_snapshot: bool,
    /// For each type of a core module, `true` if it is that of AssemblyScript's `abort`.
    aborts: Vec<bool>,
}

impl Wants {
    /// Reads the imports and exports of a module. Where it cannot be read on, the validator
    /// will say why.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut wants = Wants::default();
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
        let is_unknown = |import: &Import| import.kind == ImportKind::Functions;
        if wants.is_component && wants.imports.iter().any(is_unknown) {
            wants.look_at_types(bytes);
        }
        wants
    }

    /// Finds out what unknown imports of a component are made of: one of types alone needs
    /// nobody who gives it.
    fn look_at_types(&mut self, bytes: &[u8]) {
        let Some(types) = types_of(bytes) else {
            // The validator will say why.
            self.imports.clear();
            return;
        };
        for import in &mut self.imports {
            if import.kind == ImportKind::Functions
                && let Some(item) = types.component_item_for_import(&import.name)
            {
                import.kind = kind_of(&types, &item.ty);
            }
        }
    }

    fn take(&mut self, payload: Payload<'_>) {
        match payload {
            Payload::TypeSection(section) => {
                let types = section.into_iter().flatten();
                let types = types.flat_map(|group| group.into_types());
                self.aborts.extend(types.map(|ty| is_abort(&ty)));
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports().flatten() {
                    let name = format!("{}#{}", import.module, import.name);
                    let kind = self.kind_of_core(&name, import.ty);
                    self.push(name, kind);
                }
            }
            Payload::ComponentImportSection(section) => {
                self.is_component = true;
                for import in section.into_iter().flatten() {
                    let name = import.name.name;
                    let kind = imports::known_to_component(name);
                    self.push(name.to_owned(), kind.unwrap_or(ImportKind::Functions));
                }
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

    fn push(&mut self, name: String, kind: ImportKind) {
        self.imports.push(Import {
            name,
            kind,
            granted_by: None,
            functions: Vec::new(),
        });
    }

    fn kind_of_core(&self, name: &str, ty: TypeRef) -> ImportKind {
        let other = |kind: &str| ImportKind::Other(kind.to_owned());
        match ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                let is_abort = self.aborts.get(ty as usize).copied();
                match imports::is_provided_to_core(name, is_abort.unwrap_or(false)) {
                    true => ImportKind::Provided,
                    false => ImportKind::Functions,
                }
            }
            TypeRef::Table(_) => other("table"),
            TypeRef::Memory(_) => other("memory"),
            TypeRef::Global(_) => other("global"),
            TypeRef::Tag(_) => other("tag"),
        }
    }

    /// Returns `true` if the module is a snapshot of an interpreter with its program loaded, as
    /// componentize-py and componentize-js make it.
    pub(super) fn is_snapshot(&self) -> bool {
        self.is_snapshot
    }

    /// Returns the imports in the module's order. Their functions are not read here.
    pub(super) fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// Returns the reason why the module cannot run here, whatever is in it, if that is so.
    pub(super) fn cannot_be_had(&self, links: &Links) -> Option<String> {
        let refused = links.refusal(&self.imports);
        refused.or_else(|| self.is_for_another_wasi())
    }

    /// Returns the reason why the module cannot run here, whatever the host gives: what it
    /// exports is of another WASI.
    pub(super) fn is_for_another_wasi(&self) -> Option<String> {
        built_for_another_wasi(self.exports.iter().map(String::as_str))
    }
}

/// Returns `true` for the type of AssemblyScript's `abort`.
fn is_abort(ty: &SubType) -> bool {
    match &ty.composite_type.inner {
        CompositeInnerType::Func(func) => {
            func.params() == [ValType::I32; 4] && func.results().is_empty()
        }
        _ => false,
    }
}

/// Returns the types of a module, without a look at its code.
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

/// Returns the kind of an unknown import of a component by its type.
fn kind_of(types: &Types, ty: &ComponentEntityType) -> ImportKind {
    let other = |kind: &str| ImportKind::Other(kind.to_owned());
    match ty {
        ComponentEntityType::Type { .. } => ImportKind::Types,
        ComponentEntityType::Func(_) => ImportKind::Functions,
        ComponentEntityType::Module(_) => other("module"),
        ComponentEntityType::Component(_) => other("component"),
        ComponentEntityType::Value(_) => other("value"),
        ComponentEntityType::Instance(instance) => {
            let exports = types[*instance].exports.values();
            let kinds: Vec<_> = exports.map(|item| kind_of(types, &item.ty)).collect();
            let is_other = |kind: &&ImportKind| matches!(kind, ImportKind::Other(_));
            match kinds.iter().find(is_other) {
                Some(other) => other.clone(),
                None if kinds.contains(&ImportKind::Functions) => ImportKind::Functions,
                None => ImportKind::Types,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cannot(text: &str) -> Option<String> {
        let wants = Wants::of(&wat::parse_str(text).expect("a module"));
        wants.cannot_be_had(&Links::default())
    }

    #[test]
    fn what_can_be_had_is_told_from_what_cannot() {
        let can = [
            "(module)",
            r#"(module (import "wasi_snapshot_preview1" "fd_write" (func)))"#,
            r#"(component (import "wasi:io/poll@0.2.3" (instance)))"#,
            r#"(component (import "sandpool:task/log@0.1.0" (instance)))"#,
            // Types alone need nobody who gives them.
            r#"(component (import "acme:http/types@0.2.0" (instance
              (type $m (enum "get" "put")) (export "method" (type (eq $m))))))"#,
            // A function that was not granted is refused when it is called.
            r#"(component (import "wasi:http/types@0.2.0" (instance (export "f" (func)))))"#,
            r#"(component (type $r (record (field "index" u64)))
              (import "identity" (type (eq $r))))"#,
            // Its own affair.
            r#"(component (core module (import "env" "f" (func))))"#,
            r#"(component (component (import "acme:http/types@0.2.0" (instance))))"#,
            // AssemblyScript's own.
            r#"(module (import "env" "abort" (func (param i32 i32 i32 i32))))"#,
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
                r#"(component (import "acme:http/types@0.2.0" (instance (export "f" (func)))))"#,
                "`acme:http/types@0.2.0`",
            ),
            (
                r#"(module (import "env" "abort" (func)))"#,
                "it imports functions that sandpool does not provide: `env#abort`",
            ),
            (
                r#"(module (import "wasi_snapshot_preview1" "fd_paint" (func)))"#,
                "`wasi_snapshot_preview1#fd_paint`",
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
            Wants::of(&wat::parse_str(text).expect("a component")).is_snapshot()
        };
        assert!(made_by("component-init-transform"));
        assert!(!made_by("wit-component"));
    }

    #[test]
    fn the_kind_of_each_import_is_read() {
        let kinds = |text: &str| {
            let wants = Wants::of(&wat::parse_str(text).expect("a module"));
            let kinds: Vec<_> = wants.imports.into_iter().map(|it| it.kind).collect();
            kinds
        };
        let other = |kind: &str| ImportKind::Other(kind.into());
        assert_eq!(
            kinds(
                r#"(module (import "env" "f" (func)) (import "env" "m" (memory 1))
                  (import "env" "t" (table 1 funcref)) (import "env" "g" (global i32))
                  (import "env" "e" (tag)) (import "wasi_snapshot_preview1" "fd_write" (func)))"#
            ),
            [
                ImportKind::Functions,
                other("memory"),
                other("table"),
                other("global"),
                other("tag"),
                ImportKind::Provided,
            ]
        );
        assert_eq!(
            kinds(
                r#"(component (import "a" (func)) (import "b" (core module))
                  (import "c" (component)) (import "d" (instance (export "f" (func))))
                  (import "e" (instance (export "r" (type (sub resource)))))
                  (import "f" (instance (export "f" (func)) (export "m" (core module))))
                  (import "wasi:keyvalue/store@0.2.0-draft" (instance (export "f" (func))))
                  (import "wasi:sockets/tcp@0.2.0" (instance))
                  (import "wasi:io/poll@0.2.0" (instance)))"#
            ),
            [
                ImportKind::Functions,
                other("module"),
                other("component"),
                ImportKind::Functions,
                ImportKind::Types,
                other("module"),
                ImportKind::Withheld,
                ImportKind::Withheld,
                ImportKind::Provided,
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_left_to_the_validator() {
        for bytes in [
            &b""[..],
            b"\0asm",
            b"\0asm\x01\0\0\0\x02\xff\xff\xff\xff\x0f",
        ] {
            assert_eq!(Wants::of(bytes).cannot_be_had(&Links::default()), None);
        }
    }
}
