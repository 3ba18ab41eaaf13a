//! A child's first message: its build and its release.
//!
//! Their form never changes, so that two builds that do not understand each
//! other can still say so.

use std::fmt;
use std::str::FromStr;

/// Raised whenever a message or the ring's layout changes.
pub const PROTOCOL_VERSION: u32 = 1;

/// The exact wasmtime, whose artifacts compilers make and workers run.
pub const WASMTIME: &str = "48.0.8";

/// Identifies what a host and a child must agree on. `build.rs` says what that is.
pub const BUILD_ID: &str = env!("SANDPOOL_BUILD_ID");

const MAGIC: &[u8; 8] = b"sandpool";

/// A child's first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    pub version: u32,
    pub build_id: String,
    /// The release of the code that runs guests and locks them in.
    pub worker: Release,
}

/// A release of sandpool, of which the greater one is the later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    major: u32,
    minor: u32,
    patch: u32,
}

/// The error of a text that is not the version of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no version of three numbers")]
pub struct NoRelease;

impl Release {
    /// The release of this build.
    pub fn of_this_build() -> Self {
        // Cargo lets no version pass that has not three numbers.
        env!("CARGO_PKG_VERSION").parse().unwrap_or(Release {
            major: 0,
            minor: 0,
            patch: 0,
        })
    }
}

impl FromStr for Release {
    type Err = NoRelease;

    /// Reads `1.2.3`, and passes over what may follow it: `-rc.1`, `+linux`.
    fn from_str(text: &str) -> Result<Self, NoRelease> {
        let numbers = text.split(['-', '+']).next().unwrap_or_default();
        let mut numbers = numbers.split('.').map(str::parse);
        let mut next = || numbers.next().and_then(Result::ok).ok_or(NoRelease);
        let release = Release {
            major: next()?,
            minor: next()?,
            patch: next()?,
        };
        match numbers.next() {
            None => Ok(release),
            Some(_) => Err(NoRelease),
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Hello {
    pub fn of_this_build() -> Self {
        Hello {
            version: PROTOCOL_VERSION,
            build_id: BUILD_ID.to_owned(),
            worker: Release::of_this_build(),
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend(format!("{} {}", self.build_id, self.worker).bytes());
        bytes
    }

    /// Reads a hello; `None` if it is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (build_id, worker) = std::str::from_utf8(rest).ok()?.split_once(' ')?;
        let is_id = |c: char| c.is_ascii_alphanumeric();
        if build_id.len() > 64 || worker.len() > 64 || !build_id.chars().all(is_id) {
            return None;
        }
        Some(Hello {
            version: u32::from_le_bytes(*version),
            build_id: build_id.to_owned(),
            worker: worker.parse().ok()?,
        })
    }

    /// Checks that the child can serve this program. A later release may, an earlier one may
    /// not: its sandbox may have a hole that was closed since.
    ///
    /// # Errors
    /// Returns a line that names both programs.
    pub fn check(&self) -> Result<(), String> {
        let ours = Hello::of_this_build();
        if self.worker < ours.worker {
            return Err(format!(
                "the worker binary is sandpool {}, older than this program's sandpool {}",
                self.worker, ours.worker
            ));
        }
        if (self.version, &self.build_id) != (ours.version, &ours.build_id) {
            return Err(format!(
                "the worker binary (sandpool {}) speaks protocol {} (build `{}`), this program \
                 (sandpool {}) speaks protocol {} (build `{}`)",
                self.worker, self.version, self.build_id, ours.worker, ours.version, ours.build_id
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_is_read_back() {
        let hello = Hello::of_this_build();
        assert_eq!(Hello::decode(&hello.encode()), Some(hello.clone()));
        assert_eq!(hello.check(), Ok(()));
    }

    #[test]
    fn another_build_is_refused_and_both_are_named() {
        let other = Hello {
            version: 7,
            build_id: "abc".into(),
            ..Hello::of_this_build()
        };
        let line = other.check().expect_err("differs");
        assert!(line.contains("protocol 7") && line.contains("`abc`") && line.contains(BUILD_ID));
    }

    #[test]
    fn an_older_worker_is_refused_and_a_newer_one_is_not() {
        let ours = Release::of_this_build();
        let of = |worker| Hello {
            worker,
            ..Hello::of_this_build()
        };
        let newer = Release {
            patch: ours.patch + 1,
            ..ours
        };
        assert_eq!(of(newer).check(), Ok(()));
        let older = "0.0.9".parse().expect("a release");
        let line = of(older).check().expect_err("it may have a hole");
        let expected = format!("sandpool 0.0.9, older than this program's sandpool {ours}");
        assert!(line.ends_with(&expected), "{line}");
    }

    #[test]
    fn a_release_has_three_numbers() {
        let read = |text: &str| text.parse::<Release>().map(|release| release.to_string());
        assert_eq!(read("1.20.3"), Ok("1.20.3".into()));
        assert_eq!(read("1.20.3-rc.1+linux"), Ok("1.20.3".into()));
        for bad in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "1.2.x",
            "-1.2.3",
            "99999999999.0.0",
        ] {
            assert_eq!(read(bad), Err(NoRelease), "{bad}");
        }
        let older: Release = "0.9.10".parse().expect("a release");
        assert!(older < "0.10.0".parse().expect("a release"));
    }

    #[test]
    fn garbage_is_no_hello() {
        assert_eq!(Hello::decode(b""), None);
        assert_eq!(Hello::decode(b"sandpool"), None);
        assert_eq!(Hello::decode(b"sandpool\x01\0\0\0\x1b[31m 0.1.0"), None);
        assert_eq!(Hello::decode(b"sandpool\x01\0\0\0abc"), None);
        assert_eq!(Hello::decode(b"sandpool\x01\0\0\0abc 1.\x1b[31m"), None);
    }
}
