//! Writes a filter of system calls as the program that the kernel runs.
//!
//! It finds a call by halving the list of them. When a filter is put on, the
//! kernel walks through it once for each system call that it knows, so that one
//! which compares with each of a hundred numbers in turn takes four times as long
//! to put on: a tenth of the whole start of a worker.

use seccompiler::{BpfProgram, sock_filter};

/// The action for a system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Allow,
    /// It is answered with this error.
    Refuse(i32),
    /// It is allowed in these cases, and otherwise kills the process.
    AllowIf(Vec<Case>),
    /// It is allowed in these cases, and otherwise answered with this error.
    RefuseUnless(Vec<Case>, i32),
}

/// All of these have to hold.
pub(super) type Case = Vec<Condition>;

/// The condition on an argument, in the lower half of its 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// The argument's index, from 0.
    pub(super) argument: u8,
    pub(super) mask: u32,
    /// The value of the bits under the mask.
    pub(super) wanted: u32,
}

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

// Where the kernel has what a filter asks for: `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE_OF_CALL: u32 = 4;
const ARGUMENTS: u32 = 16;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
const JUMP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const IF_AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

const KILL: sock_filter = statement(RETURN, libc::SECCOMP_RET_KILL_PROCESS);
const ALLOW: sock_filter = statement(RETURN, libc::SECCOMP_RET_ALLOW);

/// Returns the program for rules in the order of their numbers. A call that none of
/// them is about kills the process, as does one of another architecture.
pub(super) fn program(rules: &[(u32, Rule)]) -> BpfProgram {
    let mut program = vec![
        statement(LOAD, ARCHITECTURE_OF_CALL),
        if_else(IF_EQUAL, ARCHITECTURE, 1, 0),
        KILL,
        statement(LOAD, NUMBER),
    ];
    program.extend(search(rules));
    program
}

/// Finds the number that is loaded among these.
fn search(rules: &[(u32, Rule)]) -> BpfProgram {
    match rules {
        [] => vec![KILL],
        [(number, rule)] => {
            let mut program = vec![if_else(IF_EQUAL, *number, 1, 0), KILL];
            program.extend(answer(rule));
            program
        }
        several => {
            let (lower, upper) = several.split_at(several.len() / 2);
            let (first, _) = upper[0];
            let (lower, upper) = (search(lower), search(upper));
            // A jump that asks reaches no further than 255 instructions.
            let mut program = vec![
                if_else(IF_AT_LEAST, first, 0, 1),
                statement(JUMP, lower.len() as u32),
            ];
            program.extend(lower);
            program.extend(upper);
            program
        }
    }
}

fn answer(rule: &Rule) -> BpfProgram {
    match rule {
        Rule::Allow => vec![ALLOW],
        Rule::Refuse(errno) => vec![refuse(*errno)],
        Rule::AllowIf(cases) => allow_if(cases, KILL),
        Rule::RefuseUnless(cases, errno) => allow_if(cases, refuse(*errno)),
    }
}

fn allow_if(cases: &[Case], otherwise: sock_filter) -> BpfProgram {
    let mut program: BpfProgram = cases.iter().flat_map(one_case).collect();
    program.push(otherwise);
    program
}

fn refuse(errno: i32) -> sock_filter {
    let data = errno.unsigned_abs() & libc::SECCOMP_RET_DATA;
    statement(RETURN, libc::SECCOMP_RET_ERRNO | data)
}

/// Allows the call if all conditions hold, and goes on behind itself if not.
fn one_case(case: &Case) -> BpfProgram {
    const INSTRUCTIONS_PER_CONDITION: usize = 3;
    let mut program = Vec::with_capacity(case.len() * INSTRUCTIONS_PER_CONDITION + 1);
    for (place, condition) in case.iter().enumerate() {
        // Over the conditions that are left, and over the answer.
        let rest = (case.len() - place - 1) * INSTRUCTIONS_PER_CONDITION + 1;
        program.extend([
            statement(
                LOAD,
                ARGUMENTS + 8 * u32::from(condition.argument) + LOWER_HALF,
            ),
            statement(AND, condition.mask),
            if_else(IF_EQUAL, condition.wanted, 0, rest as u8),
        ]);
    }
    program.push(ALLOW);
    program
}

/// Both architectures have the lower half of an argument first.
const LOWER_HALF: u32 = 0;

const fn statement(code: u16, k: u32) -> sock_filter {
    if_else(code, k, 0, 0)
}

/// Returns a jump over `jt` instructions if the comparison holds, over `jf` if not.
const fn if_else(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Runs a filter; returns the kernel's answer and the number of instructions.
    fn run(program: &[sock_filter], number: u32, arguments: [u64; 6]) -> (u32, usize) {
        let mut data = [number, ARCHITECTURE, 0, 0].map(u32::to_le_bytes).concat();
        data.extend(arguments.iter().flat_map(|argument| argument.to_le_bytes()));
        let (mut place, mut loaded, mut steps) = (0, 0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[place];
            place += 1;
            steps += 1;
            match code {
                LOAD => {
                    let at = k as usize;
                    loaded = u32::from_le_bytes(data[at..at + 4].try_into().unwrap());
                }
                AND => loaded &= k,
                JUMP => place += k as usize,
                IF_EQUAL => place += usize::from(if loaded == k { jt } else { jf }),
                IF_AT_LEAST => place += usize::from(if loaded >= k { jt } else { jf }),
                RETURN => return (k, steps),
                other => panic!("no filter of ours has {other:#x}"),
            }
        }
    }

    /// Returns the expected answer of the rules, read one by one.
    fn expected(rules: &[(u32, Rule)], number: u32, arguments: [u64; 6]) -> u32 {
        let rule = rules.iter().find(|(about, _)| *about == number);
        let holds = |condition: &Condition| {
            let lower = arguments[usize::from(condition.argument)] as u32;
            lower & condition.mask == condition.wanted
        };
        match rule.map(|(_, rule)| rule) {
            Some(Rule::Allow) => libc::SECCOMP_RET_ALLOW,
            Some(Rule::Refuse(errno)) => libc::SECCOMP_RET_ERRNO | errno.unsigned_abs(),
            Some(Rule::AllowIf(cases) | Rule::RefuseUnless(cases, _))
                if cases.iter().any(|case| case.iter().all(holds)) =>
            {
                libc::SECCOMP_RET_ALLOW
            }
            Some(Rule::RefuseUnless(_, errno)) => libc::SECCOMP_RET_ERRNO | errno.unsigned_abs(),
            Some(Rule::AllowIf(_)) | None => libc::SECCOMP_RET_KILL_PROCESS,
        }
    }

    fn any_rule() -> impl Strategy<Value = Rule> {
        let condition =
            (0..6_u8, 0..8_u32, 0..8_u32).prop_map(|(argument, mask, wanted)| Condition {
                argument,
                mask,
                wanted: wanted & mask,
            });
        let case = prop::collection::vec(condition, 0..4);
        let cases = prop::collection::vec(case, 0..6);
        prop_oneof![
            Just(Rule::Allow),
            (1..200_i32).prop_map(Rule::Refuse),
            cases.clone().prop_map(Rule::AllowIf),
            (cases, 1..200_i32).prop_map(|(cases, errno)| Rule::RefuseUnless(cases, errno)),
        ]
    }

    proptest! {
        #[test]
        fn a_program_answers_as_its_rules_say(
            rules in prop::collection::btree_map(0..200_u32, any_rule(), 0..150),
            arguments in prop::array::uniform6(0..16_u64),
        ) {
            let rules: Vec<_> = rules.into_iter().collect();
            let program = program(&rules);
            prop_assert!(program.len() <= libc::BPF_MAXINSNS as usize);
            for number in 0..220 {
                let (answer, _) = run(&program, number, arguments);
                prop_assert_eq!(answer, expected(&rules, number, arguments), "{}", number);
            }
        }
    }

    #[test]
    fn a_call_is_found_in_few_steps() {
        let rules: Vec<_> = (0..100).map(|number| (3 * number, Rule::Allow)).collect();
        let program = program(&rules);
        for number in 0..400 {
            let (_, steps) = run(&program, number, [0; 6]);
            assert!(steps <= 22, "{number}: {steps}");
        }
    }

    #[test]
    fn a_call_of_another_architecture_kills() {
        let program = program(&[(1, Rule::Allow)]);
        assert_eq!(program[1], if_else(IF_EQUAL, ARCHITECTURE, 1, 0));
        assert_eq!(program[2], KILL);
    }
}
