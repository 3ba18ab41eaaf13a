//! The imports that sandpool knows by name and version: those that it provides, each with its
//! grant, and those of known worlds that it withholds. All others are unknown, and only the
//! host can give them.

use wasmtime::FuncType;
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::{cli, clocks, io, random, sync};
use wasmtime_wasi::random::WasiRandom;

use super::sockets;
use crate::engine::bindings::sandpool::task::{log, manager, pipe, progress, queue, shared, task};
use crate::engine::bindings::v0_2::sandpool::task::{host, interrupt};
use crate::engine::guest::Guest;
use crate::engine::{filesystem, http_imports, sleep};
use sandpool_protocol::description::ImportKind;

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

/// The interface for tools.
const HOST: &str = "sandpool:task/host";

/// The interface by which a guest learns that it is asked to stop.
const INTERRUPT: &str = "sandpool:task/interrupt";

/// The interfaces that came with version 0.2.0 of `sandpool:task`.
const SINCE_0_2: [&str; 2] = [HOST, INTERRUPT];

/// The import of AssemblyScript's modules.
const ABORT: &str = "env#abort";

/// The beginning of the imports of WASI preview 1.
const PREVIEW_1_MODULE: &str = "wasi_snapshot_preview1#";

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

/// The way in which a guest gets an import, as a description has it: `given`, or the method of
/// the library that grants it.
type Grant = Option<&'static str>;

const EVERY_GUEST: Grant = Some("given");
const DIR: Grant = Some("PoolBuilder::dir");
const ENV: Grant = Some("PoolBuilder::env");
const HTTP: Grant = Some("PoolBuilder::http");
const TOOL: Grant = Some("PoolBuilder::tool");
const SHARE: Grant = Some("Call::share");
const NEVER: Grant = None;

/// The function that links one interface for a component.
type Link = fn(&mut Linker<Guest>) -> wasmtime::Result<()>;

/// The interfaces that a component may import, by the interface's name without its version,
/// or by that of a package: each with its grant, and the function that links it. An interface
/// that replaces WASI's own comes after it.
const INTERFACES: &[(&str, Grant, Link)] = &[
    (SOCKETS, NEVER, sockets::add_to_linker),
    ("wasi:cli/environment", ENV, |l| {
        cli::environment::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:cli/exit", EVERY_GUEST, |l| {
        cli::exit::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:cli/stdin", EVERY_GUEST, |l| {
        cli::stdin::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:cli/stdout", EVERY_GUEST, |l| {
        cli::stdout::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:cli/stderr", EVERY_GUEST, |l| {
        cli::stderr::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:cli/terminal-input", EVERY_GUEST, |l| {
        cli::terminal_input::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:cli/terminal-output", EVERY_GUEST, |l| {
        cli::terminal_output::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:cli/terminal-stdin", EVERY_GUEST, |l| {
        cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:cli/terminal-stdout", EVERY_GUEST, |l| {
        cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:cli/terminal-stderr", EVERY_GUEST, |l| {
        cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    ("wasi:clocks/wall-clock", EVERY_GUEST, |l| {
        clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, Guest::clocks)
    }),
    ("wasi:clocks/monotonic-clock", EVERY_GUEST, |l| {
        clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, Guest::clocks)?;
        sleep::add_to_linker(l)
    }),
    ("wasi:filesystem/preopens", DIR, filesystem::add_preopens),
    ("wasi:filesystem/types", DIR, filesystem::add_types),
    ("wasi:io/error", EVERY_GUEST, |l| {
        io::error::add_to_linker::<_, HasTable>(l, |guest| guest.ctx().table)
    }),
    ("wasi:io/poll", EVERY_GUEST, |l| {
        sync::io::poll::add_to_linker::<_, HasTable>(l, |guest| guest.ctx().table)
    }),
    ("wasi:io/streams", EVERY_GUEST, |l| {
        sync::io::streams::add_to_linker::<_, HasTable>(l, |guest| guest.ctx().table)
    }),
    ("wasi:random/random", EVERY_GUEST, |l| {
        random::random::add_to_linker::<_, WasiRandom>(l, |guest| guest.ctx().ctx.random())
    }),
    ("wasi:random/insecure", EVERY_GUEST, |l| {
        random::insecure::add_to_linker::<_, WasiRandom>(l, |guest| guest.ctx().ctx.random())
    }),
    ("wasi:random/insecure-seed", EVERY_GUEST, |l| {
        random::insecure_seed::add_to_linker::<_, WasiRandom>(l, |guest| guest.ctx().ctx.random())
    }),
    ("wasi:http/types", EVERY_GUEST, http_imports::add_types),
    (
        "wasi:http/outgoing-handler",
        HTTP,
        http_imports::add_handler,
    ),
    ("sandpool:task/task", EVERY_GUEST, |l| {
        task::add_to_linker::<_, HasGuest>(l, |guest| guest)
    }),
    ("sandpool:task/log", EVERY_GUEST, |l| {
        log::add_to_linker::<_, HasGuest>(l, |guest| guest)
    }),
    ("sandpool:task/progress", EVERY_GUEST, |l| {
        progress::add_to_linker::<_, HasGuest>(l, |guest| guest)
    }),
    ("sandpool:task/shared", EVERY_GUEST, |l| {
        shared::add_to_linker::<_, HasGuest>(l, |guest| guest)
    }),
    ("sandpool:task/queue", SHARE, |l| {
        queue::add_to_linker::<_, HasGuest>(l, |guest| guest)
    }),
    ("sandpool:task/pipe", SHARE, |l| {
        pipe::add_to_linker::<_, HasGuest>(l, |guest| guest)
    }),
    ("sandpool:task/manager", SHARE, |l| {
        manager::add_to_linker::<_, HasGuest>(l, |guest| guest)
    }),
    (HOST, TOOL, |l| {
        host::add_to_linker::<_, HasGuest>(l, |guest| guest)
    }),
    (INTERRUPT, EVERY_GUEST, |l| {
        interrupt::add_to_linker::<_, HasGuest>(l, |guest| guest)
    }),
];

/// The interfaces of known worlds that sandpool withholds: the name of an interface, or of a
/// package, and the beginning of the versions that are known. Their calls are refused.
const WITHHELD: &[(&str, &str)] = &[
    ("wasi:http/", "0.2."),
    ("wasi:keyvalue/", "0.2."),
    ("wasi:config/", "0.2."),
];

/// Links those interfaces of the table that a component wants. Linking all of them takes longer
/// than loading a small component.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>, wanted: &[&str]) -> wasmtime::Result<()> {
    for (name, _, link) in INTERFACES {
        if wanted.iter().any(|wanted| is_part(wanted, name)) {
            link(linker)?;
        }
    }
    Ok(())
}

/// Returns `true` if an import is this interface, of any version, or is of this package.
fn is_part(import: &str, name: &str) -> bool {
    let rest = import.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('@') || name.ends_with('/'))
}

/// Returns `true` if sandpool provides this import to components, by its name and version.
pub(super) fn is_provided_to_component(import: &str) -> bool {
    let Some((_, version)) = import.split_once('@') else {
        return false;
    };
    // Versions of one minor number before 1.0 stand for each other; a draft stands only for
    // itself.
    let is_newer = SINCE_0_2.iter().any(|name| is_part(import, name));
    let minor = match import.starts_with("wasi:") || is_newer {
        true => "0.2.",
        false => "0.1.",
    };
    version.starts_with(minor)
        && !version.contains('-')
        && INTERFACES.iter().any(|(name, ..)| is_part(import, name))
}

/// Returns `true` if an import of components is reserved to sandpool, so that no host can give
/// its functions: they are not described, and the host does not count them.
pub fn is_reserved(import: &str) -> bool {
    granted_by(import).is_some() || is_part(import, SOCKETS)
}

/// Returns the kind of an import of a component, by its name and version, if sandpool knows
/// it.
pub fn known_to_component(import: &str) -> Option<ImportKind> {
    let withheld = |(name, versions): &(&str, &str)| {
        let version = import.split_once('@').map(|(_, version)| version);
        is_part(import, name) && version.is_some_and(|version| version.starts_with(versions))
    };
    if is_provided_to_component(import) {
        return Some(match granted_by(import) {
            Some(_) => ImportKind::Provided,
            None => ImportKind::Withheld,
        });
    }
    WITHHELD
        .iter()
        .any(withheld)
        .then_some(ImportKind::Withheld)
}

/// Returns `true` if sandpool provides a function of this name to core modules. `is_abort`
/// tells whether it has the type of AssemblyScript's own: other languages have another function
/// by that name.
pub fn is_provided_to_core(import: &str, is_abort: bool) -> bool {
    match import.strip_prefix(PREVIEW_1_MODULE) {
        Some(name) => PREVIEW_1.contains(&name),
        None => import == ABORT && is_abort,
    }
}

/// Returns `true` if sandpool provides this import to core modules.
pub(super) fn is_provided(module: &str, name: &str, ty: &FuncType) -> bool {
    is_provided_to_core(&format!("{module}#{name}"), is_abort(ty))
}

fn is_abort(ty: &FuncType) -> bool {
    ty.params().len() == 4 && ty.params().all(|ty| ty.is_i32()) && ty.results().len() == 0
}

/// Returns the grant for an import: `given` if every guest has it, a method of the library if
/// it needs a grant, `None` if it is not available.
pub fn granted_by(import: &str) -> Option<&'static str> {
    if let Some(function) = import.strip_prefix(PREVIEW_1_MODULE) {
        return match function {
            "environ_get" | "environ_sizes_get" => ENV,
            path if path.starts_with("path_") => DIR,
            _ => EVERY_GUEST,
        };
    }
    if import == ABORT {
        return EVERY_GUEST;
    }
    if import.contains('@') && !is_provided_to_component(import) {
        return None;
    }
    let mut interfaces = INTERFACES.iter();
    let (_, grant, _) = interfaces.find(|(name, ..)| is_part(import, name))?;
    *grant
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
        assert!(is_provided_to_core(
            "wasi_snapshot_preview1#fd_write",
            false
        ));
        assert!(!is_provided_to_core(
            "wasi_snapshot_preview1#fd_paint",
            false
        ));
        assert!(is_provided_to_core("env#abort", true));
        assert!(!is_provided_to_core("env#abort", false));
    }
}
