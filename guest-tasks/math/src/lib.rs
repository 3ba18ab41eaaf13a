//! Numbers in, numbers out: the smallest task module.
//!
//! It shows all that a module needs: a world in `wit/` that names its exports,
//! `generate!`, a type that implements the generated `Guest` trait, `export!`.
//! Nothing here knows that sandpool exists.

wit_bindgen::generate!({ path: "wit", world: "math" });

struct Math;

impl Guest for Math {
    fn fib(n: u32) -> u64 {
        fib(n)
    }

    fn primes_below(n: u32) -> Vec<u32> {
        primes_below(n)
    }

    fn add(a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }
}

export!(Math);

/// Recursive on purpose, and never inlined into itself: this is the task that
/// does nothing but use the processor, for a time that the caller chooses.
#[inline(never)]
fn fib(n: u32) -> u64 {
    if n < 2 {
        return u64::from(n);
    }
    fib(n - 1).wrapping_add(fib(n - 2))
}

/// The sieve of Eratosthenes.
fn primes_below(n: u32) -> Vec<u32> {
    let n = n as usize;
    let mut composite = vec![false; n];
    let mut primes = Vec::new();
    for candidate in 2..n {
        if composite[candidate] {
            continue;
        }
        primes.push(candidate as u32);
        // Smaller multiples were crossed out by smaller primes. The square
        // may not fit in 32 bits; then there is nothing left to cross out.
        if let Some(square) = candidate.checked_mul(candidate) {
            for multiple in (square..n).step_by(candidate) {
                composite[multiple] = true;
            }
        }
    }
    primes
}
