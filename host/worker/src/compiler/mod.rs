//! The compiler process: one for each compilation, limited, and not trusted.
//!
//! It reads a stranger's module, so a hole in the validator or in Cranelift is
//! reached here first. It sees no task's data, and what it answers is read as
//! hostile bytes. Its artifact is machine code, but that runs in workers, which
//! are not trusted either.

mod features;
mod outline;
mod validate;
mod wants;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::thread;

use wasmtime::component::Component;
use wasmtime::{Engine, ExternType, ImportType, Module};

use crate::engine::describe::{ComponentImport, is_component};
use crate::engine::memory::{Refused, who_refused};
use crate::engine::{config, describe, imports, out_of_memory, snapshot};
use crate::sandbox::{Cage, CageError, ChildKind, ResourceLimits};
use sandpool_protocol::control::{ChildFailure, CompilerSetup, FromChild, ToChild, decode, encode};
use sandpool_protocol::description::{Description, Import, ImportKind, MAX_DESCRIPTION};
use sandpool_protocol::handshake::Hello;
use sandpool_protocol::imports::Links;
use sandpool_protocol::limits::LimitName;
use sandpool_protocol::settings::EngineSettings;
use sandpool_sys::in_force::{InForce, Scarce};
use sandpool_sys::{ControlSocket, MAX_MESSAGE, Received};
use sandpool_value::{Function, with_causes};
use validate::{Invalid, validate};
use wants::Wants;

/// Compiles one module and returns the exit code of the process.
pub fn main(control: &ControlSocket) -> i32 {
    match compile(control) {
        Ok(()) => 0,
        Err(failed) => {
            let Failed { reason, message } = failed;
            let message = one_line(&message);
            let told = control.send(&encode(&FromChild::Failed { reason, message }), &[], true);
            i32::from(told.is_err())
        }
    }
}

struct Failed {
    reason: ChildFailure,
    message: String,
}

impl Failed {
    fn module(message: impl Into<String>) -> Self {
        Failed {
            reason: ChildFailure::Module,
            message: message.into(),
        }
    }

    /// Names who refused memory, if somebody did: the limit of compilations, unless another
    /// is tighter. Without `made` there is no engine yet.
    fn named(self, setup: &CompilerSetup, inherited: &InForce, made: bool) -> Self {
        if self.reason != ChildFailure::Limit(LimitName::CompileMemory) {
            return self;
        }
        let engine = (!made).then_some(&setup.engine);
        match who_refused(setup.memory, inherited, engine) {
            Refused::Own => self,
            Refused::Inherited(limit) => Failed {
                reason: ChildFailure::System,
                message: format!("it is refused the memory it needs: {limit}"),
            },
            Refused::System => Failed {
                reason: ChildFailure::Scarce(Scarce::Memory),
                message: "the system has no memory for it".into(),
            },
        }
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ENOMEM) | None => system(&error.into()),
            Some(_) => Failed {
                reason: ChildFailure::of_system(&error),
                message: error.to_string(),
            },
        }
    }
}

impl From<CageError> for Failed {
    fn from(error: CageError) -> Self {
        Failed {
            reason: error.reason(),
            message: with_causes(&error),
        }
    }
}

/// Runs the compiler, from the first message to the last.
fn compile(control: &ControlSocket) -> Result<(), Failed> {
    // 1. Who we are, before anything can go wrong that the host would have to
    //    understand.
    control.send(&Hello::of_this_build().encode(), &[], true)?;
    // 2. What to do. The module's bytes are not touched yet.
    let (setup, fds) = receive_setup(control)?;
    let [module, artifact, description] = <[OwnedFd; 3]>::try_from(fds)
        .map_err(|_| io::Error::other("the compiler got the wrong descriptors"))?;
    // The list of a sealed compiler does not let it ask.
    let inherited = InForce::now();
    // 3. Lock in, before the first byte of the module is looked at.
    let limits = ResourceLimits {
        memory: setup.memory,
        file_size: setup.memory,
        cpu_time: setup.cpu_time,
        descriptors: 64,
    };
    let cage = Cage::enter(
        &setup.sandbox_plan,
        ChildKind::Compiler,
        &limits,
        Vec::new(),
        control,
    )?;
    // 4. The threads that compile, while it is still allowed to start some;
    //    then no more.
    let threads = start_threads();
    let report = cage.seal_threads()?;
    // 5. Now the stranger's bytes.
    let mut bytes = to_binary(read_all(module)?)?;
    if setup.instruments {
        bytes = snapshot::instrument(&bytes).map_err(|why| Failed::module(one_line(&why)))?;
    }
    let wants = Wants::of(&bytes);
    if setup.to_run
        && let Some(why) = wants.cannot_be_had(&setup.links)
    {
        return Err(Failed::module(why));
    }
    let engine = config::compiling_engine(&setup.engine, threads)
        .map_err(|error| system(&error).named(&setup, &inherited, false))?;
    let source = Source {
        bytes: &bytes,
        wants: &wants,
        settings: &setup.engine,
        links: &setup.links,
        threads,
    };
    let done = match setup.to_run {
        true => source.compile(&engine),
        false => source.describe(&engine).map(|described| (None, described)),
    };
    let (machine_code, described) =
        done.map_err(|failed| failed.named(&setup, &inherited, true))?;
    // 6. The answer, in files that the host made.
    let encoded = described.encode();
    if encoded.len() as u64 > MAX_DESCRIPTION {
        return Err(Failed::module(
            "its exports take more than 1 MiB to describe",
        ));
    }
    write(description, &encoded, &inherited)?;
    if let Some(machine_code) = machine_code {
        write(artifact, &machine_code, &inherited)?;
    }
    control.send(&encode(&FromChild::Ready { report }), &[], true)?;
    Ok(())
}

/// Writes an answer into its file.
fn write(file: OwnedFd, bytes: &[u8], inherited: &InForce) -> Result<(), Failed> {
    File::from(file).write_all(bytes).map_err(|error| {
        let limit = inherited
            .named_file_size()
            .filter(|_| error.raw_os_error() == Some(libc::EFBIG));
        let limit = limit.map_or_else(String::new, |limit| format!("; {limit}"));
        Failed {
            reason: ChildFailure::of_system(&error),
            message: format!(
                "its answer of {} bytes cannot be written: {error}{limit}",
                bytes.len()
            ),
        }
    })
}

/// Starts a thread for each core and says whether there are any. A system that
/// gives none costs time only: the module is then compiled on this thread.
fn start_threads() -> bool {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let builder = rayon::ThreadPoolBuilder::new().num_threads(cores);
    // Returns when all of them run, so nothing that only their start takes is
    // still to come.
    cores > 1 && builder.build_global().is_ok()
}

fn receive_setup(control: &ControlSocket) -> io::Result<(CompilerSetup, Vec<OwnedFd>)> {
    let mut buffer = vec![0; MAX_MESSAGE];
    let Received::Message(len, fds) = control.receive(&mut buffer, true)? else {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    };
    match decode(&buffer[..len]) {
        Ok(ToChild::Compile(setup)) => Ok((setup, fds)),
        _ => Err(io::Error::other(
            "the first message is no setup for a compiler",
        )),
    }
}

fn read_all(file: OwnedFd) -> io::Result<Vec<u8>> {
    let mut file = File::from(file);
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Turns WebAssembly text into binary, and leaves binary as it is.
fn to_binary(bytes: Vec<u8>) -> Result<Vec<u8>, Failed> {
    if bytes.is_empty() {
        return Err(Failed::module("it is empty"));
    }
    if bytes.starts_with(b"\0asm") {
        return Ok(bytes);
    }
    let text = std::str::from_utf8(&bytes)
        .ok()
        .filter(|text| looks_like_wat(text));
    let Some(text) = text else {
        return Err(Failed::module(
            "it is neither WebAssembly nor its text format",
        ));
    };
    // Editors put a mark in front of it that the parser does not know.
    wat::parse_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        let text = error.to_string();
        Failed::module(format!(
            "its text cannot be parsed: {}",
            text.trim_start_matches("error: ")
        ))
    })
}

/// Returns `true` for text that starts, after white space and comments, with a parenthesis.
fn looks_like_wat(text: &str) -> bool {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        if let Some(comment) = rest.strip_prefix(";;") {
            rest = comment
                .split_once('\n')
                .map_or("", |(_, after)| after)
                .trim_start();
        } else if rest.starts_with("(;") {
            // A block comment may be nested; the real parser sorts that out.
            return true;
        } else {
            return rest.starts_with('(');
        }
    }
}

/// A module that is to be compiled, or described.
struct Source<'a> {
    bytes: &'a [u8],
    wants: &'a Wants,
    settings: &'a EngineSettings,
    links: &'a Links,
    /// `true` if there are threads to work on.
    threads: bool,
}

/// A module that wasmtime has compiled.
enum Compiled {
    Component(Component),
    Core(Module),
}

impl Source<'_> {
    /// Compiles the module; returns its artifact and its description.
    fn compile(&self, engine: &Engine) -> Result<(Option<Vec<u8>>, Description), Failed> {
        let compiled = self.compiled(engine, self.bytes)?;
        let described = self.described(engine, &compiled)?;
        let artifact = match compiled {
            Compiled::Component(component) => component.serialize(),
            Compiled::Core(module) => module.serialize(),
        };
        Ok((Some(artifact.map_err(|error| system(&error))?), described))
    }

    /// Describes the module, whose code is validated and not compiled.
    fn describe(&self, engine: &Engine) -> Result<Description, Failed> {
        let valid = validate(
            self.bytes,
            features::on(&self.settings.features),
            self.threads,
        );
        let outline = match valid {
            Ok(()) => outline::of(self.bytes, is_component(self.bytes)),
            // As wasmtime says it, which finds it before it compiles anything.
            Err(Invalid::Outside) => None,
            Err(Invalid::Body {
                module,
                function,
                error,
            }) => {
                // As wasmtime says it.
                return Err(self.invalid_text(format!(
                    "failed to compile: wasm[{module}]::function[{function}]: WebAssembly \
                     translation error: Invalid input WebAssembly code at offset {}: {}",
                    error.offset(),
                    error.message()
                )));
            }
        };
        let compiled = self.compiled(engine, outline.as_deref().unwrap_or(self.bytes))?;
        self.described(engine, &compiled)
    }

    /// Compiles `bytes`: the module's own, or its outline.
    fn compiled(&self, engine: &Engine, bytes: &[u8]) -> Result<Compiled, Failed> {
        let compiled = match is_component(bytes) {
            true => Component::from_binary(engine, bytes).map(Compiled::Component),
            false => Module::from_binary(engine, bytes).map(Compiled::Core),
        };
        compiled.map_err(|error| self.invalid(&error))
    }

    fn described(&self, engine: &Engine, compiled: &Compiled) -> Result<Description, Failed> {
        let description = match compiled {
            Compiled::Component(component) => self.component(engine, component)?,
            Compiled::Core(module) => self.core_module(engine, module)?,
        };
        let refused = self.wants.cannot_be_had(self.links);
        if description.unlinked.is_none() && refused.is_none() {
            exports_something(&description)?;
        }
        Ok(description)
    }

    fn component(&self, engine: &Engine, component: &Component) -> Result<Description, Failed> {
        let linker = imports::component_linker(engine, component, &Links::default());
        let linked = linker.map_err(|error| system(&error))?;
        let linked = linked.instantiate_pre(component);
        let exports = describe::component_exports(engine, component).map_err(Failed::module)?;
        let imported = describe::component_imports(engine, component, imports::is_reserved);
        let imported = imported.map_err(Failed::module)?;
        Ok(Description {
            component: true,
            command: describe::component_command(component).is_some(),
            is_interpreter: exports.is_script || self.wants.is_snapshot(),
            functions: exports.functions.into_iter().map(|f| f.function).collect(),
            resources: exports.resources,
            others: exports.others,
            imports: imported
                .into_iter()
                .map(|ComponentImport { name, functions }| {
                    let mut wanted = self.wants.imports().iter();
                    let wanted = wanted.find(|wanted| wanted.name == name);
                    // All of them were read.
                    let kind = wanted.map_or(ImportKind::Types, |wanted| wanted.kind.clone());
                    import(name, kind, functions)
                })
                .collect(),
            unlinked: self.unlinked(linked),
        })
    }

    fn core_module(&self, engine: &Engine, module: &Module) -> Result<Description, Failed> {
        let linker = imports::core_linker(engine, module, &Links::default());
        let linked = linker.map_err(|error| system(&error))?;
        let linked = linked.instantiate_pre(module);
        let imports = module.imports().zip(self.wants.imports());
        Ok(Description {
            component: false,
            command: describe::is_core_command(module),
            is_interpreter: false,
            functions: describe::core_functions(module),
            resources: Vec::new(),
            others: Vec::new(),
            imports: imports
                .map(|(import, wanted)| core_import(import, wanted.kind.clone()))
                .collect(),
            unlinked: self.unlinked(linked),
        })
    }
}

fn core_import(import: ImportType<'_>, kind: ImportKind) -> Import {
    let (module, name) = (import.module(), import.name());
    let functions = match import.ty() {
        ExternType::Func(ty) if kind == ImportKind::Functions => {
            vec![describe::core_function(Some(module), name, &ty)]
        }
        _ => Vec::new(),
    };
    self::import(format!("{module}#{name}"), kind, functions)
}

fn import(name: String, kind: ImportKind, functions: Vec<Function>) -> Import {
    let granted_by = match kind {
        ImportKind::Provided => imports::granted_by(&name).map(str::to_owned),
        _ => None,
    };
    Import {
        name,
        kind,
        granted_by,
        functions,
    }
}

fn exports_something(description: &Description) -> Result<(), Failed> {
    let nothing = description.functions.is_empty()
        && description.resources.is_empty()
        && !description.command;
    if !nothing {
        return Ok(());
    }
    let text = "it exports no function and is not a command";
    Err(match description.others.as_slice() {
        [] => Failed::module(text),
        [other, ..] => Failed::module(format!("{text}; it exports `{other}`")),
    })
}

fn system(error: &wasmtime::Error) -> Failed {
    if out_of_memory(error) {
        return Failed {
            reason: ChildFailure::Limit(LimitName::CompileMemory),
            message: String::new(),
        };
    }
    Failed {
        reason: ChildFailure::System,
        message: format!("{error:#}"),
    }
}

impl Source<'_> {
    /// Returns the reason why the module cannot be instantiated, whatever functions the host
    /// gives. It is described all the same, so that its imports can be shown.
    fn unlinked<T>(&self, linked: wasmtime::Result<T>) -> Option<String> {
        let why = self.wants.is_for_another_wasi().or_else(|| {
            let error = linked.err()?;
            let is_other = |import: &Import| matches!(import.kind, ImportKind::Other(_));
            // `Links::refusal` tells of those.
            if self.wants.imports().iter().any(is_other) {
                return None;
            }
            Some(format!(
                "it imports functions that sandpool does not provide: {error:#}"
            ))
        });
        why.map(|why| one_line(&why))
    }

    /// Returns the validator's complaint. The feature that the module needs, if it is only
    /// off, and the setting that allows it stand before the complaint.
    fn invalid(&self, error: &wasmtime::Error) -> Failed {
        match out_of_memory(error) {
            true => system(error),
            false => self.invalid_text(format!("{error:#}")),
        }
    }

    fn invalid_text(&self, text: String) -> Failed {
        let needs = self
            .wants
            .cannot_be_had(self.links)
            .or_else(|| features::explain(self.bytes, &self.settings.features));
        match needs {
            Some(needs) => Failed::module(format!("{needs} ({text})")),
            None => Failed::module(text),
        }
    }
}

/// Puts a message into one line, and cuts it after 2,000 bytes. Messages of parsers run over
/// several lines; ours do not.
fn one_line(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.len() > 2000 {
        let end = line.floor_char_boundary(2000);
        line.truncate(end);
        line.push('…');
    }
    line
}
