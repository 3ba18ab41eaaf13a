//! The imports of guests: WASI, and the interfaces in `wit/`.
//!
//! All other functions that a module imports are linked too, and refused when they are
//! called: those of worlds that sandpool knows and did not grant, and unknown ones where the
//! pool denies them. The compiler uses the same linkers to find out whether a module imports
//! a function by another type than it has.

mod refused;

use wasmtime::component::{Component, HasData, Linker as ComponentLinker, Resource, ResourceTable};
use wasmtime::{Engine, ExternType, FuncType, Linker as CoreLinker, Module, StoreContextMut};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::ResolveAddressStream;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};
use wasmtime_wasi::p2::bindings::{cli, clocks, io, random, sync};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{I32Exit, WasiView, p1, p2};

use super::bindings::sandpool::task::{log, manager, pipe, progress, queue, shared, task};
use super::bindings::v0_2::sandpool::task::host;
use super::given;
use super::guest::Guest;
use refused::Refuse;
use sandpool_protocol::description::ImportKind;
use sandpool_protocol::imports::Links;
use sandpool_protocol::settings::LogLevel;

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

struct HasGuest;

impl HasData for HasGuest {
    type Data<'a> = &'a mut Guest;
}

/// The package of interfaces that are never granted.
const SOCKETS: &str = "wasi:sockets/";

/// The functions of WASI preview 1.
const PREVIEW_1: [&str; 46] = [
    "args_get",
    "args_sizes_get",
    "clock_res_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_advise",
    "fd_allocate",
    "fd_close",
    "fd_datasync",
    "fd_fdstat_get",
    "fd_fdstat_set_flags",
    "fd_fdstat_set_rights",
    "fd_filestat_get",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pread",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_pwrite",
    "fd_read",
    "fd_readdir",
    "fd_renumber",
    "fd_seek",
    "fd_sync",
    "fd_tell",
    "fd_write",
    "path_create_directory",
    "path_filestat_get",
    "path_filestat_set_times",
    "path_link",
    "path_open",
    "path_readlink",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
    "poll_oneoff",
    "proc_exit",
    "proc_raise",
    "random_get",
    "sched_yield",
    "sock_accept",
    "sock_recv",
    "sock_send",
    "sock_shutdown",
];

/// The function that gives a component one interface.
type Give = fn(&mut ComponentLinker<Guest>) -> wasmtime::Result<()>;

/// The interfaces that a component may import, by the interface's name without its version,
/// or by that of a package. An interface that replaces WASI's own comes after it.
const INTERFACES: &[(&str, Give)] = &[
    (SOCKETS, sockets),
    ("wasi:cli/environment", |l| {
        cli::environment::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:cli/exit", |l| {
        cli::exit::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:cli/stdin", |l| {
        cli::stdin::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:cli/stdout", |l| {
        cli::stdout::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:cli/stderr", |l| {
        cli::stderr::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:cli/terminal-input", |l| {
        cli::terminal_input::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:cli/terminal-output", |l| {
        cli::terminal_output::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:cli/terminal-stdin", |l| {
        cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:cli/terminal-stdout", |l| {
        cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:cli/terminal-stderr", |l| {
        cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:clocks/wall-clock", |l| {
        clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, Guest::clocks)
    }),
    ("wasi:clocks/monotonic-clock", |l| {
        clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, Guest::clocks)?;
        super::sleep::add_to_linker(l)
    }),
    ("wasi:filesystem/preopens", super::filesystem::add_preopens),
    ("wasi:filesystem/types", super::filesystem::add_types),
    ("wasi:io/error", |l| {
        io::error::add_to_linker::<_, HasTable>(l, |guest| guest.ctx().table)
    }),
    ("wasi:io/poll", |l| {
        sync::io::poll::add_to_linker::<_, HasTable>(l, |guest| guest.ctx().table)
    }),
    ("wasi:io/streams", |l| {
        sync::io::streams::add_to_linker::<_, HasTable>(l, |guest| guest.ctx().table)
    }),
    ("wasi:random/random", |l| {
        random::random::add_to_linker::<_, WasiRandom>(l, |guest| guest.ctx().ctx.random())
    }),
    ("wasi:random/insecure", |l| {
        random::insecure::add_to_linker::<_, WasiRandom>(l, |guest| guest.ctx().ctx.random())
    }),
    ("wasi:random/insecure-seed", |l| {
        random::insecure_seed::add_to_linker::<_, WasiRandom>(l, |guest| guest.ctx().ctx.random())
    }),
    ("wasi:http/types", super::http_imports::add_types),
    (
        "wasi:http/outgoing-handler",
        super::http_imports::add_handler,
    ),
    ("sandpool:task/task", |l| {
        task::add_to_linker::<_, HasGuest>(l, |guest| guest)
    }),
    ("sandpool:task/log", |l| {
        log::add_to_linker::<_, HasGuest>(l, |guest| guest)
    }),
    ("sandpool:task/progress", |l| {
        progress::add_to_linker::<_, HasGuest>(l, |guest| guest)
    }),
    ("sandpool:task/shared", |l| {
        shared::add_to_linker::<_, HasGuest>(l, |guest| guest)
    }),
    ("sandpool:task/queue", |l| {
        queue::add_to_linker::<_, HasGuest>(l, |guest| guest)
    }),
    ("sandpool:task/pipe", |l| {
        pipe::add_to_linker::<_, HasGuest>(l, |guest| guest)
    }),
    ("sandpool:task/manager", |l| {
        manager::add_to_linker::<_, HasGuest>(l, |guest| guest)
    }),
    ("sandpool:task/host", |l| {
        host::add_to_linker::<_, HasGuest>(l, |guest| guest)
    }),
];

/// The interfaces of known worlds that are not given: the name of an interface, or of a
/// package, and the beginning of the versions that are known. Their calls are refused.
const WITHHELD: &[(&str, &str)] = &[
    ("wasi:http/", "0.2."),
    ("wasi:keyvalue/", "0.2."),
    ("wasi:config/", "0.2."),
];

/// Makes the linker for a component's imports, but for those that the host gives. Imports
/// that nobody gives are linked as well, and refused when they are called; a module that may
/// not have them is refused before it gets here. Linking all available imports takes longer
/// than loading a small component.
pub fn component_linker(
    engine: &Engine,
    component: &Component,
    links: &Links,
) -> wasmtime::Result<ComponentLinker<Guest>> {
    let ty = component.component_type();
    let wanted: Vec<&str> = ty.imports(engine).map(|(name, _)| name).collect();
    let mut linker = ComponentLinker::new(engine);
    linker.allow_shadowing(true);
    for (name, give) in INTERFACES {
        if wanted.iter().any(|wanted| is_part(wanted, name)) {
            give(&mut linker)?;
        }
    }
    let is_given = |name: &&str| links.gives(name) || is_given_to_component(name);
    if !wanted.iter().all(is_given) {
        let mut refuse = Refuse::new(engine);
        for (name, import) in ty.imports(engine) {
            match is_given(&name) {
                true => refuse.pass(&import.ty),
                false => refuse.link(&mut linker.root(), name, &import.ty)?,
            }
        }
    }
    if !links.given.is_empty() {
        given::add_to_component(&mut linker, engine, component, links, is_known)?;
    }
    Ok(linker)
}

/// Returns `true` if an import is this interface, of any version, or is of this package.
fn is_part(import: &str, name: &str) -> bool {
    let rest = import.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('@') || name.ends_with('/'))
}

/// Returns `true` if a component finds this import here, by its name and version.
pub fn is_given_to_component(import: &str) -> bool {
    let Some((_, version)) = import.split_once('@') else {
        return false;
    };
    // Versions of one minor number before 1.0 stand for each other; a draft stands only for
    // itself.
    let minor = match import.starts_with("wasi:") || import.starts_with(HOST) {
        true => "0.2.",
        false => "0.1.",
    };
    version.starts_with(minor)
        && !version.contains('-')
        && INTERFACES.iter().any(|(name, _)| is_part(import, name))
}

/// Returns `true` for the import of a component whose functions nobody but sandpool gives:
/// they are not described, and a host does not count them.
pub fn is_known(import: &str) -> bool {
    granted_by(import).is_some() || is_part(import, SOCKETS)
}

/// Returns the kind of an import of a component, by its name and version, if sandpool knows
/// it.
pub fn known_to_component(import: &str) -> Option<ImportKind> {
    let withheld = |(name, versions): &(&str, &str)| {
        let version = import.split_once('@').map(|(_, version)| version);
        is_part(import, name) && version.is_some_and(|version| version.starts_with(versions))
    };
    if is_given_to_component(import) {
        return Some(match is_part(import, SOCKETS) {
            true => ImportKind::Withheld,
            false => ImportKind::Provided,
        });
    }
    WITHHELD
        .iter()
        .any(withheld)
        .then_some(ImportKind::Withheld)
}

/// The interface for tools.
const HOST: &str = "sandpool:task/host";

/// The import of AssemblyScript's modules.
const ABORT: &str = "env#abort";

/// Returns `true` if a core module finds a function of this name here. `is_abort` tells
/// whether it has the type of AssemblyScript's own: other languages have another function by
/// that name.
pub fn is_given_to_core(import: &str, is_abort: bool) -> bool {
    match import.strip_prefix("wasi_snapshot_preview1#") {
        Some(name) => PREVIEW_1.contains(&name),
        None => import == ABORT && is_abort,
    }
}

/// Returns `true` if a core module finds this import here.
fn finds(module: &str, name: &str, ty: &FuncType) -> bool {
    is_given_to_core(&format!("{module}#{name}"), is_abort(ty))
}

fn is_abort(ty: &FuncType) -> bool {
    ty.params().len() == 4 && ty.params().all(|ty| ty.is_i32()) && ty.results().len() == 0
}

/// Refuses sockets and host names, which are never granted. WASI's own functions would
/// refuse them too, but only after they have asked the operating system for one, and
/// without telling anybody but the guest.
fn sockets(linker: &mut ComponentLinker<Guest>) -> wasmtime::Result<()> {
    // All of WASI is linked first, which gives these interfaces their types; hardly any
    // guest wants them.
    p2::add_to_linker_sync(linker)?;
    linker
        .instance("wasi:sockets/tcp-create-socket@0.2.12")?
        .func_wrap(
            "create-tcp-socket",
            |mut store: StoreContextMut<'_, Guest>, (_,): (IpAddressFamily,)| {
                store.data_mut().bounds.deny("socket", "TCP".into());
                Ok((Err::<Resource<p2::TcpSocket>, _>(ErrorCode::AccessDenied),))
            },
        )?;
    linker
        .instance("wasi:sockets/udp-create-socket@0.2.12")?
        .func_wrap(
            "create-udp-socket",
            |mut store: StoreContextMut<'_, Guest>, (_,): (IpAddressFamily,)| {
                store.data_mut().bounds.deny("socket", "UDP".into());
                Ok((Err::<Resource<p2::UdpSocket>, _>(ErrorCode::AccessDenied),))
            },
        )?;
    linker
        .instance("wasi:sockets/ip-name-lookup@0.2.12")?
        .func_wrap(
            "resolve-addresses",
            |mut store: StoreContextMut<'_, Guest>, (_, name): (Resource<p2::Network>, String)| {
                store.data_mut().bounds.deny("name look-up", name);
                // WASI's own answer where this is not granted.
                let refused = ErrorCode::PermanentResolverFailure;
                Ok((Err::<Resource<ResolveAddressStream>, _>(refused),))
            },
        )?;
    Ok(())
}

/// Makes the linker for a core module's imports, which may include WASI preview 1, but for
/// those that the host gives. Functions that nobody gives are linked as well, and refused
/// when they are called.
pub fn core_linker(
    engine: &Engine,
    module: &Module,
    links: &Links,
) -> wasmtime::Result<CoreLinker<Guest>> {
    let mut linker = CoreLinker::new(engine);
    if module.imports().len() == 0 {
        return Ok(linker);
    }
    p1::add_to_linker_sync(&mut linker, |guest: &mut Guest| guest.wasi.get())?;
    linker.allow_shadowing(true);
    super::preview1::add_to_linker(&mut linker)?;
    // wasmtime-wasi makes a trap of exit codes from 126 on.
    let exit = |code: i32| -> wasmtime::Result<()> { Err(I32Exit(code).into()) };
    linker.func_wrap("wasi_snapshot_preview1", "proc_exit", exit)?;
    super::assembly_script::add_to_linker(&mut linker)?;
    for import in module.imports() {
        let (from, name) = (import.module(), import.name());
        if let ExternType::Func(ty) = import.ty()
            && !links.gives(&format!("{from}#{name}"))
            && !finds(from, name, &ty)
        {
            refused::core_func(&mut linker, from, name, ty)?;
        }
    }
    if !links.given.is_empty() {
        given::add_to_core(&mut linker, module, links, finds)?;
    }
    Ok(linker)
}

impl task::Host for Guest {
    fn index(&mut self) -> wasmtime::Result<u64> {
        Ok(self.task.index)
    }

    fn attempt(&mut self) -> wasmtime::Result<u32> {
        Ok(self.task.attempt)
    }

    fn name(&mut self) -> wasmtime::Result<String> {
        Ok(self.task.name.to_string())
    }

    fn worker_pid(&mut self) -> wasmtime::Result<u32> {
        Ok(self.task.worker_pid)
    }

    fn time_left(&mut self) -> wasmtime::Result<Option<u64>> {
        Ok(self
            .task
            .time_left()
            .map(|left| u64::try_from(left.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl log::Host for Guest {
    fn log(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => LogLevel::Trace,
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        self.tell_log(level, message)
    }
}

impl progress::Host for Guest {
    fn report(
        &mut self,
        done: u64,
        total: Option<u64>,
        message: Option<String>,
    ) -> wasmtime::Result<()> {
        self.tell_progress(done, total, message)
    }
}

/// Returns the grant for an import: `given` if every guest has it, a method of the library if
/// it needs a grant, `None` if it is not available.
pub fn granted_by(import: &str) -> Option<&'static str> {
    const GIVEN: [&str; 17] = [
        "wasi:cli/",
        "wasi:clocks/",
        "wasi:filesystem/",
        "wasi:http/types",
        "wasi:http/outgoing-handler",
        "wasi:io/",
        "wasi:random/",
        HOST,
        "sandpool:task/manager",
        "sandpool:task/pipe",
        "sandpool:task/queue",
        "sandpool:task/shared",
        "sandpool:task/task",
        "sandpool:task/log",
        "sandpool:task/progress",
        "wasi_snapshot_preview1#",
        ABORT,
    ];
    let interface = import.split('@').next().unwrap_or(import);
    if interface != import && !is_given_to_component(import) {
        return None;
    }
    if !GIVEN.iter().any(|given| interface.starts_with(given)) {
        return None;
    }
    if interface.starts_with("wasi:filesystem/") || interface.contains("#path_") {
        return Some("PoolBuilder::dir");
    }
    match interface {
        "sandpool:task/queue" | "sandpool:task/pipe" | "sandpool:task/manager" => {
            Some("Call::share")
        }
        "wasi:http/outgoing-handler" => Some("PoolBuilder::http"),
        HOST => Some("PoolBuilder::tool"),
        "wasi:cli/environment"
        | "wasi_snapshot_preview1#environ_get"
        | "wasi_snapshot_preview1#environ_sizes_get" => Some("PoolBuilder::env"),
        _ => Some("given"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_given_granted_or_not_to_be_had() {
        assert_eq!(granted_by("wasi:io/poll@0.2.6"), Some("given"));
        let dir = Some("PoolBuilder::dir");
        assert_eq!(granted_by("wasi:filesystem/types@0.2.0"), dir);
        assert_eq!(granted_by("wasi_snapshot_preview1#path_open"), dir);
        assert_eq!(granted_by("sandpool:task/queue@0.1.0"), Some("Call::share"));
        let http = Some("PoolBuilder::http");
        assert_eq!(granted_by("wasi:http/outgoing-handler@0.2.3"), http);
        assert_eq!(granted_by("wasi:http/types@0.2.3"), Some("given"));
        assert_eq!(granted_by("wasi:http/incoming-handler@0.2.3"), None);
        assert_eq!(granted_by("wasi:sockets/tcp@0.2.0"), None);
        assert_eq!(granted_by("env#f"), None);
        assert_eq!(granted_by("wasi:io/poll@0.3.0"), None);
        assert_eq!(granted_by("wasi:io/poll@0.2.0-rc-2023-12-05"), None);
        assert_eq!(granted_by("sandpool:task/log@0.2.0"), None);
        let tool = Some("PoolBuilder::tool");
        assert_eq!(granted_by("sandpool:task/host@0.2.0"), tool);
        assert_eq!(granted_by("sandpool:task/host@0.1.0"), None);
    }

    #[test]
    fn known_worlds_are_told_from_unknown_ones() {
        let withheld = [
            "wasi:http/incoming-handler@0.2.0",
            "wasi:keyvalue/store@0.2.0-draft",
            "wasi:keyvalue/atomics@0.2.0-draft2",
            "wasi:config/store@0.2.0-rc.1",
            "wasi:config/runtime@0.2.0-draft",
            "wasi:sockets/tcp@0.2.0",
        ];
        for name in withheld {
            assert_eq!(
                known_to_component(name),
                Some(ImportKind::Withheld),
                "{name}"
            );
        }
        let provided = Some(ImportKind::Provided);
        for name in [
            "wasi:io/poll@0.2.6",
            "wasi:http/types@0.2.4",
            "wasi:http/outgoing-handler@0.2.0",
            "sandpool:task/host@0.2.0",
        ] {
            assert_eq!(known_to_component(name), provided, "{name}");
        }
        for name in [
            "wasi:http/types@0.3.0",
            "wasi:http/types",
            "wasi:logging/logging",
            "sandpool:task/host@0.1.0",
            "sandpool:task/hosts@0.2.0",
            "acme:kv/store",
        ] {
            assert_eq!(known_to_component(name), None, "{name}");
        }
        assert!(is_given_to_core("wasi_snapshot_preview1#fd_write", false));
        assert!(!is_given_to_core("wasi_snapshot_preview1#fd_paint", false));
        assert!(is_given_to_core("env#abort", true));
        assert!(!is_given_to_core("env#abort", false));
    }
}
