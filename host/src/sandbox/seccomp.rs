//! Turns lists of system calls into filters of the kernel.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter, apply_filter_all_threads,
};

use super::calls::{Call, Only};

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: TargetArch = TargetArch::aarch64;

/// A filter that allows what is in these lists and kills the process for
/// anything else.
pub(super) fn allow(lists: &[&[Call]]) -> Result<BpfProgram, Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    let mut unconditional = Vec::new();
    for call in lists.iter().copied().flatten() {
        let cases = cases(call.only)?;
        if cases.is_empty() {
            unconditional.push(call.number);
        }
        let rules = rules.entry(call.number).or_default();
        for conditions in cases {
            rules.push(SeccompRule::new(conditions)?);
        }
    }
    // A call that one list allows whatever its arguments is not narrowed by
    // another. No rule at all means any arguments.
    for number in unconditional {
        rules.insert(number, Vec::new());
    }
    program(rules, SeccompAction::KillProcess, SeccompAction::Allow)
}

/// A filter that answers these calls with an error.
pub(super) fn refuse(calls: &[(i64, i32)]) -> Result<Vec<BpfProgram>, Error> {
    // A filter has one answer, so there is one for each.
    let mut by_errno: BTreeMap<i32, BTreeMap<i64, Vec<SeccompRule>>> = BTreeMap::new();
    for (number, errno) in calls {
        let rules = by_errno.entry(*errno).or_default();
        rules.insert(*number, Vec::new());
    }
    by_errno
        .into_iter()
        .map(|(errno, rules)| {
            let answer = SeccompAction::Errno(errno.unsigned_abs());
            program(rules, SeccompAction::Allow, answer)
        })
        .collect()
}

fn program(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    matched: SeccompAction,
) -> Result<BpfProgram, Error> {
    let filter = SeccompFilter::new(rules, otherwise, matched, ARCHITECTURE)?;
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

/// The cases in which a call is allowed, each with the conditions that have all
/// to hold; none for a call that is always allowed.
fn cases(only: Only) -> Result<Vec<Vec<SeccompCondition>>, Error> {
    let masked = |argument, mask: u64, wanted: u64| {
        let compare = SeccompCmpOp::MaskedEq(mask);
        SeccompCondition::new(argument, SeccompCmpArgLen::Qword, compare, wanted)
    };
    let equal = |argument, wanted: u64| {
        let compare = SeccompCmpOp::Eq;
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compare, wanted)
    };
    let bits = |flags: libc::c_int| u64::from(flags.unsigned_abs());
    let not_executable = || masked(2, bits(libc::PROT_EXEC), 0);
    // Private memory, or a file's.
    let counted = || {
        [libc::MAP_SHARED, libc::MAP_ANONYMOUS].map(|neither| {
            let flags = bits(neither | libc::MAP_GROWSDOWN);
            masked(3, flags, 0)
        })
    };
    Ok(match only {
        Only::Any => Vec::new(),
        Only::NotExecutable => vec![vec![not_executable()?]],
        Only::Counted => counted()
            .into_iter()
            .map(|counted| Ok(vec![counted?]))
            .collect::<Result<_, Error>>()?,
        Only::CountedNotExecutable => counted()
            .into_iter()
            .map(|counted| Ok(vec![counted?, not_executable()?]))
            .collect::<Result<_, Error>>()?,
        Only::Thread => {
            let thread = bits(libc::CLONE_THREAD | libc::CLONE_VM | libc::CLONE_SIGHAND);
            vec![vec![masked(0, thread, thread)?]]
        }
        Only::OwnProcess => vec![vec![equal(0, u64::from(std::process::id()))?]],
        Only::OwnLimits => vec![vec![equal(0, 0)?]],
        Only::ThreadName => vec![vec![equal(0, bits(libc::PR_SET_NAME))?]],
        Only::NoNewPrivileges => vec![vec![equal(0, bits(libc::PR_SET_NO_NEW_PRIVS))?]],
        Only::Sealing => vec![vec![equal(1, bits(libc::F_ADD_SEALS))?]],
        Only::NonBlocking => vec![vec![equal(1, u64::from(libc::FIONBIO as u32))?]],
        Only::DescriptorFlags => [
            libc::F_GETFD,
            libc::F_SETFD,
            libc::F_GETFL,
            libc::F_SETFL,
            libc::F_DUPFD_CLOEXEC,
        ]
        .into_iter()
        .map(|command| Ok(vec![equal(1, bits(command))?]))
        .collect::<Result<_, Error>>()?,
    })
}
