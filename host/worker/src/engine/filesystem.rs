//! `wasi:filesystem` for components: wasmtime-wasi's own, with refusals noted by name, and
//! with an empty root where no directory was granted.
//!
//! Without the root, a guest's C library finds no directory for a path and gives up before
//! it has asked the host, so nobody could name the file that it wanted. The root and its
//! listings are resources without an entry in the table, hence without a descriptor of the
//! operating system behind them.

use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtxView, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{
    self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry,
    DirectoryEntryStream, Filesize, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

use super::bounds::Bounds;
use super::file_stream::{FileReader, FileWriter, read_whole};
use super::files::{Empty, Files, Wish, ask_empty_root, note_refusal};
use super::guest::Guest;

/// The number of the root, and of a listing of it. The table counts up from 0
/// and is full long before.
const ROOT: u32 = u32::MAX;

/// Replaces WASI's own interface.
pub(super) fn add_types(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    types::add_to_linker::<Guest, Filesystem>(linker, view)
}

/// Replaces WASI's own interface.
pub(super) fn add_preopens(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    preopens::add_to_linker::<Guest, Filesystem>(linker, view)
}

struct Filesystem;

impl HasData for Filesystem {
    type Data<'a> = View<'a>;
}

struct View<'a> {
    wasi: WasiFilesystemCtxView<'a>,
    files: &'a mut Files,
    bounds: &'a mut Bounds,
}

fn view(guest: &mut Guest) -> View<'_> {
    View {
        wasi: guest.wasi.get().filesystem(),
        files: &mut guest.files,
        bounds: &mut guest.bounds,
    }
}

type Fd = Resource<Descriptor>;

fn is_root<T>(resource: &Resource<T>) -> bool {
    resource.rep() == ROOT
}

fn borrow(number: u32) -> Fd {
    Resource::new_borrow(number)
}

fn root_stat() -> DescriptorStat {
    DescriptorStat {
        type_: DescriptorType::Directory,
        link_count: 1,
        size: 0,
        data_access_timestamp: None,
        data_modification_timestamp: None,
        status_change_timestamp: None,
    }
}

const ROOT_HASH: MetadataHashValue = MetadataHashValue { lower: 1, upper: 1 };

impl View<'_> {
    /// Returns the empty root's answer to a path: `Ok` for the root itself.
    fn ask_root(&mut self, path: &str, wish: Wish) -> FsResult<()> {
        if self.files.is_look_for_a_source(path, wish) {
            return Err(ErrorCode::NoEntry.into());
        }
        match ask_empty_root(self.bounds, path, wish) {
            Empty::Root => Ok(()),
            Empty::Absent => Err(ErrorCode::NoEntry.into()),
            Empty::Forbidden => Err(ErrorCode::NotPermitted.into()),
        }
    }

    /// Passes on wasmtime-wasi's answer about a path, and notes a refusal.
    fn judge<T>(
        &mut self,
        answer: FsResult<T>,
        directory: u32,
        path: &str,
        follow: PathFlags,
        wish: Wish,
    ) -> FsResult<T> {
        if was_refused(&answer)
            && let Some(place) = self.files.place(directory)
        {
            let wasi = &mut self.wasi;
            note_refusal(self.bounds, place, path, wish, || {
                let look = wasi.stat_at(borrow(directory), follow, path.to_owned());
                was_refused(&look)
            });
        }
        answer
    }

    /// Passes on wasmtime-wasi's answer about a change of an open file, and notes a
    /// refusal.
    fn judge_open<T>(&mut self, answer: FsResult<T>, number: u32) -> FsResult<T> {
        if was_refused(&answer)
            && let Some(place) = self.files.place(number)
        {
            note_refusal(self.bounds, place, "", Wish::Change, || false);
        }
        answer
    }

    /// Returns the file behind a descriptor, for a stream.
    fn file(&self, fd: &Fd) -> FsResult<&wasmtime_wasi::filesystem::File> {
        match self.wasi.table.get(fd)? {
            Descriptor::File(file) => Ok(file),
            Descriptor::Dir(_) => Err(ErrorCode::IsDirectory.into()),
        }
    }
}

/// Returns `true` if an answer is the one that both a read-only grant and a way out of a
/// directory get.
fn was_refused<T>(answer: &FsResult<T>) -> bool {
    let error = answer.as_ref().err().and_then(FsError::downcast_ref);
    matches!(error, Some(ErrorCode::NotPermitted))
}

impl preopens::Host for View<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Fd, String)>> {
        let mut directories = preopens::Host::get_directories(&mut self.wasi)?;
        let granted = self.files.granted.clone();
        for ((fd, _), place) in directories.iter().zip(granted.places()) {
            self.files.name(fd.rep(), place.clone());
        }
        if !granted.covers_root() {
            directories.push((Resource::new_own(ROOT), "/".to_owned()));
        }
        Ok(directories)
    }
}

impl types::Host for View<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<types::ErrorCode> {
        types::Host::convert_error_code(&mut self.wasi, error)
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<types::ErrorCode>> {
        types::Host::filesystem_error_code(&mut self.wasi, error)
    }
}

impl HostDescriptor for View<'_> {
    fn open_at(
        &mut self,
        fd: Fd,
        follow: PathFlags,
        path: String,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Fd> {
        let wish = if open.contains(OpenFlags::CREATE) {
            Wish::Create
        } else if open.contains(OpenFlags::TRUNCATE) || flags.contains(DescriptorFlags::WRITE) {
            Wish::Change
        } else {
            Wish::Look
        };
        if is_root(&fd) {
            self.ask_root(&path, wish)?;
            return Ok(Resource::new_own(ROOT));
        }
        let directory = fd.rep();
        let answer = self.wasi.open_at(fd, follow, path.clone(), open, flags);
        if let Ok(opened) = &answer
            && let Some(place) = self.files.place(directory).cloned()
        {
            self.files.name_below(opened.rep(), &place, &path);
        }
        self.judge(answer, directory, &path, follow, wish)
    }

    fn stat_at(&mut self, fd: Fd, follow: PathFlags, path: String) -> FsResult<DescriptorStat> {
        if is_root(&fd) {
            return self.ask_root(&path, Wish::Look).map(|()| root_stat());
        }
        let directory = fd.rep();
        let answer = self.wasi.stat_at(fd, follow, path.clone());
        self.judge(answer, directory, &path, follow, Wish::Look)
    }

    fn metadata_hash_at(
        &mut self,
        fd: Fd,
        follow: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        if is_root(&fd) {
            return self.ask_root(&path, Wish::Look).map(|()| ROOT_HASH);
        }
        let directory = fd.rep();
        let answer = self.wasi.metadata_hash_at(fd, follow, path.clone());
        self.judge(answer, directory, &path, follow, Wish::Look)
    }

    fn readlink_at(&mut self, fd: Fd, path: String) -> FsResult<String> {
        if is_root(&fd) {
            self.ask_root(&path, Wish::Look)?;
            return Err(ErrorCode::Invalid.into());
        }
        let directory = fd.rep();
        let answer = self.wasi.readlink_at(fd, path.clone());
        self.judge(answer, directory, &path, PathFlags::empty(), Wish::Look)
    }

    fn set_times_at(
        &mut self,
        fd: Fd,
        follow: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        if is_root(&fd) {
            return self.ask_root(&path, Wish::Change);
        }
        let directory = fd.rep();
        let answer = self
            .wasi
            .set_times_at(fd, follow, path.clone(), accessed, modified);
        self.judge(answer, directory, &path, follow, Wish::Change)
    }

    fn create_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        if is_root(&fd) {
            return self.ask_root(&path, Wish::Create);
        }
        let directory = fd.rep();
        let answer = self.wasi.create_directory_at(fd, path.clone());
        self.judge(answer, directory, &path, PathFlags::empty(), Wish::Create)
    }

    fn remove_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        if is_root(&fd) {
            return self.ask_root(&path, Wish::Change);
        }
        let directory = fd.rep();
        let answer = self.wasi.remove_directory_at(fd, path.clone());
        self.judge(answer, directory, &path, PathFlags::empty(), Wish::Change)
    }

    fn unlink_file_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        if is_root(&fd) {
            return self.ask_root(&path, Wish::Change);
        }
        let directory = fd.rep();
        let answer = self.wasi.unlink_file_at(fd, path.clone());
        self.judge(answer, directory, &path, PathFlags::empty(), Wish::Change)
    }

    fn symlink_at(&mut self, fd: Fd, target: String, path: String) -> FsResult<()> {
        if is_root(&fd) {
            return self.ask_root(&path, Wish::Create);
        }
        let directory = fd.rep();
        let answer = self.wasi.symlink_at(fd, target.clone(), path.clone());
        let writable = self.files.place(directory).is_some_and(|p| p.writable);
        if writable && target.starts_with('/') {
            // The refused path is the target of the link.
            return self.judge(answer, directory, &target, PathFlags::empty(), Wish::Create);
        }
        self.judge(answer, directory, &path, PathFlags::empty(), Wish::Create)
    }

    fn link_at(
        &mut self,
        fd: Fd,
        follow: PathFlags,
        path: String,
        to: Fd,
        to_path: String,
    ) -> FsResult<()> {
        if is_root(&fd) {
            return self.ask_root(&path, Wish::Change);
        }
        if is_root(&to) {
            return self.ask_root(&to_path, Wish::Create);
        }
        let (from_number, to_number) = (fd.rep(), to.rep());
        let answer = self
            .wasi
            .link_at(fd, follow, path.clone(), to, to_path.clone());
        let none = PathFlags::empty();
        let answer = self.judge(answer, from_number, &path, none, Wish::Change);
        self.judge(answer, to_number, &to_path, none, Wish::Create)
    }

    fn rename_at(&mut self, fd: Fd, path: String, to: Fd, to_path: String) -> FsResult<()> {
        if is_root(&fd) {
            return self.ask_root(&path, Wish::Change);
        }
        if is_root(&to) {
            return self.ask_root(&to_path, Wish::Create);
        }
        let (from_number, to_number) = (fd.rep(), to.rep());
        let answer = self.wasi.rename_at(fd, path.clone(), to, to_path.clone());
        let none = PathFlags::empty();
        let answer = self.judge(answer, from_number, &path, none, Wish::Change);
        self.judge(answer, to_number, &to_path, none, Wish::Create)
    }

    fn get_flags(&mut self, fd: Fd) -> FsResult<DescriptorFlags> {
        if is_root(&fd) {
            return Ok(DescriptorFlags::READ);
        }
        self.wasi.get_flags(fd)
    }

    fn get_type(&mut self, fd: Fd) -> FsResult<DescriptorType> {
        if is_root(&fd) {
            return Ok(DescriptorType::Directory);
        }
        self.wasi.get_type(fd)
    }

    fn stat(&mut self, fd: Fd) -> FsResult<DescriptorStat> {
        if is_root(&fd) {
            return Ok(root_stat());
        }
        self.wasi.stat(fd)
    }

    fn metadata_hash(&mut self, fd: Fd) -> FsResult<MetadataHashValue> {
        if is_root(&fd) {
            return Ok(ROOT_HASH);
        }
        self.wasi.metadata_hash(fd)
    }

    fn is_same_object(&mut self, a: Fd, b: Fd) -> wasmtime::Result<bool> {
        if is_root(&a) || is_root(&b) {
            return Ok(a.rep() == b.rep());
        }
        self.wasi.is_same_object(a, b)
    }

    fn read_directory(&mut self, fd: Fd) -> FsResult<Resource<DirectoryEntryStream>> {
        if is_root(&fd) {
            return Ok(Resource::new_own(ROOT));
        }
        self.wasi.read_directory(fd)
    }

    fn set_times(
        &mut self,
        fd: Fd,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        if is_root(&fd) {
            return self.ask_root("/", Wish::Change);
        }
        let number = fd.rep();
        let answer = self.wasi.set_times(fd, accessed, modified);
        self.judge_open(answer, number)
    }

    fn set_size(&mut self, fd: Fd, size: Filesize) -> FsResult<()> {
        if is_root(&fd) {
            return Err(ErrorCode::BadDescriptor.into());
        }
        let number = fd.rep();
        let answer = self.wasi.set_size(fd, size);
        self.judge_open(answer, number)
    }

    fn write(&mut self, fd: Fd, bytes: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        if is_root(&fd) {
            return Err(ErrorCode::BadDescriptor.into());
        }
        let number = fd.rep();
        let answer = self.wasi.write(fd, bytes, offset);
        self.judge_open(answer, number)
    }

    fn read(&mut self, fd: Fd, len: Filesize, offset: Filesize) -> FsResult<(Vec<u8>, bool)> {
        if is_root(&fd) {
            return Err(ErrorCode::BadDescriptor.into());
        }
        let at_once = self.bounds.file_bytes_at_once;
        let file = self.file(&fd)?;
        let bytes = read_whole(&file.file, offset, len, at_once)?;
        let is_end = bytes.is_empty() && len > 0;
        Ok((bytes, is_end))
    }

    fn advise(&mut self, fd: Fd, offset: Filesize, len: Filesize, advice: Advice) -> FsResult<()> {
        if is_root(&fd) {
            return Err(ErrorCode::BadDescriptor.into());
        }
        self.wasi.advise(fd, offset, len, advice)
    }

    fn sync(&mut self, fd: Fd) -> FsResult<()> {
        if is_root(&fd) {
            return Ok(());
        }
        self.wasi.sync(fd)
    }

    fn sync_data(&mut self, fd: Fd) -> FsResult<()> {
        if is_root(&fd) {
            return Ok(());
        }
        self.wasi.sync_data(fd)
    }

    fn read_via_stream(&mut self, fd: Fd, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        if is_root(&fd) {
            return Err(ErrorCode::IsDirectory.into());
        }
        let stream: DynInputStream = Box::new(FileReader::new(
            self.file(&fd)?,
            offset,
            self.bounds.file_bytes_at_once,
        ));
        Ok(self.wasi.table.push(stream)?)
    }

    fn write_via_stream(
        &mut self,
        fd: Fd,
        offset: Filesize,
    ) -> FsResult<Resource<DynOutputStream>> {
        self.writer(fd, Some(offset))
    }

    fn append_via_stream(&mut self, fd: Fd) -> FsResult<Resource<DynOutputStream>> {
        self.writer(fd, None)
    }

    fn drop(&mut self, fd: Fd) -> wasmtime::Result<()> {
        if is_root(&fd) {
            return Ok(());
        }
        self.files.forget(fd.rep());
        HostDescriptor::drop(&mut self.wasi, fd)
    }
}

impl View<'_> {
    /// Makes a stream into a file: at an offset, or at its end.
    fn writer(&mut self, fd: Fd, offset: Option<u64>) -> FsResult<Resource<DynOutputStream>> {
        if is_root(&fd) {
            return Err(ErrorCode::BadDescriptor.into());
        }
        let file = self.file(&fd)?;
        if file.perms.write_not_permitted() {
            let refused = Err(ErrorCode::NotPermitted.into());
            return self.judge_open(refused, fd.rep());
        }
        let stream: DynOutputStream = Box::new(FileWriter::new(
            file,
            offset,
            self.bounds.file_bytes_at_once,
        ));
        Ok(self.wasi.table.push(stream)?)
    }
}

impl HostDirectoryEntryStream for View<'_> {
    fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        if is_root(&stream) {
            return Ok(None);
        }
        self.wasi.read_directory_entry(stream)
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        if is_root(&stream) {
            return Ok(());
        }
        HostDirectoryEntryStream::drop(&mut self.wasi, stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_one_answer_is_taken_for_a_refusal() {
        let answer = |code: ErrorCode| -> FsResult<()> { Err(code.into()) };
        assert!(was_refused(&answer(ErrorCode::NotPermitted)));
        assert!(!was_refused(&answer(ErrorCode::NoEntry)));
        assert!(!was_refused(&answer(ErrorCode::Access)), "the system's own");
        assert!(!was_refused(&Ok(())));
    }
}
