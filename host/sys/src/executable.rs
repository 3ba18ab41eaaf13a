//! A check whether code is part of the program itself or of a library that it loaded.

use std::os::raw::{c_int, c_void};

/// The address that the loader is asked about.
struct Search {
    address: usize,
    is_found: bool,
}

/// Returns whether this address lies in the executable that this process runs, and not
/// in a shared library.
pub fn is_in_executable(address: *const ()) -> bool {
    let mut search = Search {
        address: address.addr(),
        is_found: false,
    };
    // SAFETY: `look` is called with `search`, which lives through the call, while
    // nobody else looks at it.
    unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut search).cast()) };
    search.is_found
}

/// Looks at the first object that the loader lists, which is the program.
unsafe extern "C" fn look(
    object: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    search: *mut c_void,
) -> c_int {
    // SAFETY: `is_in_executable` passes its own local, of this type.
    let search = unsafe { &mut *search.cast::<Search>() };
    // SAFETY: the loader describes an object that is loaded, for the time of this
    // call.
    let object = unsafe { &*object };
    // SAFETY: as above; there are as many headers as it says.
    let headers =
        unsafe { std::slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum)) };
    search.is_found = headers.iter().any(|header| {
        let start = (object.dlpi_addr as usize).wrapping_add(header.p_vaddr as usize);
        header.p_type == libc::PT_LOAD
            && search.address.wrapping_sub(start) < header.p_memsz as usize
    });
    // Anything but zero ends the list.
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_of_this_program_is_in_it_and_one_of_the_c_library_is_not() {
        assert!(is_in_executable(look as *const ()));
        let of_a_library = libc::getpid as *const ();
        assert_eq!(
            is_in_executable(of_a_library),
            cfg!(target_feature = "crt-static")
        );
        assert!(!is_in_executable(std::ptr::null()));
    }
}
