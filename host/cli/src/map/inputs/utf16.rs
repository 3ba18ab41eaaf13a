//! Text that is UTF-16, as spreadsheets and Windows' tools save it: a byte order
//! mark says so, and what follows is read as UTF-8. Without the mark it is refused,
//! where its first line shows what it is.

use std::io::{self, Read};

use sandpool::value::Utf8;

/// The number of bytes read at once.
const DECODE_CHUNK: usize = 32 << 10;

/// So much of a first line shows what it is.
const MOST_LOOKED_AT: usize = 256;

/// Reads bytes as they are, and UTF-16 with a byte order mark as UTF-8.
pub struct Decoder<R> {
    input: R,
    utf8: Utf8,
    encoding: Encoding,
    /// Bytes that were read and are not yet decoded.
    raw: Vec<u8>,
    /// Decoded bytes, from `taken` on not yet handed out.
    ready: Vec<u8>,
    taken: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// Nothing was read yet.
    Unknown,
    /// Bytes, which are none of this file's business.
    Bytes,
    Utf16(ByteOrder),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    fn unit(self, bytes: [u8; 2]) -> u16 {
        match self {
            ByteOrder::Little => u16::from_le_bytes(bytes),
            ByteOrder::Big => u16::from_be_bytes(bytes),
        }
    }
}

impl<R: Read> Decoder<R> {
    pub fn new(input: R, utf8: Utf8) -> Self {
        Decoder {
            input,
            utf8,
            encoding: Encoding::Unknown,
            raw: Vec::new(),
            ready: Vec::new(),
            taken: 0,
        }
    }

    /// Finds out what the text is, by its first bytes. Waits for no more of them
    /// than that takes.
    fn begin(&mut self) -> io::Result<()> {
        let mut first = Vec::new();
        self.input.by_ref().take(2).read_to_end(&mut first)?;
        let order = match first.as_slice() {
            [0xff, 0xfe] => Some(ByteOrder::Little),
            [0xfe, 0xff] => Some(ByteOrder::Big),
            _ => None,
        };
        if let Some(order) = order {
            self.encoding = Encoding::Utf16(order);
            self.input.by_ref().take(2).read_to_end(&mut self.raw)?;
            // The mark of UTF-32 begins as that of UTF-16 does, and no text goes on
            // with a NUL.
            return match self.raw.as_slice() {
                [0, 0] if order == ByteOrder::Little => Err(refused(
                    "it is UTF-32; only UTF-8, and UTF-16 with a byte order mark, can be read",
                )),
                _ => self.decode(false),
            };
        }
        if let Some(order) = self.unmarked(&mut first)? {
            return Err(refused(match order {
                ByteOrder::Little => {
                    "it looks like UTF-16 without a byte order mark; \
                     `iconv -f UTF-16LE -t UTF-8` converts it"
                }
                ByteOrder::Big => {
                    "it looks like UTF-16 without a byte order mark; \
                     `iconv -f UTF-16BE -t UTF-8` converts it"
                }
            }));
        }
        self.encoding = Encoding::Bytes;
        self.ready = first;
        Ok(())
    }

    /// Returns whether the text is UTF-16 all the same: every other byte of its first
    /// line is a NUL, and no other is. Reads on, behind what was read, as long as that
    /// is so.
    fn unmarked(&mut self, read: &mut Vec<u8>) -> io::Result<Option<ByteOrder>> {
        let order = match read.as_slice() {
            [1..=0x7f, 0] => ByteOrder::Little,
            [0, 1..=0x7f] => ByteOrder::Big,
            _ => return Ok(None),
        };
        loop {
            let last = read.len().saturating_sub(2);
            match <[u8; 2]>::try_from(&read[last..]).map(|pair| order.unit(pair)) {
                // One character and no line is no evidence.
                Ok(0x0a) if last >= 2 => return Ok(Some(order)),
                Ok(1..=0xff) if last >= MOST_LOOKED_AT => return Ok(Some(order)),
                Ok(1..=0xff) => {}
                _ => return Ok(None),
            }
            if self.input.by_ref().take(2).read_to_end(read)? == 0 {
                return Ok((last >= 2).then_some(order));
            }
            if read.len() % 2 == 1 {
                return Ok(None);
            }
        }
    }

    /// Decodes the bytes that were read, except an incomplete character at their end.
    fn decode(&mut self, is_end: bool) -> io::Result<()> {
        let Encoding::Utf16(order) = self.encoding else {
            return Ok(());
        };
        self.taken = 0;
        self.ready.clear();
        let (pairs, half) = self.raw.as_chunks::<2>();
        let mut units: Vec<u16> = pairs.iter().map(|pair| order.unit(*pair)).collect();
        let mut rest = half.to_vec();
        let is_first_half = |unit: &mut u16| (0xd800..0xdc00).contains(unit);
        if !is_end && units.pop_if(is_first_half).is_some() {
            rest = self.raw[units.len() * 2..].to_vec();
        }
        for decoded in char::decode_utf16(units) {
            self.put(decoded.ok())?;
        }
        if is_end && !rest.is_empty() {
            rest.clear();
            self.put(None)?;
        }
        self.raw = rest;
        Ok(())
    }

    /// Adds a character; `None` stands for bytes that are no character.
    fn put(&mut self, decoded: Option<char>) -> io::Result<()> {
        let c = match (decoded, self.utf8) {
            (Some(c), _) => c,
            (None, Utf8::Lossy) => char::REPLACEMENT_CHARACTER,
            (None, Utf8::Strict) => {
                return Err(refused(
                    "it begins like UTF-16 but is not valid UTF-16 (`--lossy` replaces invalid \
                     units by U+FFFD)",
                ));
            }
        };
        let mut bytes = [0; 4];
        self.ready
            .extend_from_slice(c.encode_utf8(&mut bytes).as_bytes());
        Ok(())
    }

    /// Reads on until something is decoded, or nothing is left.
    fn fill(&mut self) -> io::Result<()> {
        while self.taken == self.ready.len() {
            let before = self.raw.len();
            self.raw.resize(before + DECODE_CHUNK, 0);
            let read = self.input.read(&mut self.raw[before..]);
            self.raw
                .truncate(before + read.as_ref().map_or(0, |read| *read));
            let is_end = read? == 0;
            self.decode(is_end)?;
            if is_end {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.encoding == Encoding::Unknown {
            self.begin()?;
        }
        match self.encoding {
            Encoding::Utf16(_) => self.fill()?,
            // Straight through, once the first bytes are handed out.
            _ if self.taken == self.ready.len() => return self.input.read(into),
            _ => {}
        }
        let ready = &self.ready[self.taken..];
        let length = ready.len().min(into.len());
        into[..length].copy_from_slice(&ready[..length]);
        self.taken += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    /// Reads by so many bytes at once, and gives out as few.
    fn read(bytes: &[u8], utf8: Utf8, at_once: usize) -> io::Result<Vec<u8>> {
        struct Slow<'a>(&'a [u8], usize);
        impl Read for Slow<'_> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let length = self.1.min(into.len());
                self.0.read(&mut into[..length])
            }
        }
        let decoder = Decoder::new(Slow(bytes, at_once), utf8);
        let mut all = Vec::new();
        BufReader::with_capacity(at_once, decoder).read_to_end(&mut all)?;
        Ok(all)
    }

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(to_bytes).collect()
    }

    #[test]
    fn utf16_with_a_mark_is_read_as_utf8_and_all_else_as_it_is() {
        let text = "a,b\r\n\u{1f600},\u{fc}\u{feff}\n".repeat(3);
        for at_once in [1, 2, 3, 5, 4096] {
            for bytes in [
                utf16(&text, u16::to_le_bytes),
                utf16(&text, u16::to_be_bytes),
            ] {
                let decoded = read(&bytes, Utf8::Strict, at_once).unwrap();
                assert_eq!(String::from_utf8(decoded).unwrap(), text, "{at_once}");
            }
            for bytes in [
                &b""[..],
                b"a",
                b"\xff",
                b"\xef\xbb\xbfabc",
                b"\xffa\xfe",
                b"\xfe\xfe\xff",
            ] {
                assert_eq!(read(bytes, Utf8::Strict, at_once).unwrap(), bytes);
            }
            assert!(read(b"\xff\xfe", Utf8::Strict, at_once).unwrap().is_empty());
        }
    }

    #[test]
    fn utf16_without_a_mark_is_refused_and_nothing_else_is_taken_for_it() {
        let unmarked = |text: &str, to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(to_bytes).collect()
        };
        let long = "x".repeat(1000);
        for at_once in [1, 2, 3, 4096] {
            for text in ["id,n\u{e4}me\r\n1,\u{1f600}\n", "5\n", "[1]", &long] {
                for (order, to_bytes) in [
                    ("UTF-16LE", u16::to_le_bytes as fn(u16) -> [u8; 2]),
                    ("UTF-16BE", u16::to_be_bytes),
                ] {
                    let error = read(&unmarked(text, to_bytes), Utf8::Lossy, at_once);
                    let error = error.unwrap_err().to_string();
                    assert!(error.contains(order), "{text}: {error}");
                }
            }
            for bytes in [
                &b"a\0"[..],
                b"\0a",
                b"a\0\n",
                b"a\0\nb\0\n",
                b"a\0b\0c",
                b"a\0b\0\nc\0d\0\n",
                b"a\0b\0\0\0",
                b"\0\0\0\0",
                b"\0a\n\0b\n",
                b"\xe9\0\n\0",
            ] {
                assert_eq!(read(bytes, Utf8::Strict, at_once).unwrap(), bytes);
            }
        }
    }

    #[test]
    fn what_is_no_sound_utf16_is_refused_or_replaced() {
        for (bytes, replaced) in [
            (&b"\xff\xfea\0b"[..], "a\u{fffd}"),
            (b"\xff\xfe\x00\xd8a\0", "\u{fffd}a"),
            (b"\xff\xfea\0\x00\xd8", "a\u{fffd}"),
        ] {
            assert!(read(bytes, Utf8::Strict, 3).is_err());
            let text = String::from_utf8(read(bytes, Utf8::Lossy, 3).unwrap()).unwrap();
            assert_eq!(text, replaced);
        }
        let utf32 = b"\xff\xfe\0\0a\0\0\0";
        assert!(
            read(utf32, Utf8::Strict, 64)
                .unwrap_err()
                .to_string()
                .contains("UTF-32")
        );
    }
}
