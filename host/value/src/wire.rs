//! The few shapes that every binary encoding in here is made of: bytes, counts
//! and text, read from input that nobody vouches for.

/// Why the next piece could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WireError {
    Truncated { needed: usize, left: usize },
    NotUtf8,
}

/// Takes `count` bytes off the front.
#[inline]
pub(super) fn take<'a>(input: &mut &'a [u8], count: usize) -> Result<&'a [u8], WireError> {
    let Some((taken, rest)) = input.split_at_checked(count) else {
        return Err(WireError::Truncated {
            needed: count,
            left: input.len(),
        });
    };
    *input = rest;
    Ok(taken)
}

/// Takes a fixed number of bytes off the front.
#[inline]
pub(super) fn take_array<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], WireError> {
    let Some((taken, rest)) = input.split_first_chunk::<N>() else {
        return Err(WireError::Truncated {
            needed: N,
            left: input.len(),
        });
    };
    *input = rest;
    Ok(*taken)
}

/// Takes one byte off the front.
#[inline]
pub(super) fn take_byte(input: &mut &[u8]) -> Result<u8, WireError> {
    take_array::<1>(input).map(|[byte]| byte)
}

/// Takes a count of things that have at least one byte each, so that it never
/// exceeds the bytes that are left.
#[inline]
pub(super) fn take_count(input: &mut &[u8]) -> Result<usize, WireError> {
    let count = u32::from_le_bytes(take_array(input)?);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > input.len() {
        return Err(WireError::Truncated {
            needed: count,
            left: input.len(),
        });
    }
    Ok(count)
}

/// Takes counted text.
#[inline]
pub(super) fn take_text<'a>(input: &mut &'a [u8]) -> Result<&'a str, WireError> {
    let count = take_count(input)?;
    std::str::from_utf8(take(input, count)?).map_err(|_| WireError::NotUtf8)
}

/// Writes a count. One beyond `u32` is written as the largest, which no input
/// can hold, so that the reader refuses it instead of reading something else.
#[inline]
pub(super) fn put_count(count: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

/// Writes counted text.
#[inline]
pub(super) fn put_text(text: &str, out: &mut Vec<u8>) {
    put_count(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_back() {
        let mut out = Vec::new();
        put_text("grün", &mut out);
        let mut input = out.as_slice();
        assert_eq!(take_text(&mut input), Ok("grün"));
        assert!(input.is_empty());
    }

    #[test]
    fn a_count_beyond_the_input_is_refused() {
        let mut input: &[u8] = &[255, 255, 255, 255, 0];
        assert_eq!(
            take_count(&mut input),
            Err(WireError::Truncated {
                needed: u32::MAX as usize,
                left: 1
            })
        );
    }
}
