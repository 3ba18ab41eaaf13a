//! Writes the outline of a module: all that its description needs, and none of its code.
//!
//! A large module takes many seconds to compile, and its outline milliseconds. Of a core
//! module the outline keeps types, imports, memories, tables, globals, tags and exports;
//! all exported functions of one type become one function, whose body is `unreachable`. Of a
//! component it keeps everything but what is left out of its core modules. Data, elements,
//! start functions and custom sections are gone. It describes the module, and is never run.

use wasm_encoder::reencode::{Error, Reencode, ReencodeComponent, component_utils, utils};
use wasm_encoder::{
    CodeSection, Component, ExportSection, Function, FunctionSection, GlobalSection, ImportSection,
    MemorySection, Module, ModuleSection, TableSection, TagSection, TypeSection,
};
use wasmparser::{Parser, Payload, TypeRef};

/// Returns the outline of a valid module, or `None` if the module has something that cannot be
/// written again.
pub(super) fn of(bytes: &[u8], is_component: bool) -> Option<Vec<u8>> {
    let mut outline = Outline::default();
    let parser = Parser::new(0);
    let written = match is_component {
        false => outline.module(parser, bytes).map(Module::finish),
        true => {
            let mut component = Component::new();
            let written = outline.parse_component(&mut component, parser, bytes);
            written.map(|()| component.finish())
        }
    };
    written.ok()
}

type Written<T> = Result<T, Error<std::convert::Infallible>>;

/// The writer of an outline.
#[derive(Default)]
struct Outline {
    /// The functions of the core module that is written now.
    functions: Option<Functions>,
}

/// The functions of a core module.
#[derive(Default)]
struct Functions {
    imported: u32,
    /// The type of each function that the module defines.
    types: Vec<u32>,
    /// The types of the functions that the outline defines: one for each that is needed.
    kept: Vec<u32>,
}

impl Functions {
    /// Returns the index of a function in the outline. Every function of its type has it.
    fn index(&mut self, function: u32) -> u32 {
        let Some(defined) = function.checked_sub(self.imported) else {
            return function;
        };
        // The module is valid, so there is one.
        let ty = self.types.get(defined as usize).copied().unwrap_or(0);
        let known = self.kept.iter().position(|known| *known == ty);
        let place = known.unwrap_or_else(|| {
            self.kept.push(ty);
            self.kept.len() - 1
        });
        self.imported + place as u32
    }

    /// Returns the sections that declare and define the functions that are kept.
    fn sections(&self) -> (FunctionSection, CodeSection) {
        let (mut declared, mut defined) = (FunctionSection::new(), CodeSection::new());
        for ty in &self.kept {
            declared.function(*ty);
            let mut body = Function::new([]);
            body.instructions().unreachable().end();
            defined.function(&body);
        }
        (declared, defined)
    }
}

impl Outline {
    fn module(&mut self, parser: Parser, bytes: &[u8]) -> Written<Module> {
        self.functions = Some(Functions::default());
        let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
        let (mut tables, mut memories) = (TableSection::new(), MemorySection::new());
        let (mut tags, mut globals) = (TagSection::new(), GlobalSection::new());
        let mut exports = ExportSection::new();
        for payload in parser.parse_all(bytes) {
            match payload? {
                Payload::TypeSection(section) => self.parse_type_section(&mut types, section)?,
                Payload::ImportSection(section) => {
                    self.count_imports(section.clone())?;
                    self.parse_import_section(&mut imports, section)?;
                }
                Payload::FunctionSection(section) => {
                    let declared = section.into_iter().collect::<Result<Vec<u32>, _>>()?;
                    self.of_module().types = declared;
                }
                Payload::TableSection(section) => self.parse_table_section(&mut tables, section)?,
                Payload::MemorySection(section) => {
                    self.parse_memory_section(&mut memories, section)?;
                }
                Payload::TagSection(section) => self.parse_tag_section(&mut tags, section)?,
                Payload::GlobalSection(section) => {
                    self.parse_global_section(&mut globals, section)?;
                }
                Payload::ExportSection(section) => {
                    self.parse_export_section(&mut exports, section)?;
                }
                _ => {}
            }
        }
        let (functions, code) = self.functions.take().unwrap_or_default().sections();
        let mut module = Module::new();
        module
            .section(&types)
            .section(&imports)
            .section(&functions)
            .section(&tables)
            .section(&memories);
        // Even an empty section of tags is an error where exceptions are off.
        if !tags.is_empty() {
            module.section(&tags);
        }
        module.section(&globals).section(&exports).section(&code);
        Ok(module)
    }

    fn of_module(&mut self) -> &mut Functions {
        self.functions.get_or_insert_default()
    }

    fn count_imports(&mut self, section: wasmparser::ImportSectionReader<'_>) -> Written<()> {
        for import in section.into_imports() {
            if let TypeRef::Func(_) | TypeRef::FuncExact(_) = import?.ty {
                self.of_module().imported += 1;
            }
        }
        Ok(())
    }
}

impl Reencode for Outline {
    type Error = std::convert::Infallible;

    /// Returns the index of a function in the outline: of a core function of a component,
    /// outside its modules, the index that it has.
    fn function_index(&mut self, function: u32) -> Written<u32> {
        Ok(match &mut self.functions {
            Some(functions) => functions.index(function),
            None => utils::function_index(self, function),
        })
    }
}

impl ReencodeComponent for Outline {
    fn parse_component_submodule(
        &mut self,
        component: &mut Component,
        parser: Parser,
        module: &[u8],
    ) -> Written<()> {
        self.push_depth();
        let module = self.module(parser, module)?;
        component.section(&ModuleSection(&module));
        self.pop_depth();
        Ok(())
    }

    fn parse_component_custom_section(
        &mut self,
        _: &mut Component,
        _: wasmparser::CustomSectionReader<'_>,
    ) -> Written<()> {
        Ok(())
    }

    fn parse_component_subcomponent(
        &mut self,
        component: &mut Component,
        parser: Parser,
        inner: &[u8],
        whole: &[u8],
    ) -> Written<()> {
        component_utils::parse_component_subcomponent(self, component, parser, inner, whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compiler::validate::validate;
    use crate::engine::describe::is_component;
    use wasmparser::WasmFeatures;

    fn outline(text: &str) -> Vec<u8> {
        let bytes = wat::parse_str(text).expect("a module");
        validate(&bytes, WasmFeatures::all(), true).expect("valid");
        let outline = of(&bytes, is_component(&bytes)).expect("an outline");
        validate(&outline, WasmFeatures::all(), true).expect("its outline is valid");
        outline
    }

    fn bodies(bytes: &[u8]) -> usize {
        let payloads = Parser::new(0).parse_all(bytes).flatten();
        payloads
            .filter(|payload| matches!(payload, Payload::CodeSectionEntry(_)))
            .count()
    }

    #[test]
    fn of_the_functions_of_a_module_one_of_each_exported_type_is_left() {
        let hidden = "(func (result i64) (i64.const 1))".repeat(1000);
        let module = format!(
            r#"(module
              (import "env" "f" (func))
              (memory (export "memory") 1) (data (i32.const 0) "text")
              (table 2 funcref) (elem (i32.const 0) $a $b)
              (global $g funcref (ref.func $b))
              {hidden}
              (func $a (export "a") (param i32) (result i32) (local.get 0))
              (func $b (export "b") (param i32) (result i32) (i32.const 1))
              (func $c (export "c") (param f64))
              (export "again" (func 0))
              (start 0))"#
        );
        let outline = outline(&module);
        assert_eq!(bodies(&outline), 2);
        assert!(outline.len() < 200, "{}", outline.len());
    }

    #[test]
    fn the_core_functions_of_a_component_are_still_found() {
        let outline = outline(
            r#"(component
              (core module $libc
                (memory (export "memory") 1)
                (func (param i32) unreachable)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8)))
              (core instance $libc (instantiate $libc))
              (core module $m
                (import "libc" "memory" (memory 1))
                (func (result i32) (i32.const 1))
                (func (export "f") (param i32 i32) (result i32) (i32.const 0)))
              (core instance $i (instantiate $m (with "libc" (instance $libc))))
              (component $inner
                (core module $m (func) (func (export "g") (result i32) (i32.const 7)))
                (core instance $i (instantiate $m))
                (func (export "g") (result u32) (canon lift (core func $i "g"))))
              (instance $inner (instantiate $inner))
              (export "g" (func $inner "g"))
              (func (export "f") (param "text" string) (result string)
                (canon lift (core func $i "f") (memory (core memory $libc "memory"))
                  (realloc (core func $libc "realloc")))))"#,
        );
        assert_eq!(bodies(&outline), 3);
    }
}
