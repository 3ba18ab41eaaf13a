//! CPU clocks of other processes.

use std::time::Duration;

/// CPU time that process `pid` has used so far, all its threads together;
/// `None` once the process is gone.
pub fn process_cpu_time(pid: u32) -> Option<Duration> {
    let mut clock: libc::clockid_t = 0;
    let pid = libc::pid_t::try_from(pid).ok()?;
    // SAFETY: the callee writes one clockid_t through the pointer, which is to
    // a live local of that type.
    if unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) } != 0 {
        return None;
    }
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the callee writes one timespec through the pointer, which is to
    // a live local of that type; a clock id that is stale makes it fail.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    let nanos = u32::try_from(time.tv_nsec).ok()?;
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_this_process_advances_with_its_work() {
        let pid = std::process::id();
        let before = process_cpu_time(pid).expect("this process has a clock");
        let mut sum = 0u64;
        while process_cpu_time(pid).expect("still has") < before + Duration::from_millis(2) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
    }

    #[test]
    fn a_process_that_is_not_there_has_no_clock() {
        assert_eq!(process_cpu_time(u32::MAX), None);
    }
}
