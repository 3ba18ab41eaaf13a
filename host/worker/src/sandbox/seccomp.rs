//! Turns lists of system calls into filters of the kernel.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompFilter, apply_filter, apply_filter_all_threads,
};

use super::bpf::{self, Case, Condition, Rule};
use super::calls::{AllowedCall, Only, TRIED};

/// Returns a filter that allows what is in these lists, but answers some of it, and
/// what allocators try, with an error, and kills the process for anything else.
pub(super) fn allow(lists: &[&[AllowedCall]], refused: &[(i64, i32)]) -> BpfProgram {
    let mut rules: BTreeMap<u32, Rule> = BTreeMap::new();
    for call in lists.iter().copied().flatten() {
        let cases = cases(call.only);
        // A call that one list allows whatever its arguments is not narrowed by
        // another.
        let rule = rules
            .entry(number(call.number))
            .or_insert_with(|| Rule::AllowIf(Vec::new()));
        match rule {
            _ if cases.is_empty() => *rule = Rule::Allow,
            Rule::AllowIf(known) => known.extend(cases),
            _ => {}
        }
    }
    for (refused, errno) in refused {
        // Calls that are in no list still kill the process.
        if let Some(rule) = rules.get_mut(&number(*refused)) {
            *rule = Rule::Refuse(*errno);
        }
    }
    for (tried, errno) in TRIED {
        let rule = rules
            .entry(number(*tried))
            .or_insert_with(|| Rule::AllowIf(Vec::new()));
        if let Rule::AllowIf(cases) = rule {
            *rule = Rule::RefuseUnless(std::mem::take(cases), *errno);
        }
    }
    bpf::program(&rules.into_iter().collect::<Vec<_>>())
}

/// Returns a filter that answers one call with an error and allows all others.
pub(super) fn answer(call: i64, errno: i32) -> Result<BpfProgram, Error> {
    let rules = [(call, Vec::new())].into_iter().collect();
    let errno = SeccompAction::Errno(errno.cast_unsigned());
    let arch = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, errno, arch)?;
    Ok(filter.try_into()?)
}

/// Puts a filter on, for good, while there is one thread.
pub(super) fn put_on(program: &BpfProgram) -> Result<(), Error> {
    apply_filter(program)
}

/// Puts a filter on every thread at once.
pub(super) fn put_on_all_threads(program: &BpfProgram) -> Result<(), Error> {
    apply_filter_all_threads(program)
}

/// Returns the number of a call as filters have it; all numbers of calls are small.
fn number(call: i64) -> u32 {
    call as u32
}

/// Returns the cases in which a call is allowed, each with the conditions that have
/// all to hold; none for a call that is always allowed.
fn cases(only: Only) -> Vec<Case> {
    let masked = |argument, mask: libc::c_int, wanted: libc::c_int| Condition {
        argument,
        mask: mask.cast_unsigned(),
        wanted: wanted.cast_unsigned(),
    };
    let equal = |argument, wanted: u32| Condition {
        argument,
        mask: u32::MAX,
        wanted,
    };
    let command = |argument, wanted: libc::c_int| equal(argument, wanted.cast_unsigned());
    let not_executable = masked(2, libc::PROT_EXEC, 0);
    // Private memory, or a file's.
    let counted = [libc::MAP_SHARED, libc::MAP_ANONYMOUS]
        .map(|neither| masked(3, neither | libc::MAP_GROWSDOWN, 0));
    match only {
        Only::Any => Vec::new(),
        Only::NotExecutable => vec![vec![not_executable]],
        Only::Counted => counted.map(|counted| vec![counted]).into(),
        Only::CountedNotExecutable => counted.map(|counted| vec![counted, not_executable]).into(),
        Only::Thread => {
            let thread = libc::CLONE_THREAD | libc::CLONE_VM | libc::CLONE_SIGHAND;
            vec![vec![masked(0, thread, thread)]]
        }
        Only::OwnProcess => vec![vec![equal(0, std::process::id())]],
        Only::OwnLimits => vec![vec![equal(0, 0)]],
        Only::ThreadName => vec![vec![command(0, libc::PR_SET_NAME)]],
        Only::NoNewPrivileges => vec![vec![command(0, libc::PR_SET_NO_NEW_PRIVS)]],
        Only::Sealing => vec![vec![command(1, libc::F_ADD_SEALS)]],
        Only::NonBlocking => vec![vec![equal(1, libc::FIONBIO as u32)]],
        Only::DescriptorFlags => [
            libc::F_GETFD,
            libc::F_SETFD,
            libc::F_GETFL,
            libc::F_SETFL,
            libc::F_DUPFD_CLOEXEC,
        ]
        .map(|of| vec![command(1, of)])
        .into(),
    }
}
