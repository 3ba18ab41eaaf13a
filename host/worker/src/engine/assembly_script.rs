//! `env.abort`, which every AssemblyScript module imports unless it was told to do without.
//! The module's own runtime calls it when it gives up, with the reason.

use wasmtime::{Caller, Extern, Linker};

use super::guest::Guest;

/// The number of UTF-16 units of a text that are read.
const MAX_MESSAGE_CHARS: usize = 500;

/// Adds it to a core module's imports. It ends the task, as a trap does, with the reason.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "abort",
        |mut caller: Caller<'_, Guest>, message: i32, file: i32, line: i32, column: i32| {
            let memory = match caller.get_export("memory") {
                Some(Extern::Memory(memory)) => memory.data(&caller),
                _ => &[],
            };
            let message = text(memory, message).unwrap_or_else(|| "aborted".to_owned());
            let place = text(memory, file).map(|file| format!(" at {file}:{line}:{column}"));
            let place = place.unwrap_or_default();
            let told: wasmtime::Result<()> = Err(wasmtime::Error::msg(format!("{message}{place}")));
            told
        },
    )?;
    Ok(())
}

/// Reads a string of AssemblyScript's: UTF-16, with its length in bytes before it.
fn text(memory: &[u8], at: i32) -> Option<String> {
    let at = usize::try_from(at as u32).ok().filter(|at| *at != 0)?;
    let length = memory.get(at.checked_sub(4)?..at)?;
    let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
    let bytes = memory.get(at..)?.get(..length.min(MAX_MESSAGE_CHARS * 2))?;
    let (units, _) = bytes.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    Some(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_where_it_lies_within_the_memory() {
        let mut memory = vec![0; 16];
        memory.extend(6u32.to_le_bytes());
        memory.extend("aé!".encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(text(&memory, 20).as_deref(), Some("aé!"));
        for at in [0, 1, 3, 22, 26, 27, i32::MAX, -1, i32::MIN] {
            let _ = text(&memory, at);
        }
        assert_eq!(text(&memory, 0), None);
        assert_eq!(text(&memory, -1), None);
        memory[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(text(&memory, 20), None, "longer than the memory");
        memory.resize(100_000, b'x');
        let long = text(&memory, 20).expect("cut");
        assert_eq!(long.chars().count(), MAX_MESSAGE_CHARS);
    }
}
