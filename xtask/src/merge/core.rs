//! Makes one core module of several that share a memory and a table.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result, bail, ensure};
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, EntityType,
    ExportSection, FunctionSection, GlobalSection, ImportSection, Instruction, MemorySection,
    Module, NameMap, NameSection, TableSection, TypeSection,
};
use wasmparser::{
    CodeSectionReader, CompositeInnerType, DataSectionReader, ElementSectionReader, ExternalKind,
    FuncType, Global, KnownCustom, MemoryType, Name, Operator, Parser, Payload, Table, TypeRef,
};

use super::linked::Kind;

/// The module of all imports of a merged module.
pub const HOST: &str = "host";

/// A core module, read.
#[derive(Default)]
pub struct CoreModule<'a> {
    types: Vec<FuncType>,
    pub imports: Vec<(&'a str, &'a str, TypeRef)>,
    functions: Vec<u32>,
    tables: Vec<Table<'a>>,
    memories: Vec<MemoryType>,
    globals: Vec<Global<'a>>,
    exports: HashMap<&'a str, (ExternalKind, u32)>,
    pub elements: Option<ElementSectionReader<'a>>,
    pub code: Option<CodeSectionReader<'a>>,
    data: Option<DataSectionReader<'a>>,
    counts_data: bool,
    function_names: Vec<(u32, &'a str)>,
    /// True for a shared library.
    pub is_library: bool,
}

impl<'a> CoreModule<'a> {
    pub fn parse(module: &'a [u8]) -> Result<Self> {
        let mut read = CoreModule::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        for ty in group?.into_types() {
                            let CompositeInnerType::Func(ty) = ty.composite_type.inner else {
                                bail!("a module with types other than functions is not merged");
                            };
                            read.types.push(ty);
                        }
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        read.imports.push((import.module, import.name, import.ty));
                    }
                }
                Payload::FunctionSection(section) => {
                    read.functions = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::TableSection(section) => {
                    read.tables = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::MemorySection(section) => {
                    read.memories = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::GlobalSection(section) => {
                    read.globals = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        read.exports
                            .insert(export.name, (export.kind, export.index));
                    }
                }
                Payload::ElementSection(section) => read.elements = Some(section),
                Payload::DataSection(section) => read.data = Some(section),
                Payload::DataCountSection { .. } => read.counts_data = true,
                Payload::CodeSectionStart {
                    unchecked_range: range,
                    ..
                } => {
                    let range = usize::try_from(range.start)?..usize::try_from(range.end)?;
                    let bytes = wasmparser::BinaryReader::new(&module[range], 0);
                    read.code = Some(CodeSectionReader::new(bytes)?);
                }
                Payload::CustomSection(section) => match section.as_known() {
                    KnownCustom::Dylink0(_) => read.is_library = true,
                    KnownCustom::Name(names) => {
                        for name in names {
                            if let Name::Function(names) = name? {
                                for name in names {
                                    let name = name?;
                                    read.function_names.push((name.index, name.name));
                                }
                            }
                        }
                    }
                    _ => {}
                },
                Payload::StartSection { .. } | Payload::TagSection(_) => {
                    bail!("a module with a start function or tags is not merged")
                }
                _ => {}
            }
        }
        Ok(read)
    }

    fn imported(&self, kind: Kind) -> usize {
        self.imports
            .iter()
            .filter(|(_, _, ty)| Kind::of_import(ty).is_ok_and(|of| of == kind))
            .count()
    }
}

/// The source of an import of one of the modules.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// An export of another of the modules, by the module's position.
    Inside(usize, &'a str),
    /// A function from outside, by its number: equal functions have equal numbers.
    Outside(u32),
}

/// A module, and the sources of its imports.
pub struct Part<'a> {
    pub module: CoreModule<'a>,
    pub sources: Vec<Source<'a>>,
}

/// An item of the merged module as one of its modules defines it.
#[derive(Clone, Copy)]
enum Definition {
    Inside { part: usize, index: usize },
    Outside(u32),
}

/// The modules to merge, in the order in which they were instantiated.
pub struct Merger<'a> {
    parts: Vec<Part<'a>>,
    outside: u32,
    /// For each kind, the index in the merged module of the first item that a part defines.
    first: HashMap<(Kind, usize), u32>,
    types: Types,
    /// The indices in the merged module of the globals that code writes to.
    written: HashSet<u32>,
}

impl<'a> Merger<'a> {
    /// Takes the modules, and the count of functions from outside.
    pub fn new(parts: Vec<Part<'a>>, outside: u32) -> Result<Self> {
        let mut first = HashMap::new();
        for kind in Kind::ALL {
            let mut next = if kind == Kind::Function { outside } else { 0 };
            for (number, part) in parts.iter().enumerate() {
                first.insert((kind, number), next);
                next += u32::try_from(match kind {
                    Kind::Function => part.module.functions.len(),
                    Kind::Table => part.module.tables.len(),
                    Kind::Memory => part.module.memories.len(),
                    Kind::Global => part.module.globals.len(),
                })?;
            }
        }
        let mut merger = Merger {
            parts,
            outside,
            first,
            types: Types::default(),
            written: HashSet::new(),
        };
        merger.written = merger.written_globals()?;
        Ok(merger)
    }

    /// Finds what an index of a part means.
    fn definition(&self, part: usize, kind: Kind, index: u32) -> Result<Definition> {
        let module = &self.parts[part].module;
        let imported = module.imported(kind);
        let index = index as usize;
        if index >= imported {
            return Ok(Definition::Inside {
                part,
                index: index - imported,
            });
        }
        let (at, _) = module
            .imports
            .iter()
            .enumerate()
            .filter(|(_, (_, _, ty))| Kind::of_import(ty).is_ok_and(|of| of == kind))
            .nth(index)
            .context("an import that is not there")?;
        match self.parts[part].sources[at] {
            Source::Inside(other, name) => self.exported(other, name).map(|(_, found)| found),
            Source::Outside(number) => {
                ensure!(kind == Kind::Function, "only functions come from outside");
                Ok(Definition::Outside(number))
            }
        }
    }

    fn exported(&self, part: usize, name: &str) -> Result<(Kind, Definition)> {
        let export = self.parts[part].module.exports.get(name);
        let (kind, index) = export.with_context(|| format!("no export `{name}`"))?;
        let kind = Kind::of_export(*kind)?;
        Ok((kind, self.definition(part, kind, *index)?))
    }

    /// Returns the index in the merged module.
    fn index(&self, kind: Kind, definition: Definition) -> Result<u32> {
        Ok(match definition {
            Definition::Inside { part, index } => self.first[&(kind, part)] + u32::try_from(index)?,
            Definition::Outside(number) => number,
        })
    }

    fn written_globals(&self) -> Result<HashSet<u32>> {
        let mut written = HashSet::new();
        for (number, part) in self.parts.iter().enumerate() {
            let mut of_part = HashSet::new();
            for body in part.module.code.clone().into_iter().flatten() {
                for operator in body?.get_operators_reader()? {
                    if let Operator::GlobalSet { global_index } = operator? {
                        of_part.insert(global_index);
                    }
                }
            }
            for index in of_part {
                let definition = self.definition(number, Kind::Global, index)?;
                written.insert(self.index(Kind::Global, definition)?);
            }
        }
        Ok(written)
    }

    /// Returns the merged module. `exports` are its names, each with the part and its export
    /// that has the name there.
    pub fn merge(mut self, exports: &[(String, usize, &str)]) -> Result<Vec<u8>> {
        let mut module = Module::new();
        let (functions, imports) = self.functions_and_imports()?;
        let mut types = TypeSection::new();
        for ty in &self.types.list {
            types.ty().func_type(
                &reencode::RoundtripReencoder
                    .func_type(ty.clone())
                    .map_err(read)?,
            );
        }
        module.section(&types).section(&imports).section(&functions);
        let translators = self.translators()?;
        self.define(&mut module, &translators)?;
        let mut section = ExportSection::new();
        for (name, part, original) in exports {
            let (kind, definition) = self.exported(*part, original)?;
            ensure!(kind != Kind::Global, "`{original}` is used from outside");
            section.export(name, kind.encoded(), self.index(kind, definition)?);
        }
        module.section(&section);
        self.fill(&mut module, translators)?;
        module.section(&self.names()?);
        Ok(module.finish())
    }

    fn functions_and_imports(&mut self) -> Result<(FunctionSection, ImportSection)> {
        let mut functions = FunctionSection::new();
        let mut of_imports = vec![None; self.outside as usize];
        for part in &self.parts {
            let imports = part.module.imports.iter().zip(&part.sources);
            for ((_, name, ty), source) in imports {
                if let (TypeRef::Func(ty), Source::Outside(number)) = (ty, source) {
                    let ty = self.types.add(&part.module.types[*ty as usize]);
                    let known = of_imports[*number as usize].get_or_insert(ty);
                    ensure!(*known == ty, "`{name}` is imported with two types");
                }
            }
            for ty in &part.module.functions {
                functions.function(self.types.add(&part.module.types[*ty as usize]));
            }
        }
        // Types that only `call_indirect` names.
        for part in &self.parts {
            for ty in &part.module.types {
                self.types.add(ty);
            }
        }
        let mut imports = ImportSection::new();
        for (number, ty) in of_imports.into_iter().enumerate() {
            let ty = ty.context("a function from outside that nobody imports")?;
            imports.import(HOST, &number.to_string(), EntityType::Function(ty));
        }
        Ok((functions, imports))
    }

    fn translators(&self) -> Result<Vec<Translator>> {
        let mut element = 0;
        let mut data = 0;
        let mut translators = Vec::new();
        for (number, part) in self.parts.iter().enumerate() {
            let module = &part.module;
            let map = |kind, defined: usize| -> Result<Vec<u32>> {
                let count = module.imported(kind) + defined;
                (0..u32::try_from(count)?)
                    .map(|index| self.index(kind, self.definition(number, kind, index)?))
                    .collect()
            };
            let types = module.types.iter().map(|ty| self.types.index[ty]);
            translators.push(Translator {
                types: types.collect(),
                functions: map(Kind::Function, module.functions.len())?,
                tables: map(Kind::Table, module.tables.len())?,
                memories: map(Kind::Memory, module.memories.len())?,
                globals: map(Kind::Global, module.globals.len())?,
                first_element: element,
                first_data: data,
                constants: HashMap::new(),
                initial: HashMap::new(),
                in_constant: false,
            });
            element += module
                .elements
                .as_ref()
                .map_or(0, |section| section.count());
            data += module.data.as_ref().map_or(0, |section| section.count());
        }
        let initial = self.initial_values(&mut translators)?;
        let constants: HashMap<_, _> = initial
            .iter()
            .filter(|(index, _)| !self.written.contains(index))
            .map(|(index, value)| (*index, *value))
            .collect();
        for translator in &mut translators {
            translator.constants.clone_from(&constants);
            translator.initial.clone_from(&initial);
        }
        Ok(translators)
    }

    /// Returns the values that globals of 32 bits have at first, by the globals' indices in
    /// the merged module.
    fn initial_values(&self, translators: &mut [Translator]) -> Result<HashMap<u32, i32>> {
        let mut initial = HashMap::new();
        for (number, part) in self.parts.iter().enumerate() {
            let translator = &mut translators[number];
            let imported = part.module.imported(Kind::Global);
            for (at, global) in part.module.globals.iter().enumerate() {
                let value = evaluate(&global.init_expr, |index| {
                    initial
                        .get(translator.globals.get(index as usize)?)
                        .copied()
                })?;
                if let Some(value) = value {
                    initial.insert(translator.globals[imported + at], value);
                }
            }
        }
        Ok(initial)
    }

    /// Adds the sections of tables, memories and globals.
    fn define(&self, module: &mut Module, translators: &[Translator]) -> Result<()> {
        let mut tables = TableSection::new();
        let mut memories = MemorySection::new();
        let mut globals = GlobalSection::new();
        for (part, translator) in self.parts.iter().zip(translators) {
            let mut translator = translator.clone();
            translator.in_constant = true;
            for table in &part.module.tables {
                translator
                    .parse_table(&mut tables, table.clone())
                    .map_err(read)?;
            }
            for memory in &part.module.memories {
                memories.memory(translator.memory_type(*memory).map_err(read)?);
            }
            for global in &part.module.globals {
                translator
                    .parse_global(&mut globals, global.clone())
                    .map_err(read)?;
            }
        }
        module.section(&tables).section(&memories).section(&globals);
        Ok(())
    }

    /// Adds the sections of elements, code and data.
    fn fill(&self, module: &mut Module, translators: Vec<Translator>) -> Result<()> {
        let mut elements = ElementSection::new();
        let mut code = CodeSection::new();
        let mut data = DataSection::new();
        for (part, mut translator) in self.parts.iter().zip(translators) {
            translator.in_constant = true;
            for element in part.module.elements.clone().into_iter().flatten() {
                translator
                    .parse_element(&mut elements, element?)
                    .map_err(read)?;
            }
            for segment in part.module.data.clone().into_iter().flatten() {
                translator.parse_data(&mut data, segment?).map_err(read)?;
            }
            translator.in_constant = false;
            for body in part.module.code.clone().into_iter().flatten() {
                translator
                    .parse_function_body(&mut code, body?)
                    .map_err(read)?;
            }
        }
        module.section(&elements);
        if self.parts.iter().any(|part| part.module.counts_data) {
            module.section(&DataCountSection { count: data.len() });
        }
        module.section(&code).section(&data);
        Ok(())
    }

    fn names(&self) -> Result<NameSection> {
        let mut functions = NameMap::new();
        for (number, part) in self.parts.iter().enumerate() {
            let imported = u32::try_from(part.module.imported(Kind::Function))?;
            let first = self.first[&(Kind::Function, number)];
            for (index, name) in &part.module.function_names {
                if let Some(defined) = index.checked_sub(imported) {
                    functions.append(first + defined, name);
                }
            }
        }
        let mut names = NameSection::new();
        names.functions(&functions);
        Ok(names)
    }
}

/// The types of functions of all parts, each once.
#[derive(Default)]
struct Types {
    list: Vec<FuncType>,
    index: HashMap<FuncType, u32>,
}

impl Types {
    fn add(&mut self, ty: &FuncType) -> u32 {
        if let Some(index) = self.index.get(ty) {
            return *index;
        }
        let index = self.list.len() as u32;
        self.list.push(ty.clone());
        self.index.insert(ty.clone(), index);
        index
    }
}

/// Translates the code of one part: its indices into those of the merged module, and globals
/// that nobody writes to into constants.
#[derive(Clone)]
struct Translator {
    types: Vec<u32>,
    functions: Vec<u32>,
    tables: Vec<u32>,
    memories: Vec<u32>,
    globals: Vec<u32>,
    first_element: u32,
    first_data: u32,
    /// Values of globals that never change.
    constants: HashMap<u32, i32>,
    /// Values that globals have at first.
    initial: HashMap<u32, i32>,
    /// True in an expression that is evaluated before any code runs.
    in_constant: bool,
}

impl Reencode for Translator {
    type Error = anyhow::Error;

    fn type_index(&mut self, index: u32) -> Translated<u32> {
        find(&self.types, index)
    }

    fn function_index(&mut self, index: u32) -> Translated<u32> {
        find(&self.functions, index)
    }

    fn table_index(&mut self, index: u32) -> Translated<u32> {
        find(&self.tables, index)
    }

    fn memory_index(&mut self, index: u32) -> Translated<u32> {
        find(&self.memories, index)
    }

    fn global_index(&mut self, index: u32) -> Translated<u32> {
        find(&self.globals, index)
    }

    fn element_index(&mut self, index: u32) -> Translated<u32> {
        Ok(self.first_element + index)
    }

    fn data_index(&mut self, index: u32) -> Translated<u32> {
        Ok(self.first_data + index)
    }

    fn const_expr(&mut self, expression: wasmparser::ConstExpr<'_>) -> Translated<ConstExpr> {
        let value = evaluate(&expression, |index| {
            let global = self.globals.get(index as usize)?;
            self.initial.get(global).copied()
        });
        if let Some(value) = value.map_err(reencode::Error::UserError)? {
            return Ok(ConstExpr::i32_const(value));
        }
        reencode::utils::const_expr(self, expression)
    }

    fn instruction<'a>(&mut self, operator: Operator<'a>) -> Translated<Instruction<'a>> {
        if let Operator::GlobalGet { global_index } = operator
            && !self.in_constant
        {
            let global = self.global_index(global_index)?;
            if let Some(value) = self.constants.get(&global) {
                return Ok(Instruction::I32Const(*value));
            }
        }
        reencode::utils::instruction(self, operator)
    }
}

type Translated<T> = Result<T, reencode::Error<anyhow::Error>>;

/// Returns the value of a constant expression of 32 bits; `None` where it is none, or where
/// it needs a global whose value is not known.
fn evaluate(
    expression: &wasmparser::ConstExpr<'_>,
    global: impl Fn(u32) -> Option<i32>,
) -> Result<Option<i32>> {
    let mut stack = Vec::new();
    for operator in expression.get_operators_reader() {
        let value = match operator? {
            Operator::I32Const { value } => Some(value),
            Operator::GlobalGet { global_index } => global(global_index),
            Operator::I32Add => pop_two(&mut stack).map(|(a, b)| a.wrapping_add(b)),
            Operator::I32Sub => pop_two(&mut stack).map(|(a, b)| a.wrapping_sub(b)),
            Operator::I32Mul => pop_two(&mut stack).map(|(a, b)| a.wrapping_mul(b)),
            Operator::End => break,
            _ => None,
        };
        let Some(value) = value else {
            return Ok(None);
        };
        stack.push(value);
    }
    Ok(stack.pop())
}

fn pop_two(stack: &mut Vec<i32>) -> Option<(i32, i32)> {
    let second = stack.pop()?;
    Some((stack.pop()?, second))
}

fn find(map: &[u32], index: u32) -> Translated<u32> {
    let found = map.get(index as usize).copied();
    let found = found.with_context(|| format!("there is no item {index}"));
    found.map_err(reencode::Error::UserError)
}

fn read<E: std::fmt::Debug>(error: reencode::Error<E>) -> anyhow::Error {
    anyhow::anyhow!("cannot be read: {error:?}")
}
