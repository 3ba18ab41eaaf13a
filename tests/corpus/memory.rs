//! Tasks that take all there is: memory, tables, handles, and what the host
//! side has to allocate for them.

use sandpool::{KIB, LimitName, MIB, Outcome, Verdict};

use crate::case::{Case, guest, wat};
use crate::support::wat::{HOST_CALLS, HOST_CALLS_P1};

const GROWING: &str = r#"
(module
  (memory $a 1)
  (memory $b 1)
  (table $t 1 funcref)
  (func $all (export "all") (result i32)
    (loop $more
      (br_if $more (i32.ne (i32.const -1) (memory.grow $a (i32.const 16)))))
    (loop $more
      (br_if $more (i32.ne (i32.const -1) (memory.grow $a (i32.const 1)))))
    (memory.size $a))
  (func (export "all and more")
    (drop (call $all))
    unreachable)
  (func (export "both")
    (loop $more
      (if (i32.or
            (i32.eq (i32.const -1) (memory.grow $a (i32.const 100)))
            (i32.eq (i32.const -1) (memory.grow $b (i32.const 100))))
        (then unreachable))
      (br $more)))
  (func (export "too much at once")
    (if (i32.eq (i32.const -1) (memory.grow $a (i32.const 65535)))
      (then unreachable)))
  (func (export "table")
    (loop $more
      (if (i32.eq (i32.const -1) (table.grow $t (ref.null func) (i32.const 5000)))
        (then unreachable))
      (br $more)))
  (func (export "table at once")
    (if (i32.eq (i32.const -1) (table.grow $t (ref.null func) (i32.const -1)))
      (then unreachable))))
"#;

/// As much memory as 32 bits can name.
const BORN_HUGE: &str = r#"(module (memory 65536) (func (export "f")))"#;

fn many_memories() -> String {
    let memories = "(memory 1000)".repeat(16);
    format!("(module {memories} (func (export \"f\")))")
}

fn many_tables() -> String {
    let tables = "(table 200000 funcref)".repeat(40);
    format!("(module {tables} (func (export \"f\")))")
}

fn much_data() -> String {
    let text = "all work and no play ".repeat(400_000);
    format!("(module (memory 200) (data (i32.const 0) \"{text}\") (func (export \"f\")))")
}

fn many_elements() -> String {
    let names = "$f ".repeat(200_000);
    format!("(module (table 200000 funcref) (func $f (export \"f\")) (elem (i32.const 0) {names}))")
}

const DATA_BEYOND_THE_MEMORY: &str = r#"
(module (memory 1) (data (i32.const 65530) "0123456789") (func (export "f")))
"#;

const ELEMENTS_BEYOND_THE_TABLE: &str = r#"
(module (table 1 funcref) (func $f (export "f")) (elem (i32.const 0) $f $f))
"#;

fn survived(outcome: &Outcome) {
    assert!(!outcome.refusals.is_empty(), "it was refused something");
    let peak = outcome.peak_memory.expect("told");
    assert!(peak <= 128 * MIB && peak > 100 * MIB, "{peak}");
}

pub fn cases() -> Vec<Case> {
    let p1 = |name, function: &str, n: i32| wat(name, HOST_CALLS_P1).calls(function, (n,));
    let host = |name, function: &str, n: u32| wat(name, HOST_CALLS).calls(function, (n,));
    let memory = |case: Case, limit| case.hits(Verdict::MemoryLimit, limit);
    let grows = |name, function: &str, limit| memory(wat(name, GROWING).calls(function, ()), limit);
    vec![
        grows(
            "memory.grow to the end, and a trap",
            "all and more",
            LimitName::Memory,
        ),
        wat("memory.grow to the end, and content with it", GROWING)
            .calls("all", ())
            .ends(Verdict::Ok)
            .and(survived),
        grows("two memories that grow by turns", "both", LimitName::Memory),
        grows("all memory at once", "too much at once", LimitName::Memory),
        grows(
            "a table that grows for ever",
            "table",
            LimitName::TableElements,
        ),
        grows(
            "a table of four billion",
            "table at once",
            LimitName::TableElements,
        ),
        memory(
            wat("a memory that is born with four gibibytes", BORN_HUGE).calls("f", ()),
            LimitName::Memory,
        ),
        memory(
            wat(
                "sixteen memories that are too much together",
                many_memories(),
            )
            .calls("f", ()),
            LimitName::Memory,
        ),
        wat("as many and as large tables as there may be", many_tables()).calls("f", ()),
        wat("eight megabytes of data", much_data()).calls("f", ()),
        memory(
            wat("eight megabytes of data in one", much_data())
                .calls("f", ())
                .with(|call| call.memory(MIB)),
            LimitName::Memory,
        ),
        wat("two hundred thousand elements", many_elements()).calls("f", ()),
        wat("data beyond the memory", DATA_BEYOND_THE_MEMORY)
            .calls("f", ())
            .traps("out of bounds memory"),
        wat("elements beyond the table", ELEMENTS_BEYOND_THE_TABLE)
            .calls("f", ())
            .traps("out of bounds table"),
        memory(
            guest("a guest written in Rust that hoards", "misbehave").calls("allocate-forever", ()),
            LimitName::Memory,
        ),
        memory(
            wat("all the random bytes there are", HOST_CALLS).calls("random", (u64::MAX,)),
            LimitName::HostCalls,
        ),
        memory(
            p1("four gibibytes of random bytes", "random", -1),
            LimitName::HostCalls,
        ),
        memory(
            host("a message of eight megabytes", "log", 8 << 20)
                .with(|call| call.log_limit(None).host_call_memory(MIB)),
            LimitName::HostCalls,
        ),
        memory(
            host("ten million strings as a result", "strings", 10_000_000),
            LimitName::HostCalls,
        ),
        memory(
            host("twenty thousand handles", "handles", 20_000),
            LimitName::Handles,
        ),
        memory(
            host("a poll of a million things", "poll", 1_000_000),
            LimitName::Handles,
        ),
        memory(
            p1(
                "a poll of a million things, in preview 1",
                "poll",
                1_000_000,
            ),
            LimitName::Handles,
        ),
        // The host looks at the first piece that holds something, and no more.
        p1(
            "ten million empty pieces to write",
            "write pieces",
            10_000_000,
        )
        .with(|call| call.stdout_limit(KIB))
        .ends(Verdict::Ok),
    ]
}
