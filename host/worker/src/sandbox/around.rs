//! A sandbox that stands around the `sandpool` command already: the profile of a
//! container, and whatever else its parent left it with.

use super::seccomp;
use sandpool_sys::{has_unusable_clone3, hear_of_children};

/// Makes the `sandpool` command work where its parent left it less than programs
/// usually have. To be called before it has a second thread.
pub fn prepare_command() {
    hear_of_children();
    if has_unusable_clone3() {
        // A filter of our own, which is asked before the container's, answers as a
        // kernel does that has no such call: then there are threads. It takes no
        // rights but those to new privileges, for which this command has no use. If
        // it cannot be put on, the threads that do not start say why.
        let filter = seccomp::answer(libc::SYS_clone3, libc::ENOSYS);
        let _ = filter.and_then(|filter| seccomp::put_on(&filter));
    }
}
