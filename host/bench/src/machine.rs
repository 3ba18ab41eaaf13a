//! On what it was measured.

use std::fs;

/// The facts that a reader needs to judge the times of a machine.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub kernel: String,
    /// The load of the machine when the run began, on average over a minute.
    pub load: f64,
}

impl Machine {
    pub fn look() -> Self {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpus.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == "model name").then(|| value.trim().to_owned())
        });
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().and_then(|load| load.parse().ok());
        let uname = rustix::system::uname();
        Machine {
            cpu: model.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: uname.release().to_string_lossy().into_owned(),
            load: load.unwrap_or(0.0),
        }
    }

    /// Returns whether others were at work, so that times are not to be trusted.
    pub fn is_busy(&self) -> bool {
        self.load > 0.5
    }

    pub fn line(&self) -> String {
        let busy = match self.is_busy() {
            true => format!(
                "; it is busy (load {:.1}), so times are not reliable",
                self.load
            ),
            false => String::new(),
        };
        format!(
            "{}, {} cores, Linux {}{busy}",
            self.cpu, self.cores, self.kernel
        )
    }
}
