//! The compiler process: one for each compilation, limited, and not trusted.
//!
//! It reads a stranger's module, so a hole in the validator or in Cranelift is
//! reached here first. It sees no task's data, and what it answers is read as
//! hostile bytes. Its artifact is machine code, but that runs in workers, which
//! are not trusted either.

mod features;
mod wants;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::thread;

use wasmtime::component::Component;
use wasmtime::{Engine, ExternType, ImportType, Module};

use crate::engine::describe::ComponentImport;
use crate::engine::memory::{Refused, who_refused};
use crate::engine::{config, describe, imports, out_of_memory, snapshot};
use crate::sandbox::{Cage, CageError, ChildKind, ResourceLimits};
use sandpool_protocol::control::{ChildFailure, CompilerSetup, FromChild, ToChild, decode, encode};
use sandpool_protocol::description::{Description, Import, MAX_DESCRIPTION};
use sandpool_protocol::handshake::Hello;
use sandpool_protocol::limits::LimitName;
use sandpool_protocol::settings::EngineSettings;
use sandpool_sys::in_force::{InForce, Scarce};
use sandpool_sys::{ControlSocket, MAX_MESSAGE, Received};
use sandpool_value::{Function, with_causes};
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

    /// The same, with the name of who refused memory, if somebody did: the limit of
    /// compilations, unless another is tighter. Without `made` there is no engine yet.
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

/// The life of a compiler, from the first message to the last.
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
        && let Some(why) = wants.cannot_be_had()
    {
        return Err(Failed::module(why));
    }
    let engine = config::compiling_engine(&setup.engine, threads)
        .map_err(|error| system(&error).named(&setup, &inherited, false))?;
    let source = Source {
        bytes: &bytes,
        wants: &wants,
        settings: &setup.engine,
    };
    let compiled = match is_component(&bytes) {
        true => component(&engine, &source),
        false => core_module(&engine, &source),
    };
    let (machine_code, described) =
        compiled.map_err(|failed| failed.named(&setup, &inherited, true))?;
    // 6. The answer, in files that the host made.
    let encoded = described.encode();
    if encoded.len() as u64 > MAX_DESCRIPTION {
        return Err(Failed::module(
            "its exports take more than 1 MiB to describe",
        ));
    }
    write(description, &encoded, &inherited)?;
    write(artifact, &machine_code, &inherited)?;
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

/// WebAssembly text becomes binary; binary stays what it is.
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

/// Text that starts, after white space and comments, with a parenthesis.
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

/// The binary format's fifth to eighth byte tell components from core modules.
fn is_component(bytes: &[u8]) -> bool {
    bytes.get(6).is_some_and(|layer| *layer == 1)
}

/// A module that is to be compiled.
struct Source<'a> {
    bytes: &'a [u8],
    wants: &'a Wants,
    settings: &'a EngineSettings,
}

fn component(engine: &Engine, source: &Source<'_>) -> Result<(Vec<u8>, Description), Failed> {
    let component = Component::from_binary(engine, source.bytes);
    let component = component.map_err(|error| source.invalid(&error))?;
    let linker = imports::component_linker(engine, &component).map_err(|error| system(&error))?;
    let linked = linker.instantiate_pre(&component);
    let exports = describe::component_exports(engine, &component).map_err(Failed::module)?;
    let is_known = |name: &str| imports::granted_by(name).is_some();
    let imported = describe::component_imports(engine, &component, is_known);
    let imported = imported.map_err(Failed::module)?;
    let description = Description {
        component: true,
        command: describe::component_command(&component).is_some(),
        is_interpreter: exports.is_script || source.wants.is_snapshot(),
        functions: exports.functions.into_iter().map(|f| f.function).collect(),
        resources: exports.resources,
        others: exports.others,
        imports: imported
            .into_iter()
            .map(|ComponentImport { name, functions }| import(name, functions))
            .collect(),
        unlinked: source.unlinked(linked),
    };
    exports_something(&description)?;
    Ok((
        component.serialize().map_err(|error| system(&error))?,
        description,
    ))
}

fn core_module(engine: &Engine, source: &Source<'_>) -> Result<(Vec<u8>, Description), Failed> {
    let module = Module::from_binary(engine, source.bytes);
    let module = module.map_err(|error| source.invalid(&error))?;
    let linker = imports::core_linker(engine, &module).map_err(|error| system(&error))?;
    let linked = linker.instantiate_pre(&module);
    let description = Description {
        component: false,
        command: describe::is_core_command(&module),
        is_interpreter: false,
        functions: describe::core_functions(&module),
        resources: Vec::new(),
        others: Vec::new(),
        imports: module.imports().map(core_import).collect(),
        unlinked: source.unlinked(linked),
    };
    exports_something(&description)?;
    Ok((
        module.serialize().map_err(|error| system(&error))?,
        description,
    ))
}

fn core_import(import: ImportType<'_>) -> Import {
    let (module, name) = (import.module(), import.name());
    let full_name = format!("{module}#{name}");
    let functions = match import.ty() {
        ExternType::Func(ty) if imports::granted_by(&full_name).is_none() => {
            vec![describe::core_function(Some(module), name, &ty)]
        }
        _ => Vec::new(),
    };
    self::import(full_name, functions)
}

fn import(name: String, functions: Vec<Function>) -> Import {
    let granted_by = imports::granted_by(&name).map(str::to_owned);
    Import {
        name,
        granted_by,
        functions,
    }
}

fn exports_something(description: &Description) -> Result<(), Failed> {
    let nothing = description.functions.is_empty()
        && description.resources.is_empty()
        && !description.command;
    if !nothing || description.unlinked.is_some() {
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
    /// Why a module cannot be instantiated. It is described all the same, so that
    /// its imports can be shown.
    fn unlinked<T>(&self, linked: wasmtime::Result<T>) -> Option<String> {
        let error = linked.err()?;
        let why = self.wants.cannot_be_had().unwrap_or_else(|| {
            format!("it imports functions that sandpool does not provide: {error:#}")
        });
        Some(one_line(&why))
    }

    /// The validator's complaint, behind the feature that the module needs, if it is
    /// only off, and the setting that allows it.
    fn invalid(&self, error: &wasmtime::Error) -> Failed {
        if out_of_memory(error) {
            return system(error);
        }
        let needs = self
            .wants
            .cannot_be_had()
            .or_else(|| features::explain(self.bytes, &self.settings.features));
        let text = format!("{error:#}");
        match needs {
            Some(needs) => Failed::module(format!("{needs} ({text})")),
            None => Failed::module(text),
        }
    }
}

/// Messages of parsers run over several lines; ours do not.
fn one_line(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.len() > 2000 {
        let end = line.floor_char_boundary(2000);
        line.truncate(end);
        line.push('…');
    }
    line
}
