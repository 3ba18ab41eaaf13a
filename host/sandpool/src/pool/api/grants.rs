//! Checks the grants of a pool, and narrows them for one call.

use std::fs;

use crate::pool::error::GrantError;
use crate::pool::http_grants::HttpGrants;
use sandpool_protocol::control::{WorkerGrants, encode};
use sandpool_protocol::settings::{DirGrant, guest_path};
use sandpool_sys::{MAX_DESCRIPTORS, MAX_MESSAGE};

/// The highest number of directories of one pool.
const MAX_DIRECTORIES: usize = 64;

// A worker is sent one descriptor for each, with its channel, its artifact and its output.
const _: () = assert!(MAX_DIRECTORIES + 8 <= MAX_DESCRIPTORS);

/// The highest number of bytes of names, paths and values together. The rest of the message
/// that brings them to a worker is left for its other fields.
const MAX_GRANT_BYTES: usize = MAX_MESSAGE - 16 * 1024;

/// A part of a pool's grants, for one call: see [`Call::grants`](crate::Call::grants).
///
/// Directories are named by the path that guests see, variables by their names, HTTP rules
/// by their patterns. The part can only be less than the whole: naming something that the
/// pool does not grant is an error when the call is made, and a directory that the pool
/// grants for reading stays read-only.
///
/// ```
/// # use sandpool::Grants;
/// let grants = Grants::none().dir("/data").read_only("/out").env("HOME");
/// # drop(grants);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "grants do nothing until a call is given them"]
pub struct Grants {
    /// The paths that guests see, each with `true` if it is read-only here.
    dirs: Vec<(String, bool)>,
    env: Vec<String>,
    /// The patterns of HTTP rules.
    #[cfg(feature = "http")]
    http: Vec<String>,
}

impl Grants {
    /// Returns a part that grants nothing.
    pub fn none() -> Self {
        Grants::default()
    }

    /// Adds a directory, with the rights that the pool grants on it.
    pub fn dir(mut self, guest: impl Into<String>) -> Self {
        self.dirs.push((guest.into(), false));
        self
    }

    /// Adds a directory as read-only, whatever the pool grants on it.
    pub fn read_only(mut self, guest: impl Into<String>) -> Self {
        self.dirs.push((guest.into(), true));
        self
    }

    /// Adds an environment variable, with the value that the pool gives it.
    pub fn env(mut self, name: impl Into<String>) -> Self {
        self.env.push(name.into());
        self
    }

    /// Adds the HTTP rules of the pool that have this pattern, as it was written there, with
    /// their methods and headers.
    #[cfg(feature = "http")]
    pub fn http(mut self, pattern: impl Into<String>) -> Self {
        self.http.push(pattern.into());
        self
    }

    /// Returns this part of the pool's HTTP rules, in the pool's order.
    #[cfg(feature = "http")]
    pub(super) fn of_http(&self, pool: &HttpGrants) -> Result<HttpGrants, GrantError> {
        pool.part(&self.http)
    }

    /// Returns no HTTP rules: the feature is off.
    #[cfg(not(feature = "http"))]
    pub(super) fn of_http(&self, pool: &HttpGrants) -> Result<HttpGrants, GrantError> {
        Ok(pool.clone())
    }

    /// Returns this part of the pool's grants, in the pool's order: two calls with equal
    /// parts share their workers, in whichever order they name them.
    pub(super) fn of(&self, pool: &WorkerGrants) -> Result<WorkerGrants, GrantError> {
        let same = |dir: &DirGrant, asked: &str| guest_path(&dir.guest) == guest_path(asked);
        for (asked, _) in &self.dirs {
            if !pool.dirs.iter().any(|dir| same(dir, asked)) {
                return Err(GrantError::DirectoryNotGranted {
                    asked: asked.clone(),
                    granted: pool.dirs.iter().map(|dir| dir.guest.clone()).collect(),
                });
            }
        }
        for asked in &self.env {
            if !pool.env.iter().any(|(name, _)| name == asked) {
                return Err(GrantError::VariableNotGranted {
                    asked: asked.clone(),
                    granted: pool.env.iter().map(|(name, _)| name.clone()).collect(),
                });
            }
        }
        let dirs = pool.dirs.iter().filter_map(|dir| {
            let mut asked = self.dirs.iter().filter(|(asked, _)| same(dir, asked));
            let (_, first) = asked.next()?;
            let read_only = *first || asked.any(|(_, read_only)| *read_only);
            Some(DirGrant {
                writable: dir.writable && !read_only,
                ..dir.clone()
            })
        });
        let env = pool.env.iter();
        Ok(WorkerGrants {
            dirs: dirs.collect(),
            env: env
                .filter(|(name, _)| self.env.contains(name))
                .cloned()
                .collect(),
        })
    }
}

/// Checks the grants of a pool.
pub(super) fn check(grants: &WorkerGrants) -> Result<(), GrantError> {
    if grants.dirs.len() > MAX_DIRECTORIES {
        return Err(GrantError::TooManyDirectories {
            count: grants.dirs.len(),
            most: MAX_DIRECTORIES,
        });
    }
    if encode(grants).len() > MAX_GRANT_BYTES {
        return Err(GrantError::TooLarge {
            most: MAX_GRANT_BYTES as u64,
        });
    }
    for (index, dir) in grants.dirs.iter().enumerate() {
        check_guest_path(&dir.guest)?;
        let path = guest_path(&dir.guest);
        let before = &grants.dirs[..index];
        if before.iter().any(|other| guest_path(&other.guest) == path) {
            return Err(GrantError::GuestPathTwice {
                guest: path.to_string(),
            });
        }
        check_host_path(dir)?;
    }
    for (name, value) in &grants.env {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(GrantError::VariableName { name: name.clone() });
        }
        if value.contains('\0') {
            return Err(GrantError::VariableValue { name: name.clone() });
        }
    }
    Ok(())
}

fn check_guest_path(guest: &str) -> Result<(), GrantError> {
    let guest = guest.to_owned();
    if guest.is_empty() {
        return Err(GrantError::GuestPathEmpty);
    }
    if guest.contains('\0') {
        return Err(GrantError::GuestPathWithZero { guest });
    }
    if guest.split('/').any(|name| name == "..") {
        return Err(GrantError::GuestPathWithParent { guest });
    }
    Ok(())
}

fn check_host_path(dir: &DirGrant) -> Result<(), GrantError> {
    let host = dir.host.clone();
    match fs::metadata(&host) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(GrantError::NotADirectory { host }),
        Err(source) => Err(GrantError::Directory { host, source }),
    }
}

#[cfg(test)]
mod tests {
    use sandpool_value::with_causes;

    use super::*;

    fn pool() -> WorkerGrants {
        let dir = |guest: &str, writable| DirGrant {
            host: "/".into(),
            guest: guest.into(),
            writable,
        };
        WorkerGrants {
            dirs: vec![dir("/data", false), dir("/out", true)],
            env: vec![("HOME".into(), "/h".into()), ("LANG".into(), "C".into())],
        }
    }

    #[test]
    fn a_part_keeps_the_rights_and_the_order_of_the_pool() {
        let part = Grants::none().env("LANG").dir("out/").dir("/data");
        let part = part.of(&pool()).expect("a part");
        assert_eq!(part.dirs, pool().dirs);
        assert_eq!(part.env, [("LANG".to_owned(), "C".to_owned())]);
        let nothing = Grants::none().of(&pool()).expect("a part");
        assert_eq!(nothing, WorkerGrants::default());
    }

    #[test]
    fn a_part_is_never_more_than_the_pool_grants() {
        let part = Grants::none().dir("/data").read_only("/out");
        let part = part.of(&pool()).expect("a part");
        assert!(part.dirs.iter().all(|dir| !dir.writable));
        let twice = Grants::none().read_only("/out").dir("/out");
        let twice = twice.of(&pool()).expect("a part");
        assert!(!twice.dirs[0].writable, "named twice, the less counts");
    }

    #[test]
    fn what_the_pool_does_not_grant_is_an_error_that_names_what_it_does() {
        let error = |grants: Grants| grants.of(&pool()).expect_err("unknown").to_string();
        assert_eq!(
            error(Grants::none().dir("/etc")),
            "this pool does not grant the directory `/etc`, so a call cannot have it; it grants `/data`, `/out`"
        );
        assert!(error(Grants::none().dir("/data/deeper")).contains("`/data/deeper`"));
        assert!(error(Grants::none().env("PATH")).contains("`PATH`"));
        let bare = Grants::none().env("PATH").of(&WorkerGrants::default());
        assert!(
            bare.expect_err("unknown")
                .to_string()
                .ends_with("it grants none")
        );
    }

    #[test]
    fn grants_that_make_no_sense_are_refused_in_one_line() {
        let error = |host: &str, guest: &str| {
            let mut grants = pool();
            grants.dirs.push(DirGrant {
                host: host.into(),
                guest: guest.into(),
                writable: false,
            });
            with_causes(&check(&grants).expect_err(guest))
        };
        assert!(error("/", "").contains("is empty"));
        assert!(error("/", "../up").contains("`..`"));
        assert!(error("/", "/a/../b").contains("`..`"));
        assert!(error("/", "a\0b").contains("zero byte"));
        assert!(
            error("/", "data/").contains("`/data`"),
            "the same as `/data`"
        );
        assert!(error("/dev/null", "/x").contains("not a directory"));
        assert!(error("/no/such", "/x").contains("`/no/such` cannot be granted: No such file"));
        assert!(check(&pool()).is_ok());
        let mut grants = pool();
        grants.env.push(("A=B".into(), String::new()));
        assert!(check(&grants).is_err());
        let mut grants = pool();
        grants.env.push(("A".into(), "x".repeat(MAX_GRANT_BYTES)));
        let error = check(&grants).expect_err("too long").to_string();
        assert!(error.contains("take more than 48KiB"), "{error}");
    }
}
