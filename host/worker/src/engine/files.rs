//! The names of the files that a guest has opened, and its refusals by these names.
//!
//! wasmtime-wasi, which holds the granted directories, and the operating system beneath it
//! decide which files a guest reaches. This module tells the caller, by its name, each file
//! that the grants refused; and it shows the rest of the world as it looks from inside: an
//! empty directory `/` that nobody may change, made of nothing but answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bounds::Bounds;
use sandpool_protocol::settings::{DirGrant, guest_path};

/// The longest path that the operating system takes; longer names are cut.
const MAX_PATH: usize = 4096;

/// A directory or file, by the guest's name for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestPath {
    /// The path, absolute and without `.` and `..`.
    pub(super) path: String,
    /// `true` if the grant lets the guest change it.
    pub(super) writable: bool,
}

/// The granted directories, in the order in which guests are given them.
#[derive(Clone, Debug)]
pub struct Granted {
    places: Arc<[GuestPath]>,
    covers_root: bool,
}

impl Granted {
    pub fn new(dirs: &[DirGrant]) -> Self {
        let places: Arc<[GuestPath]> = dirs
            .iter()
            .map(|dir| GuestPath {
                path: guest_path(&dir.guest),
                writable: dir.writable,
            })
            .collect();
        // C libraries take `.` for `/`, and paths for relative to it.
        let covers_root = places.iter().any(|place| place.path == "/");
        Granted {
            places,
            covers_root,
        }
    }

    pub(super) fn places(&self) -> &[GuestPath] {
        &self.places
    }

    /// Returns `true` if a grant stands where the empty root would.
    pub(super) fn covers_root(&self) -> bool {
        self.covers_root
    }
}

/// The number of the first granted directory, in preview 1.
pub(super) const FIRST_GRANT: u32 = 3;

/// The numbers under which a guest of preview 1 has the empty root open.
#[derive(Debug, Default)]
pub struct RootNumbers {
    /// The number that the root has at the guest's birth, until the guest closes it.
    pub(super) first: Option<u32>,
    /// `true` if wasmtime-wasi knows that this number is taken.
    pub(super) kept: bool,
    pub(super) again: BTreeSet<u32>,
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

/// The open files of one guest. Making it allocates nothing.
#[derive(Debug)]
pub struct Files {
    pub(super) granted: Granted,
    /// The open files by the number of their descriptor, in either kind of WASI.
    opened: BTreeMap<u32, GuestPath>,
    /// WASI preview 1 only.
    pub(super) root: RootNumbers,
    is_interpreter: bool,
}

/// A guest's request for a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Look at something, or read it.
    Look,
    /// Change something.
    Change,
    /// Make something new.
    Create,
}

/// The answer of the empty root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Empty {
    /// The path is that of the root itself, which may be looked at.
    Root,
    /// There is nothing with this name.
    Absent,
    /// Nothing can be made or changed here.
    Forbidden,
}

impl Files {
    pub fn new(granted: Granted, is_interpreter: bool) -> Self {
        Files {
            root: RootNumbers::new(&granted),
            granted,
            opened: BTreeMap::new(),
            is_interpreter,
        }
    }

    /// Returns `true` if a guest looks for the source of its program, under no grant, as an
    /// interpreter does to show lines of it in a traceback. That file is not there, and
    /// nobody would grant it: the refusal is not worth reporting.
    pub(super) fn is_look_for_a_source(&self, path: &str, wish: Wish) -> bool {
        const ENDINGS: [&str; 6] = [".py", ".pyc", ".js", ".mjs", ".cjs", ".ts"];
        // `<snippet>` and the like: names of texts that came from no file.
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_text = name.starts_with('<') && name.ends_with('>');
        self.is_interpreter
            && wish == Wish::Look
            && (is_text || ENDINGS.iter().any(|ending| path.ends_with(ending)))
    }

    /// Remembers the name that a descriptor was opened by.
    pub(super) fn name(&mut self, number: u32, place: GuestPath) {
        self.opened.insert(number, place);
    }

    /// Remembers the name of a descriptor that was opened below a directory.
    pub(super) fn name_below(&mut self, number: u32, directory: &GuestPath, path: &str) {
        let path = absolute(&directory.path, path);
        let writable = directory.writable;
        self.name(number, GuestPath { path, writable });
    }

    pub(super) fn forget(&mut self, number: u32) -> Option<GuestPath> {
        self.opened.remove(&number)
    }

    pub(super) fn place(&self, number: u32) -> Option<&GuestPath> {
        self.opened.get(&number)
    }
}

/// Asks the empty root for a path. Every path but that of the root itself is refused.
pub(super) fn ask_empty_root(bounds: &mut Bounds, path: &str, wish: Wish) -> Empty {
    let name = absolute("/", path);
    let is_root = name == "/" && !path.is_empty();
    if is_root && wish == Wish::Look {
        return Empty::Root;
    }
    bounds.deny("file", name);
    match wish {
        Wish::Create => Empty::Forbidden,
        Wish::Change if is_root => Empty::Forbidden,
        Wish::Look | Wish::Change => Empty::Absent,
    }
}

/// Notes that WASI refused a path below a granted directory, if the grant is the reason: a
/// change where only reading was granted, or a way out of the directory. The operating
/// system may refuse a change with an equal error for other reasons, but not a look, so
/// `leads_out` takes one.
pub(super) fn note_refusal(
    bounds: &mut Bounds,
    directory: &GuestPath,
    path: &str,
    wish: Wish,
    leads_out: impl FnOnce() -> bool,
) {
    let name = || absolute(&directory.path, path);
    if wish != Wish::Look && !directory.writable {
        bounds.deny("write access", name());
    } else if path.starts_with('/') || leads_out() {
        bounds.deny("file", name());
    }
}

/// Returns the absolute path of `path` in a directory, as a guest would write it without
/// `.` and `..`. Links are not followed: this is a name to show, and nothing is ever opened
/// by it.
pub(super) fn absolute(directory: &str, path: &str) -> String {
    let from = if path.starts_with('/') { "" } else { directory };
    // No file has a longer path, so nothing behind it need be shown.
    let path = &path[..path.floor_char_boundary(MAX_PATH)];
    let mut names = Vec::new();
    for name in from.split('/').chain(path.split('/')) {
        match name {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    let mut absolute: String = names.into_iter().flat_map(|name| ["/", name]).collect();
    if absolute.is_empty() {
        absolute.push('/');
    }
    absolute.truncate(absolute.floor_char_boundary(MAX_PATH));
    absolute
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_absolute_and_without_dots() {
        assert_eq!(absolute("/", "etc/passwd"), "/etc/passwd");
        assert_eq!(absolute("/data", "../etc//./passwd"), "/etc/passwd");
        assert_eq!(absolute("/data", "/etc/passwd"), "/etc/passwd");
        assert_eq!(absolute("/data/deep", "../x/"), "/data/x");
        assert_eq!(absolute("/data", "../../.."), "/");
        assert_eq!(absolute("/", "."), "/");
    }

    #[test]
    fn a_name_of_any_length_is_cut() {
        for path in [
            "x".repeat(100_000),
            "x/".repeat(100_000),
            "é/".repeat(100_000),
        ] {
            let name = absolute("/", &path);
            assert!(name.len() <= MAX_PATH, "{}", name.len());
            assert!(absolute(&name, &path).len() <= MAX_PATH);
        }
    }

    #[test]
    fn the_empty_root_is_there_and_nothing_in_it() {
        let mut bounds = Bounds::default();
        for path in [".", "/", "./", "a/.."] {
            assert_eq!(ask_empty_root(&mut bounds, path, Wish::Look), Empty::Root);
        }
        assert_eq!(bounds.refusals, []);
        assert_eq!(ask_empty_root(&mut bounds, "a", Wish::Look), Empty::Absent);
        assert_eq!(
            ask_empty_root(&mut bounds, "b", Wish::Change),
            Empty::Absent
        );
        assert_eq!(
            ask_empty_root(&mut bounds, "c", Wish::Create),
            Empty::Forbidden
        );
        assert_eq!(
            ask_empty_root(&mut bounds, ".", Wish::Change),
            Empty::Forbidden
        );
        let names: Vec<_> = bounds.refusals.iter().map(|r| r.detail.as_str()).collect();
        assert_eq!(names, ["/a", "/b", "/c", "/"]);
    }

    #[test]
    fn an_interpreter_may_look_for_sources_and_for_nothing_else() {
        let files = |is_interpreter| Files::new(Granted::new(&[]), is_interpreter);
        let interpreter = files(true);
        assert!(interpreter.is_look_for_a_source("0/app.py", Wish::Look));
        assert!(!interpreter.is_look_for_a_source("0/app.py", Wish::Change));
        assert!(!interpreter.is_look_for_a_source("0/app.py", Wish::Create));
        assert!(!interpreter.is_look_for_a_source("etc/passwd", Wish::Look));
        assert!(!files(false).is_look_for_a_source("0/app.py", Wish::Look));
    }

    #[test]
    fn only_what_a_grant_refused_is_noted() {
        let noted = |writable, path, wish, leads_out| {
            let mut bounds = Bounds::default();
            let path_of = GuestPath {
                path: "/data".into(),
                writable,
            };
            note_refusal(&mut bounds, &path_of, path, wish, || leads_out);
            bounds
                .refusals
                .pop()
                .map(|refusal| (refusal.what, refusal.detail))
        };
        let named = |what: &str, detail: &str| Some((what.to_owned(), detail.to_owned()));
        assert_eq!(
            noted(false, "x", Wish::Create, false),
            named("write access", "/data/x")
        );
        assert_eq!(noted(false, "x", Wish::Look, false), None);
        assert_eq!(
            noted(true, "x", Wish::Change, false),
            None,
            "the system's own refusal"
        );
        assert_eq!(
            noted(true, "link", Wish::Change, true),
            named("file", "/data/link")
        );
        assert_eq!(noted(false, "../x", Wish::Look, true), named("file", "/x"));
    }
}
