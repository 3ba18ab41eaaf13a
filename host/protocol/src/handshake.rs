//! The first bytes that a child sends: who it is.
//!
//! Their form never changes, so that two builds that do not understand each
//! other can still say so.

/// Raised whenever a message or the ring's layout changes.
pub const PROTOCOL_VERSION: u32 = 1;

/// Identifies the sources that this binary was built from.
pub const BUILD_ID: &str = env!("SANDPOOL_BUILD_ID");

const MAGIC: &[u8; 8] = b"sandpool";

/// A child's first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    pub version: u32,
    pub build_id: String,
}

impl Hello {
    pub fn of_this_build() -> Self {
        Hello {
            version: PROTOCOL_VERSION,
            build_id: BUILD_ID.to_owned(),
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend(self.build_id.as_bytes());
        bytes
    }

    /// Reads a hello; `None` if it is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (version, build_id) = rest.split_first_chunk::<4>()?;
        if build_id.len() > 64 || !build_id.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        Some(Hello {
            version: u32::from_le_bytes(*version),
            build_id: String::from_utf8(build_id.to_vec()).ok()?,
        })
    }

    /// Whether the two understand each other; else a line that names both.
    pub fn check(&self) -> Result<(), String> {
        let ours = Hello::of_this_build();
        if *self == ours {
            return Ok(());
        }
        Err(format!(
            "the worker binary speaks protocol {} (build `{}`), this program speaks protocol {} (build `{}`)",
            self.version, self.build_id, ours.version, ours.build_id
        ))
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
        };
        let line = other.check().expect_err("differs");
        assert!(line.contains("protocol 7") && line.contains("`abc`") && line.contains(BUILD_ID));
    }

    #[test]
    fn garbage_is_no_hello() {
        assert_eq!(Hello::decode(b""), None);
        assert_eq!(Hello::decode(b"sandpool"), None);
        assert_eq!(Hello::decode(b"sandpool\x01\0\0\0\x1b[31m"), None);
    }
}
