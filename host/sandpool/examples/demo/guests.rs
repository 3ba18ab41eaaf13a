//! Where the demo's task modules come from: compiled from `guest-tasks/`, or,
//! on a machine that cannot compile for WebAssembly, written here as text.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sandpool::{Module, Pool};

/// The modules that both casts have, each under the functions' same names.
pub struct Guests {
    /// Has `fib`.
    pub math: Module,
    /// Has a function that takes long; see [`Guests::long_task`].
    pub sleeper: Module,
    /// Has the attacks.
    pub misbehave: Module,
    /// The parts that need the compiled guests.
    pub compiled: Option<Compiled>,
}

/// Modules that take and return text and bytes, and one that runs text.
pub struct Compiled {
    /// `None` where it could not be built.
    pub javascript: Option<Module>,
    pub text: Module,
    pub digest: Module,
    pub image: Module,
}

/// A long task and a short one of one module, each with an argument.
pub struct Durations {
    pub function: &'static str,
    pub long: u32,
    pub short: u32,
}

impl Guests {
    pub fn compiled(pool: &Pool, folder: &Path) -> Result<Self> {
        let load = |name: &str| -> Result<Module> {
            let path: PathBuf = folder.join(name).with_extension("wasm");
            pool.load(&path).context(
                "cannot load a guest; `cargo xtask guests` makes them, `--wat-only` does without",
            )
        };
        Ok(Guests {
            math: load("math")?,
            sleeper: load("sleeper")?,
            misbehave: load("misbehave")?,
            compiled: Some(Compiled {
                javascript: match folder.join("javascript.wasm").is_file() {
                    true => Some(load("javascript")?),
                    false => None,
                },
                text: load("text")?,
                digest: load("digest")?,
                image: load("image")?,
            }),
        })
    }

    pub fn written(pool: &Pool) -> Result<Self> {
        let load = |text: &str| pool.load_bytes(text).context("cannot load a module of WAT");
        Ok(Guests {
            math: load(MATH)?,
            sleeper: load(SLEEPER)?,
            misbehave: load(MISBEHAVE)?,
            compiled: None,
        })
    }

    /// Returns a long (but not endless) and a short duration of work.
    pub fn durations(&self) -> Durations {
        match self.compiled {
            Some(_) => Durations {
                function: "sleep-ms",
                long: 5_000,
                short: 5,
            },
            None => Durations {
                function: "count-down",
                long: u32::MAX,
                short: 2_000_000,
            },
        }
    }

    /// All modules, by name.
    pub fn named(&self) -> Vec<(&'static str, &Module)> {
        let mut named = vec![
            ("math", &self.math),
            ("sleeper", &self.sleeper),
            ("misbehave", &self.misbehave),
        ];
        if let Some(compiled) = &self.compiled {
            named.extend(compiled.javascript.iter().map(|one| ("javascript", one)));
            named.extend([
                ("text", &compiled.text),
                ("digest", &compiled.digest),
                ("image", &compiled.image),
            ]);
        }
        named
    }
}

const MATH: &str = r#"
(module
  (func $fib (export "fib") (param $n i32) (result i64)
    (if (result i64) (i32.lt_u (local.get $n) (i32.const 2))
      (then (i64.extend_i32_u (local.get $n)))
      (else (i64.add
        (call $fib (i32.sub (local.get $n) (i32.const 1)))
        (call $fib (i32.sub (local.get $n) (i32.const 2))))))))
"#;

/// A core module has no clock to sleep by, so this one counts.
const SLEEPER: &str = r#"
(module
  (func (export "count-down") (param $from i64)
    (loop $on
      (br_if $on
        (i64.ne (i64.const 0)
          (local.tee $from (i64.sub (local.get $from) (i64.const 1))))))))
"#;

const MISBEHAVE: &str = r#"
(module
  (memory (export "memory") 1)
  (func (export "spin")
    (loop $for-ever (br $for-ever)))
  (func (export "trap")
    unreachable)
  (func (export "allocate-forever")
    (loop $more
      (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    unreachable)
  (func $recurse (export "recurse") (result i32)
    (i32.add (call $recurse) (i32.const 1)))
  (func (export "read-outside") (result i32)
    (i32.load (i32.const -8)))
  (func (export "divide-by-zero") (result i32)
    (i32.div_u (i32.const 1) (i32.const 0))))
"#;
