//! WASI preview 1's file functions for core modules: wasmtime-wasi's own, with
//! refusals noted by name, and with an empty root where no directory was
//! granted (`filesystem` says why).
//!
//! Descriptors are plain numbers here, and a C library counts upwards from 3
//! to find what it was given. So the root has the number behind the granted
//! directories, and that is the one which wasmtime-wasi would give to the
//! first file that is opened; see [`Call::keep_number_of_root`].

use std::collections::BTreeSet;

use wasmtime::{AsContextMut, Caller, Extern, Linker};
use wasmtime_wasi::p1::types::{
    Errno, Event, EventFdReadwrite, Eventrwflags, Eventtype, Fdflags, Fdstat, Filestat, Filetype,
    Oflags, Prestat, PrestatDir, Rights, Subscription, SubscriptionU,
};
use wasmtime_wasi::p1::wasi_snapshot_preview1::{self as wasi, WasiSnapshotPreview1};
use wasmtime_wasi::runtime::in_tokio;
use wiggle::{GuestError, GuestMemory, GuestPtr};

use super::files::{Empty, Granted, Place, Wish, ask_empty_root, note_refusal};
use super::guest::Guest;

const MODULE: &str = "wasi_snapshot_preview1";

/// The number of the first granted directory.
const FIRST_GRANT: u32 = 3;

/// Numbers of the root when it is opened again, from here upwards: no file
/// ever gets so far.
const ROOT_AGAIN: u32 = 1 << 30;

/// As often may it be open at once.
const MAX_ROOTS: usize = 10_000;

const SUCCESS: i32 = Errno::Success as i32;

/// Under which numbers a guest has the empty root open.
#[derive(Debug, Default)]
pub(crate) struct RootNumbers {
    /// The one that it is born with, until it closes it.
    first: Option<u32>,
    /// Whether wasmtime-wasi knows that this number is taken.
    kept: bool,
    again: BTreeSet<u32>,
}

impl RootNumbers {
    pub(super) fn new(granted: &Granted) -> Self {
        let behind = u32::try_from(granted.places().len()).map(|count| FIRST_GRANT + count);
        RootNumbers {
            first: behind.ok().filter(|_| !granted.covers_root()),
            ..RootNumbers::default()
        }
    }
}

/// A function that a guest called.
struct Call<'a> {
    guest: &'a mut Guest,
    memory: GuestMemory<'a>,
}

/// Defines the functions of this module, each with the call as its first
/// argument.
macro_rules! replace {
    ($linker:ident; $(fn $name:ident($call:ident $(, $arg:ident: $ty:ty)*) $body:block)+) => {$(
        $linker.func_wrap(
            MODULE,
            stringify!($name),
            |mut caller: Caller<'_, Guest>, $($arg: $ty),*| -> wasmtime::Result<i32> {
                let $call = &mut Call::of(&mut caller)?;
                $body
            },
        )?;
    )+};
}

/// Calls the function of the same name in wasmtime-wasi.
macro_rules! wasi {
    ($call:ident.$name:ident($($arg:expr),*)) => {
        in_tokio(wasi::$name(&mut $call.guest.wasi, &mut $call.memory $(, $arg)*))?
    };
}

/// Puts these functions in the place of WASI's.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    add_descriptors(linker)?;
    add_poll(linker)?;
    add_looks(linker)?;
    add_changes(linker)
}

/// What is asked of a descriptor rather than of a path.
fn add_descriptors(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace! { linker;
        fn fd_prestat_get(call, fd: i32, out: i32) {
            if call.root().first != Some(fd as u32) {
                return wasi::fd_prestat_get(&mut call.guest.wasi, &mut call.memory, fd, out);
            }
            call.write(out, Prestat::Dir(PrestatDir { pr_name_len: 1 }))
        }
        fn fd_prestat_dir_name(call, fd: i32, path: i32, len: i32) {
            if call.root().first != Some(fd as u32) {
                return wasi::fd_prestat_dir_name(
                    &mut call.guest.wasi, &mut call.memory, fd, path, len,
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

/// Waiting for files: wasmtime-wasi would read ahead, on a thread that a
/// worker must not start. There is nothing to wait for, so whoever waits for a
/// file among other things is told of it at once.
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

/// What finds out about paths.
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

/// What changes what paths name.
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
                // What was refused is the place that the link would lead to.
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

impl<'a> Call<'a> {
    fn of(caller: &'a mut Caller<'_, Guest>) -> wasmtime::Result<Self> {
        let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
            return Err(wasmtime::format_err!("missing required memory export"));
        };
        let fuel = caller.as_context_mut().hostcall_fuel();
        let (bytes, guest) = memory.data_and_store_mut(caller);
        guest.wasi.set_hostcall_fuel(fuel);
        Ok(Call {
            guest,
            memory: GuestMemory::Unshared(bytes),
        })
    }

    fn root(&mut self) -> &mut RootNumbers {
        &mut self.guest.files.root
    }

    fn is_root(&self, fd: i32) -> bool {
        let (root, fd) = (&self.guest.files.root, fd as u32);
        root.first == Some(fd) || root.again.contains(&fd)
    }

    /// What a descriptor was opened as.
    fn directory(&self, fd: i32) -> Option<&Place> {
        let (files, fd) = (&self.guest.files, fd as u32);
        let granted = || {
            let index = fd.checked_sub(FIRST_GRANT)? as usize;
            files.granted.places().get(index)
        };
        files.place(fd).or_else(granted)
    }

    /// Of what a guest waits for, what are files that it wants to read.
    fn ready_files(&self, subscriptions: i32, count: i32) -> wasmtime::Result<Vec<u64>> {
        let mut ready = Vec::new();
        let subscriptions = GuestPtr::<Subscription>::new(subscriptions as u32);
        for subscription in subscriptions.as_array(count as u32).iter() {
            let subscription = self.memory.read(subscription?)?;
            if let SubscriptionU::FdRead(read) = subscription.u
                && self
                    .guest
                    .files
                    .place(read.file_descriptor.into())
                    .is_some()
            {
                ready.push(subscription.userdata);
            }
        }
        Ok(ready)
    }

    fn write<T: wiggle::GuestType>(&mut self, out: i32, value: T) -> wasmtime::Result<i32> {
        self.memory.write(GuestPtr::<T>::new(out as u32), value)?;
        Ok(SUCCESS)
    }

    /// The empty root's answer to a path: success for the root itself.
    fn ask_root(&mut self, path: i32, len: i32, wish: Wish) -> wasmtime::Result<i32> {
        let Some(path) = string(&self.memory, path, len)? else {
            return Ok(Errno::Ilseq as i32);
        };
        let answer = match ask_empty_root(&mut self.guest.bounds, &path, wish) {
            Empty::Root => Errno::Success,
            Empty::Absent => Errno::Noent,
            Empty::Forbidden => Errno::Perm,
        };
        Ok(answer as i32)
    }

    fn open_root_again(&mut self, out: i32) -> wasmtime::Result<i32> {
        let again = &mut self.root().again;
        if again.len() >= MAX_ROOTS {
            return Ok(Errno::Mfile as i32);
        }
        let number = again.last().map_or(ROOT_AGAIN, |last| last + 1);
        again.insert(number);
        self.write(out, number)
    }

    /// Passes on what wasmtime-wasi answered about a path, and notes a refusal.
    fn judge(
        &mut self,
        code: i32,
        fd: i32,
        follow: i32,
        (path, len): (i32, i32),
        wish: Wish,
    ) -> wasmtime::Result<i32> {
        if code == Errno::Perm as i32
            && let Some(directory) = self.directory(fd).cloned()
            && let Some(path) = string(&self.memory, path, len)?
        {
            let Guest { wasi, bounds, .. } = &mut *self.guest;
            note_refusal(bounds, &directory, &path, wish, || {
                let (mut memory, at) = scratch(&path);
                let len = path.len() as i32;
                let memory = &mut GuestMemory::Unshared(&mut memory);
                let look = wasi::path_filestat_get(wasi, memory, fd, follow, at, len, 0);
                in_tokio(look).is_ok_and(|code| code == Errno::Perm as i32)
            });
        }
        Ok(code)
    }

    /// The same for a change of what is open already.
    fn judge_open(&mut self, code: i32, fd: i32) -> wasmtime::Result<i32> {
        if code == Errno::Perm as i32
            && let Some(place) = self.directory(fd).cloned()
        {
            let bounds = &mut self.guest.bounds;
            note_refusal(bounds, &place, "", Wish::Change, || false);
        }
        Ok(code)
    }

    /// Before the first file is opened: wasmtime-wasi does not know of the
    /// root, so its number would go to that file. One descriptor of a granted
    /// directory is opened for no use but to have the number; no call reaches
    /// it. Without grants no file can be opened, and nothing is done.
    fn keep_number_of_root(&mut self, beside: i32) -> wasmtime::Result<()> {
        let root = &self.guest.files.root;
        let Some(wanted) = root.first.filter(|_| !root.kept) else {
            return Ok(());
        };
        // Numbers that the guest has closed come first.
        let mut others = Vec::new();
        loop {
            let (mut bytes, at) = scratch(".");
            let memory = &mut GuestMemory::Unshared(&mut bytes);
            let directory = i32::from(Oflags::DIRECTORY.bits());
            let (wasi, none) = (&mut self.guest.wasi, 0);
            let code = in_tokio(wasi::path_open(
                wasi, memory, beside, none, at, 1, directory, 0, 0, none, 0,
            ))?;
            if code != SUCCESS {
                break;
            }
            let number = memory.read(GuestPtr::<u32>::new(0))?;
            if number == wanted {
                self.root().kept = true;
                break;
            }
            others.push(number);
        }
        for number in others {
            wasi!(self.fd_close(number as i32));
        }
        Ok(())
    }
}

/// A little memory with a path in it, and where the path lies; before it there
/// is room for an answer.
fn scratch(path: &str) -> (Vec<u8>, i32) {
    const ROOM: usize = 64;
    let mut memory = vec![0; ROOM];
    memory.extend_from_slice(path.as_bytes());
    (memory, ROOM as i32)
}

/// A guest's string; `None` if it is not UTF-8.
fn string<'a>(
    memory: &'a GuestMemory<'_>,
    at: i32,
    len: i32,
) -> wasmtime::Result<Option<std::borrow::Cow<'a, str>>> {
    match memory.as_cow_str(GuestPtr::<str>::new((at as u32, len as u32))) {
        Ok(text) => Ok(Some(text)),
        Err(GuestError::InvalidUtf8(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
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
