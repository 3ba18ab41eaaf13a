//! One call of a preview 1 function: the guest, its memory, and those of its descriptors
//! that are the empty root.
//!
//! Descriptors are plain numbers here, and a C library counts upwards from 3 to find its
//! directories. So the root has the number behind the granted directories, which
//! wasmtime-wasi would give to the first file that is opened; see
//! [`Preview1Call::keep_number_of_root`].

use std::borrow::Cow;

use wasmtime::{AsContextMut, Caller, Extern};
use wasmtime_wasi::p1::types::{Ciovec, Errno, Oflags, Subscription, SubscriptionU};
use wasmtime_wasi::p1::wasi_snapshot_preview1::{self as wasi, WasiSnapshotPreview1};
use wasmtime_wasi::runtime::in_tokio;
use wiggle::{GuestError, GuestMemory, GuestPtr, GuestType};

use super::files::{
    Empty, FIRST_GRANT, GuestPath, RootNumbers, Wish, ask_empty_root, note_refusal,
};
use super::guest::Guest;

/// The first number of the root when it is opened again: no file ever gets that far.
const ROOT_AGAIN: u32 = 1 << 30;

/// The number of buffers that one call moves, as on Linux.
const MAX_BUFFERS: usize = 1024;

/// The number of times that the root may be open at once.
const MAX_ROOTS: usize = 10_000;

pub(super) const SUCCESS: i32 = Errno::Success as i32;

/// A function that a guest called.
pub(super) struct Preview1Call<'a> {
    pub(super) guest: &'a mut Guest,
    pub(super) memory: GuestMemory<'a>,
}

impl<'a> Preview1Call<'a> {
    pub(super) fn of(caller: &'a mut Caller<'_, Guest>) -> wasmtime::Result<Self> {
        let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
            return Err(wasmtime::format_err!("missing required memory export"));
        };
        let fuel = caller.as_context_mut().hostcall_fuel();
        let (bytes, guest) = memory.data_and_store_mut(caller);
        guest.wasi.get().set_hostcall_fuel(fuel);
        Ok(Preview1Call {
            guest,
            memory: GuestMemory::Unshared(bytes),
        })
    }

    pub(super) fn root(&mut self) -> &mut RootNumbers {
        &mut self.guest.files.root
    }

    pub(super) fn is_root(&self, fd: i32) -> bool {
        let (root, fd) = (&self.guest.files.root, fd as u32);
        root.first == Some(fd) || root.again.contains(&fd)
    }

    /// Returns the directory that a descriptor was opened for.
    pub(super) fn directory(&self, fd: i32) -> Option<&GuestPath> {
        let (files, fd) = (&self.guest.files, fd as u32);
        let granted = || {
            let index = fd.checked_sub(FIRST_GRANT)? as usize;
            files.granted.places().get(index)
        };
        files.place(fd).or_else(granted)
    }

    /// Returns `true` if this is a file or a directory that the guest has opened.
    pub(super) fn is_file(&self, fd: i32) -> bool {
        self.guest.files.place(fd as u32).is_some()
    }

    /// Moves the bytes of a list of buffers, one after the other, until a buffer is not
    /// moved whole. `one` moves those of a part of the list, and gets the number of bytes
    /// that were moved before.
    pub(super) fn each_buffer(
        &mut self,
        buffers: i32,
        count: i32,
        out: i32,
        one: impl Fn(&mut Self, i32, i32, i64) -> wasmtime::Result<i32>,
    ) -> wasmtime::Result<i32> {
        if count == 1 {
            return one(self, buffers, count, 0);
        }
        let list = GuestPtr::<Ciovec>::new(buffers as u32).as_array(count as u32);
        let most = self.guest.bounds.file_bytes_at_once;
        let mut moved = 0u64;
        for buffer in list.iter().take(MAX_BUFFERS) {
            let buffer = buffer?;
            let len = self.memory.read(buffer)?.buf_len;
            if len == 0 {
                continue;
            }
            if moved > 0 && moved + u64::from(len) > most {
                break;
            }
            let before = i64::try_from(moved).unwrap_or(i64::MAX);
            let code = one(self, buffer.offset() as i32, 1, before)?;
            if code != SUCCESS {
                // Reports the bytes that were moved; the next call meets the error.
                if moved == 0 {
                    return Ok(code);
                }
                break;
            }
            let now = self.memory.read(GuestPtr::<u32>::new(out as u32))?;
            moved += u64::from(now);
            if now < len {
                break;
            }
        }
        if moved == 0 {
            // Nothing is to be moved, but a wrong descriptor is still reported.
            return one(self, buffers, 0, 0);
        }
        self.write(out, u32::try_from(moved).unwrap_or(u32::MAX))
    }

    /// Returns those of a guest's subscriptions that wait for reading a file.
    pub(super) fn ready_files(&self, subscriptions: i32, count: i32) -> wasmtime::Result<Vec<u64>> {
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

    pub(super) fn write<T: GuestType>(&mut self, out: i32, value: T) -> wasmtime::Result<i32> {
        self.memory.write(GuestPtr::<T>::new(out as u32), value)?;
        Ok(SUCCESS)
    }

    /// Returns the empty root's answer to a path: success for the root itself.
    pub(super) fn ask_root(&mut self, path: i32, len: i32, wish: Wish) -> wasmtime::Result<i32> {
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

    pub(super) fn open_root_again(&mut self, out: i32) -> wasmtime::Result<i32> {
        let again = &mut self.root().again;
        if again.len() >= MAX_ROOTS {
            return Ok(Errno::Mfile as i32);
        }
        let number = again.last().map_or(ROOT_AGAIN, |last| last + 1);
        again.insert(number);
        self.write(out, number)
    }

    /// Passes on wasmtime-wasi's answer about a path, and notes a refusal.
    pub(super) fn judge(
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
                let look = wasi::path_filestat_get(wasi.get(), memory, fd, follow, at, len, 0);
                in_tokio(look).is_ok_and(|code| code == Errno::Perm as i32)
            });
        }
        Ok(code)
    }

    /// Passes on wasmtime-wasi's answer about a change of an open file, and notes a
    /// refusal.
    pub(super) fn judge_open(&mut self, code: i32, fd: i32) -> wasmtime::Result<i32> {
        if code == Errno::Perm as i32
            && let Some(place) = self.directory(fd).cloned()
        {
            let bounds = &mut self.guest.bounds;
            note_refusal(bounds, &place, "", Wish::Change, || false);
        }
        Ok(code)
    }

    /// Keeps the root's number, before the first file is opened: wasmtime-wasi does not
    /// know of the root, so that file would get its number. One descriptor of a granted
    /// directory is opened only to take the number; no call reaches it. Without grants no
    /// file can be opened, and nothing is done.
    pub(super) fn keep_number_of_root(&mut self, beside: i32) -> wasmtime::Result<()> {
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
            let (wasi, none) = (self.guest.wasi.get(), 0);
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
            let Preview1Call { guest, memory } = self;
            in_tokio(wasi::fd_close(guest.wasi.get(), memory, number as i32))?;
        }
        Ok(())
    }
}

/// Returns a little memory with a path in it, and the path's position; before the path
/// there is room for an answer.
fn scratch(path: &str) -> (Vec<u8>, i32) {
    const ROOM: usize = 64;
    let mut memory = vec![0; ROOM];
    memory.extend_from_slice(path.as_bytes());
    (memory, ROOM as i32)
}

/// Returns a guest's string; `None` if it is not UTF-8.
pub(super) fn string<'a>(
    memory: &'a GuestMemory<'_>,
    at: i32,
    len: i32,
) -> wasmtime::Result<Option<Cow<'a, str>>> {
    match memory.as_cow_str(GuestPtr::<str>::new((at as u32, len as u32))) {
        Ok(text) => Ok(Some(text)),
        Err(GuestError::InvalidUtf8(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
