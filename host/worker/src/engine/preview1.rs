//! WASI preview 1's file functions for core modules: wasmtime-wasi's own, with
//! refusals noted by name, and with an empty root where no directory was
//! granted (`filesystem` says why).

use wasmtime::{Caller, Linker};
use wasmtime_wasi::p1::types::{
    Errno, Event, EventFdReadwrite, Eventrwflags, Eventtype, Fdflags, Fdstat, Filestat, Filetype,
    Oflags, Prestat, PrestatDir, Rights,
};
use wasmtime_wasi::p1::wasi_snapshot_preview1 as wasi;
use wasmtime_wasi::runtime::in_tokio;
use wiggle::GuestPtr;

use super::files::{Wish, ask_empty_root};
use super::guest::Guest;
use super::preview1_call::{Preview1Call, SUCCESS, string};

const MODULE: &str = "wasi_snapshot_preview1";

/// Defines the functions of this module, each with the call as its first argument.
macro_rules! replace {
    ($linker:ident; $(fn $name:ident($call:ident $(, $arg:ident: $ty:ty)*) $body:block)+) => {$(
        $linker.func_wrap(
            MODULE,
            stringify!($name),
            |mut caller: Caller<'_, Guest>, $($arg: $ty),*| -> wasmtime::Result<i32> {
                let $call = &mut Preview1Call::of(&mut caller)?;
                $body
            },
        )?;
    )+};
}

/// Calls the function with this name in wasmtime-wasi.
macro_rules! wasi {
    ($call:ident.$name:ident($($arg:expr),*)) => {
        in_tokio(wasi::$name($call.guest.wasi.get(), &mut $call.memory $(, $arg)*))?
    };
}

/// Replaces WASI's own functions by these.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    add_descriptors(linker)?;
    add_buffers(linker)?;
    add_poll(linker)?;
    add_looks(linker)?;
    add_changes(linker)
}

/// Adds the functions that take a descriptor.
fn add_descriptors(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace! { linker;
        fn fd_prestat_get(call, fd: i32, out: i32) {
            if call.root().first != Some(fd as u32) {
                return wasi::fd_prestat_get(call.guest.wasi.get(), &mut call.memory, fd, out);
            }
            call.write(out, Prestat::Dir(PrestatDir { pr_name_len: 1 }))
        }
        fn fd_prestat_dir_name(call, fd: i32, path: i32, len: i32) {
            if call.root().first != Some(fd as u32) {
                return wasi::fd_prestat_dir_name(
                    call.guest.wasi.get(), &mut call.memory, fd, path, len,
                );
            }
            match len {
                0 => Ok(Errno::Nametoolong as i32),
                _ => call.write(path, b'/'),
            }
        }
        fn fd_fdstat_get(call, fd: i32, out: i32) {
            if !call.is_root(fd) {
                return Ok(wasi!(call.fd_fdstat_get(fd, out)));
            }
            call.write(out, Fdstat {
                fs_filetype: Filetype::Directory,
                fs_flags: Fdflags::empty(),
                // C libraries look here before they ask for anything.
                fs_rights_base: Rights::all(),
                fs_rights_inheriting: Rights::all(),
            })
        }
        fn fd_filestat_get(call, fd: i32, out: i32) {
            if !call.is_root(fd) {
                return Ok(wasi!(call.fd_filestat_get(fd, out)));
            }
            call.write(out, root_stat())
        }
        fn fd_readdir(call, fd: i32, buffer: i32, len: i32, cookie: i64, out: i32) {
            if !call.is_root(fd) {
                return Ok(wasi!(call.fd_readdir(fd, buffer, len, cookie, out)));
            }
            call.write(out, 0u32)
        }
        fn fd_filestat_set_times(call, fd: i32, accessed: i64, modified: i64, flags: i32) {
            if call.is_root(fd) {
                ask_empty_root(&mut call.guest.bounds, "/", Wish::Change);
                return Ok(Errno::Perm as i32);
            }
            let code = wasi!(call.fd_filestat_set_times(fd, accessed, modified, flags));
            call.judge_open(code, fd)
        }
        fn fd_filestat_set_size(call, fd: i32, size: i64) {
            let code = wasi!(call.fd_filestat_set_size(fd, size));
            call.judge_open(code, fd)
        }
        fn fd_close(call, fd: i32) {
            let root = call.root();
            if root.again.remove(&(fd as u32)) {
                return Ok(SUCCESS);
            }
            if root.first == Some(fd as u32) {
                root.first = None;
                if !root.kept {
                    return Ok(SUCCESS);
                }
            }
            let code = wasi!(call.fd_close(fd));
            if code == SUCCESS {
                call.guest.files.forget(fd as u32);
            }
            Ok(code)
        }
        fn fd_renumber(call, from: i32, to: i32) {
            if call.is_root(from) || call.is_root(to) {
                return Ok(Errno::Notsup as i32);
            }
            let code = wasi!(call.fd_renumber(from, to));
            if code == SUCCESS && from != to {
                let place = call.directory(from).cloned();
                call.guest.files.forget(from as u32);
                if let Some(place) = place {
                    call.guest.files.name(to as u32, place);
                }
            }
            Ok(code)
        }
    }
    Ok(())
}

/// Adds the functions that read and write. wasmtime-wasi moves the first buffer of a list
/// alone, and many guests assume that all are moved.
fn add_buffers(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace! { linker;
        fn fd_write(call, fd: i32, buffers: i32, count: i32, out: i32) {
            call.each_buffer(buffers, count, out, |call, at, count, _| {
                Ok(wasi!(call.fd_write(fd, at, count, out)))
            })
        }
        fn fd_pwrite(call, fd: i32, buffers: i32, count: i32, offset: i64, out: i32) {
            call.each_buffer(buffers, count, out, |call, at, count, moved| {
                let offset = offset.wrapping_add(moved);
                Ok(wasi!(call.fd_pwrite(fd, at, count, offset, out)))
            })
        }
        fn fd_read(call, fd: i32, buffers: i32, count: i32, out: i32) {
            // Filling a second buffer from standard input might block.
            if !call.is_file(fd) {
                return Ok(wasi!(call.fd_read(fd, buffers, count, out)));
            }
            call.each_buffer(buffers, count, out, |call, at, count, _| {
                Ok(wasi!(call.fd_read(fd, at, count, out)))
            })
        }
        fn fd_pread(call, fd: i32, buffers: i32, count: i32, offset: i64, out: i32) {
            call.each_buffer(buffers, count, out, |call, at, count, moved| {
                let offset = offset.wrapping_add(moved);
                Ok(wasi!(call.fd_pread(fd, at, count, offset, out)))
            })
        }
    }
    Ok(())
}

/// Adds the function that waits. For files, wasmtime-wasi would read ahead, on a thread
/// that a worker must not start. A file is always ready, so a guest that waits for one
/// among other things is told at once.
fn add_poll(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace! { linker;
        fn poll_oneoff(call, subscriptions: i32, events: i32, count: i32, out: i32) {
            let ready = call.ready_files(subscriptions, count)?;
            if ready.is_empty() {
                return Ok(wasi!(call.poll_oneoff(subscriptions, events, count, out)));
            }
            let events = GuestPtr::<Event>::new(events as u32);
            for (event, userdata) in events.as_array(count as u32).iter().zip(&ready) {
                call.memory.write(event?, Event {
                    userdata: *userdata,
                    error: Errno::Success,
                    type_: Eventtype::FdRead,
                    fd_readwrite: EventFdReadwrite {
                        nbytes: 1,
                        flags: Eventrwflags::empty(),
                    },
                })?;
            }
            call.write(out, ready.len() as u32)
        }
    }
    Ok(())
}

/// Adds the functions that look at paths.
fn add_looks(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace! { linker;
        fn path_open(
            call, fd: i32, follow: i32, path: i32, len: i32, open: i32,
            rights: i64, inheriting: i64, flags: i32, out: i32
        ) {
            let wish = wish_of(open, rights);
            if call.is_root(fd) {
                return match call.ask_root(path, len, wish)? {
                    SUCCESS => call.open_root_again(out),
                    refused => Ok(refused),
                };
            }
            call.keep_number_of_root(fd)?;
            let code = wasi!(call.path_open(
                fd, follow, path, len, open, rights, inheriting, flags, out
            ));
            if code == SUCCESS && let Some(directory) = call.directory(fd).cloned() {
                let number = call.memory.read(GuestPtr::<u32>::new(out as u32))?;
                // If the number could not be kept, it is this file's now.
                call.root().first.take_if(|root| *root == number);
                let path = string(&call.memory, path, len)?.unwrap_or_default();
                call.guest.files.name_below(number, &directory, &path);
            }
            call.judge(code, fd, follow, (path, len), wish)
        }
        fn path_filestat_get(call, fd: i32, follow: i32, path: i32, len: i32, out: i32) {
            if call.is_root(fd) {
                return match call.ask_root(path, len, Wish::Look)? {
                    SUCCESS => call.write(out, root_stat()),
                    refused => Ok(refused),
                };
            }
            let code = wasi!(call.path_filestat_get(fd, follow, path, len, out));
            call.judge(code, fd, follow, (path, len), Wish::Look)
        }
        fn path_readlink(
            call, fd: i32, path: i32, len: i32, buffer: i32, buffer_len: i32, out: i32
        ) {
            if call.is_root(fd) {
                return match call.ask_root(path, len, Wish::Look)? {
                    SUCCESS => Ok(Errno::Inval as i32),
                    refused => Ok(refused),
                };
            }
            let code = wasi!(call.path_readlink(fd, path, len, buffer, buffer_len, out));
            call.judge(code, fd, 0, (path, len), Wish::Look)
        }
    }
    Ok(())
}

/// Adds the functions that change paths.
fn add_changes(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace! { linker;
        fn path_filestat_set_times(
            call, fd: i32, follow: i32, path: i32, len: i32,
            accessed: i64, modified: i64, flags: i32
        ) {
            if call.is_root(fd) {
                return call.ask_root(path, len, Wish::Change);
            }
            let code = wasi!(call.path_filestat_set_times(
                fd, follow, path, len, accessed, modified, flags
            ));
            call.judge(code, fd, follow, (path, len), Wish::Change)
        }
        fn path_create_directory(call, fd: i32, path: i32, len: i32) {
            if call.is_root(fd) {
                return call.ask_root(path, len, Wish::Create);
            }
            let code = wasi!(call.path_create_directory(fd, path, len));
            call.judge(code, fd, 0, (path, len), Wish::Create)
        }
        fn path_remove_directory(call, fd: i32, path: i32, len: i32) {
            if call.is_root(fd) {
                return call.ask_root(path, len, Wish::Change);
            }
            let code = wasi!(call.path_remove_directory(fd, path, len));
            call.judge(code, fd, 0, (path, len), Wish::Change)
        }
        fn path_unlink_file(call, fd: i32, path: i32, len: i32) {
            if call.is_root(fd) {
                return call.ask_root(path, len, Wish::Change);
            }
            let code = wasi!(call.path_unlink_file(fd, path, len));
            call.judge(code, fd, 0, (path, len), Wish::Change)
        }
        fn path_symlink(call, target: i32, target_len: i32, fd: i32, path: i32, len: i32) {
            if call.is_root(fd) {
                return call.ask_root(path, len, Wish::Create);
            }
            let code = wasi!(call.path_symlink(target, target_len, fd, path, len));
            let leads_out = string(&call.memory, target, target_len)?
                .is_some_and(|target| target.starts_with('/'));
            let writable = call.directory(fd).is_some_and(|place| place.writable);
            let refused = match leads_out && writable {
                // The refused path is the target of the link.
                true => (target, target_len),
                false => (path, len),
            };
            call.judge(code, fd, 0, refused, Wish::Create)
        }
        fn path_link(
            call, fd: i32, follow: i32, path: i32, len: i32,
            to: i32, to_path: i32, to_len: i32
        ) {
            if call.is_root(fd) {
                return call.ask_root(path, len, Wish::Change);
            }
            if call.is_root(to) {
                return call.ask_root(to_path, to_len, Wish::Create);
            }
            let code = wasi!(call.path_link(fd, follow, path, len, to, to_path, to_len));
            let code = call.judge(code, fd, 0, (path, len), Wish::Change)?;
            call.judge(code, to, 0, (to_path, to_len), Wish::Create)
        }
        fn path_rename(
            call, fd: i32, path: i32, len: i32, to: i32, to_path: i32, to_len: i32
        ) {
            if call.is_root(fd) {
                return call.ask_root(path, len, Wish::Change);
            }
            if call.is_root(to) {
                return call.ask_root(to_path, to_len, Wish::Create);
            }
            let code = wasi!(call.path_rename(fd, path, len, to, to_path, to_len));
            let code = call.judge(code, fd, 0, (path, len), Wish::Change)?;
            call.judge(code, to, 0, (to_path, to_len), Wish::Create)
        }
    }
    Ok(())
}

fn wish_of(open: i32, rights: i64) -> Wish {
    let open = Oflags::from_bits_truncate(open as u16);
    let rights = Rights::from_bits_truncate(rights as u64);
    if open.contains(Oflags::CREAT) {
        Wish::Create
    } else if open.contains(Oflags::TRUNC) || rights.contains(Rights::FD_WRITE) {
        Wish::Change
    } else {
        Wish::Look
    }
}

fn root_stat() -> Filestat {
    Filestat {
        dev: 1,
        ino: 1,
        filetype: Filetype::Directory,
        nlink: 1,
        size: 0,
        atim: 0,
        mtim: 0,
        ctim: 0,
    }
}
