//! `--dir`: a directory of the host's, and where the guest finds it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use sandpool::DirGrant;

/// A parser of `HOST[::GUEST][:ro|:rw]`.
pub fn dirs() -> impl TypedValueParser<Value = DirGrant> {
    OsStringValueParser::new().try_map(|text| dir(&text))
}

const DIR_SHAPE: &str =
    "a directory is `HOST` or `HOST::GUEST`, optionally followed by `:ro` or `:rw`";

/// `HOST[::GUEST][:ro|:rw]`: the guest sees it under the same path unless told
/// otherwise, and may not write unless `:rw` says so. A path of the host's may
/// have colons, and need not be text; the last `::` is the one that counts.
fn dir(text: &OsStr) -> Result<DirGrant, String> {
    let bytes = text.as_bytes();
    let (paths, writable) = match (bytes.strip_suffix(b":rw"), bytes.strip_suffix(b":ro")) {
        (Some(paths), _) => (paths, true),
        (None, Some(paths)) => (paths, false),
        (None, None) => (bytes, false),
    };
    if paths.ends_with(b":rw") || paths.ends_with(b":ro") {
        return Err("it says `:ro` or `:rw` twice".into());
    }
    let separator = paths.windows(2).rposition(|two| two == b"::");
    let (host, guest) = match separator {
        Some(at) => (&paths[..at], &paths[at + 2..]),
        None => (paths, paths),
    };
    if host.is_empty() || guest.is_empty() {
        return Err(DIR_SHAPE.into());
    }
    let host = PathBuf::from(OsStr::from_bytes(host));
    let Ok(guest) = std::str::from_utf8(guest) else {
        return Err(format!(
            "a guest's path is UTF-8 text; `{}::/GUEST` names one",
            host.display()
        ));
    };
    if guest.contains(':') {
        match separator {
            Some(_) => {
                return Err(format!(
                    "the guest's path `{guest}` has a colon, which no guest's path may have; only \
                     `:ro` or `:rw` may follow it"
                ));
            }
            // A folder of this name is the one that is meant.
            None if host.is_dir() => {}
            None => {
                return Err(format!(
                    "there is no directory `{guest}`; host and guest are separated by two colons, \
                     as in `{}`",
                    guest.replacen(':', "::", 1)
                ));
            }
        }
    }
    Ok(DirGrant {
        host,
        guest: guest.to_owned(),
        writable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<DirGrant, String> {
        dir(OsStr::new(text))
    }

    fn grant(host: &str, guest: &str, writable: bool) -> Result<DirGrant, String> {
        Ok(DirGrant {
            host: host.into(),
            guest: guest.into(),
            writable,
        })
    }

    #[test]
    fn a_directory_is_read_only_and_keeps_its_path_unless_told_otherwise() {
        assert_eq!(read("data"), grant("data", "data", false));
        assert_eq!(read("data::/in"), grant("data", "/in", false));
        assert_eq!(read("/tmp/x::/out:rw"), grant("/tmp/x", "/out", true));
        assert_eq!(read("out:rw"), grant("out", "out", true));
        assert_eq!(read(".:ro"), grant(".", ".", false));
        assert_eq!(read("data::/data:ro"), grant("data", "/data", false));
        for wrong in [
            "",
            "::/in",
            "data::",
            "::",
            ":ro",
            ":rw",
            "::/in:ro",
            "data:::rw",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_path_of_the_guests_has_no_colon_and_one_of_the_hosts_may_have_some() {
        assert_eq!(read("a:b::/b"), grant("a:b", "/b", false));
        assert_eq!(read("a::b::/b:rw"), grant("a::b", "/b", true));
        assert_eq!(read("a:ro::/b"), grant("a:ro", "/b", false));
        let refused = |text: &str| read(text).unwrap_err();
        assert!(refused("data::/data:rx").contains("`/data:rx`"));
        assert!(refused("data::/data:").contains("has a colon"));
        assert!(refused("data::/data:rw:ro").contains("twice"));
        assert!(refused("data:ro:ro").contains("twice"));
        // As docker has it.
        assert!(refused("data:/data").contains("`data::/data`"));
        assert!(refused("data:/data:ro").contains("`data::/data`"));
        let folder = tempfile::tempdir().unwrap();
        let host = folder.path().join("a:b");
        std::fs::create_dir(&host).unwrap();
        let host = host.to_str().unwrap();
        assert_eq!(read(&format!("{host}:rw")), grant(host, host, true));
    }

    #[test]
    fn a_path_of_the_hosts_need_not_be_text() {
        let host = OsStr::from_bytes(b"\xff");
        let given = dir(OsStr::from_bytes(b"\xff::/in:rw")).unwrap();
        assert_eq!((given.host.as_os_str(), &*given.guest), (host, "/in"));
        assert!(dir(host).unwrap_err().contains("UTF-8"));
    }
}
