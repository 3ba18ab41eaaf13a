//! Explains errors of system calls that a container's profile refuses.
//!
//! The profiles that containers run under (seccomp filters) answer calls that
//! they do not know with an error: EPERM in old ones, ENOSYS in newer ones, as a
//! kernel does that is older than the call. Neither error text says so, and both
//! seem to speak of the file or the module at hand.

use std::io;

use rustix::io::Errno;

/// Explains the error. Its text names the call, and the kernel's answer, which is no
/// cause but a detail: alone it would mislead.
#[derive(Debug, thiserror::Error)]
#[error(
    "the system call `{call}` is refused here ({answer}): allow it in the seccomp profile of the \
     container"
)]
struct Refused {
    call: &'static str,
    answer: io::Error,
}

/// Returns whether this is the answer of a profile that does not allow a call, or of a
/// kernel that does not know it.
pub fn is_refusal(error: Errno) -> bool {
    matches!(error, Errno::PERM | Errno::NOSYS)
}

/// The error of a call that works wherever it is allowed at all, told as what it
/// is. Not for calls that also answer EPERM for reasons of their own.
pub fn explain(call: &'static str) -> impl Fn(Errno) -> io::Error {
    move |errno| explained(call, errno.into())
}

/// As [`explain`], of an error of the standard library.
pub fn explained(call: &'static str, answer: io::Error) -> io::Error {
    let refusal = Errno::from_io_error(&answer).is_some_and(is_refusal);
    match refusal {
        true => io::Error::new(answer.kind(), Refused { call, answer }),
        false => answer,
    }
}

/// Returns whether an error was told by this file: it is the system's, whatever it was
/// met at.
pub fn is_explained(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.downcast_ref::<Refused>().is_some())
}

/// The error of starting a thread. With old profiles the C library gets none: it
/// makes do without `clone3` only where the kernel does not know it.
pub fn thread_error(error: io::Error) -> io::Error {
    explained("clone3", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_call_is_named_and_other_errors_stay_as_they_are() {
        let told = explain("memfd_create")(Errno::NOSYS);
        assert!(told.to_string().contains("`memfd_create`"), "{told}");
        assert!(is_explained(&told));
        let full = explain("memfd_create")(Errno::MFILE);
        assert_eq!(full.raw_os_error(), Some(libc::EMFILE));
        assert!(!is_explained(&full));
    }
}
