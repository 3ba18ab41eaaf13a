//! The bounds of a guest (memories, tables, instances, bytes of one host call), and its
//! refusals.

use wasmtime::ResourceLimiter;

use sandpool_protocol::limits::LimitName;
use sandpool_protocol::settings::{EngineSettings, WasmFeature};
use sandpool_protocol::verdict::{MAX_DETAIL, MAX_REFUSALS, Refusal};

/// An output of the guest grew past its limit, which ends the task.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the output grew past its limit")]
pub struct OutputLimitReached {
    /// The limit of the output that grew.
    pub limit: LimitName,
}

/// A function or a tool of the host failed, which ends the task.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a function of the host failed")]
pub struct HostFunctionFailed;

/// The guest called what was not granted, by a call that has no way to fail, which ends the
/// task. The last refusal says what it was.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the call was not granted")]
pub struct NotGranted;

/// The smallest share of a host call in bytes: a page.
pub(super) const LEAST_SHARE: u64 = 4096;

/// Returns the share of the memory of one host call that a stream takes at once: the call
/// itself holds the bytes once more.
pub(super) fn share_of_a_call(host_calls: u64) -> u64 {
    (host_calls / 2).max(LEAST_SHARE)
}

/// The bounds of memories, tables and instances, and the refusals.
#[derive(Debug, Default)]
pub struct Bounds {
    pub memory_limit: Option<u64>,
    pub max_tables: usize,
    pub max_table_elements: usize,
    pub max_memories: usize,
    pub max_instances: usize,
    /// The size in bytes of the smallest page that a memory may have.
    pub least_page: u64,
    /// The highest number of bytes that one call moves from or into a file.
    pub file_bytes_at_once: u64,
    /// The number of bytes of all linear memories now.
    pub memory: u64,
    /// The highest number of bytes of all linear memories at once.
    pub peak_memory: u64,
    /// The number of bytes of the last growth that was granted, and the peak before it:
    /// wasmtime may still fail to get them.
    granted: (u64, u64),
    pub refusals: Vec<Refusal>,
    /// The limit of the first growth that was refused.
    pub refused_growth: Option<LimitName>,
}

impl Bounds {
    /// Returns the bounds that hold for every task of a pool.
    pub fn new(settings: &EngineSettings) -> Self {
        Bounds {
            max_tables: settings.tables as usize,
            max_table_elements: settings.table_elements as usize,
            max_memories: settings.memories as usize,
            max_instances: settings.instances as usize,
            least_page: match settings.features.contains(&WasmFeature::CustomPageSizes) {
                true => 1,
                false => 65536,
            },
            ..Bounds::default()
        }
    }

    /// Begins a task in an instance that may have run others: their refusals are forgotten,
    /// their memory is not.
    pub fn begin(&mut self, memory_limit: Option<u64>, host_calls: u64) {
        self.memory_limit = memory_limit;
        self.file_bytes_at_once = share_of_a_call(host_calls);
        self.peak_memory = self.memory;
        self.refusals.clear();
        self.refused_growth = None;
    }

    fn refuse(&mut self, limit: LimitName, what: &str, detail: String) {
        self.refused_growth.get_or_insert(limit);
        self.note(what, detail);
    }

    /// Notes each refusal once, however often the guest tries, the latest last: that one is
    /// named if the task ends by it.
    fn note(&mut self, what: &str, mut detail: String) {
        if detail.len() > MAX_DETAIL {
            detail.truncate(detail.floor_char_boundary(MAX_DETAIL));
            detail.push('…');
        }
        self.refusals
            .retain(|known| known.what != what || known.detail != detail);
        self.refusals.truncate(MAX_REFUSALS - 1);
        self.refusals.push(Refusal {
            what: what.to_owned(),
            detail,
        });
    }

    /// Notes that a module wants more memory at birth than it may have.
    pub fn refuse_birth(&mut self, bytes: u64) {
        self.refuse(LimitName::Memory, "memory", format!("{bytes} bytes"));
    }

    /// Notes that a capability was refused.
    pub fn deny(&mut self, what: &str, detail: String) {
        self.note(what, detail);
    }
}

impl ResourceLimiter for Bounds {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // A module's own maximum is not ours: growth beyond it fails without being a
        // refusal of sandpool.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let total = self
            .memory
            .saturating_add(desired.saturating_sub(current) as u64);
        if self.memory_limit.is_some_and(|limit| total > limit) {
            self.refuse(LimitName::Memory, "memory", format!("{total} bytes"));
            return Ok(false);
        }
        self.granted = (total - self.memory, self.peak_memory);
        self.memory = total;
        self.peak_memory = self.peak_memory.max(total);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        let (bytes, peak) = std::mem::take(&mut self.granted);
        self.memory = self.memory.saturating_sub(bytes);
        self.peak_memory = self.peak_memory.min(peak.max(self.memory));
        // Only growth that the operating system refused counts.
        if error.downcast_ref::<std::io::Error>().is_some() {
            self.refuse(
                LimitName::ProcessMemory,
                "process memory",
                format!("{error:#}"),
            );
        }
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.max_table_elements {
            self.refuse(
                LimitName::TableElements,
                "table",
                format!("{desired} elements"),
            );
            return Ok(false);
        }
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn instances(&self) -> usize {
        self.max_instances
    }

    fn tables(&self) -> usize {
        self.max_tables
    }

    fn memories(&self) -> usize {
        self.max_memories
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_of_a_task_share_one_limit() {
        let mut bounds = Bounds {
            memory_limit: Some(3 * 65536),
            ..Bounds::default()
        };
        assert!(bounds.memory_growing(0, 2 * 65536, None).expect("no error"));
        assert!(bounds.memory_growing(0, 65536, None).expect("no error"));
        assert!(
            !bounds
                .memory_growing(65536, 2 * 65536, None)
                .expect("no error")
        );
        assert_eq!(bounds.refused_growth, Some(LimitName::Memory));
        assert_eq!(bounds.peak_memory, 3 * 65536);
    }

    #[test]
    fn memory_that_was_granted_and_not_to_be_had_is_not_counted() {
        let mut bounds = Bounds {
            memory_limit: Some(10 * 65536),
            ..Bounds::default()
        };
        assert!(bounds.memory_growing(0, 65536, None).expect("no error"));
        assert!(
            bounds
                .memory_growing(65536, 9 * 65536, None)
                .expect("no error")
        );
        let refused = std::io::Error::from_raw_os_error(libc::ENOMEM);
        bounds.memory_grow_failed(refused.into()).expect("no error");
        assert_eq!((bounds.memory, bounds.peak_memory), (65536, 65536));
        assert_eq!(bounds.refused_growth, Some(LimitName::ProcessMemory));
    }

    #[test]
    fn a_modules_own_maximum_is_no_refusal_of_ours() {
        let mut bounds = Bounds {
            memory_limit: Some(65536),
            ..Bounds::default()
        };
        assert!(
            !bounds
                .memory_growing(0, 65536 * 9, Some(65536))
                .expect("no error")
        );
        assert_eq!(bounds.refused_growth, None);
    }

    #[test]
    fn refusals_are_listed_once_and_the_latest_is_the_last() {
        let mut bounds = Bounds::default();
        for name in ["a", "b", "a"] {
            bounds.deny("file", name.into());
        }
        let names = |bounds: &Bounds| -> Vec<String> {
            let refusals = bounds.refusals.iter();
            refusals.map(|refusal| refusal.detail.clone()).collect()
        };
        assert_eq!(names(&bounds), ["b", "a"]);
        for n in 0..1000 {
            bounds.deny("file", n.to_string());
        }
        let names = names(&bounds);
        assert_eq!(names.len(), MAX_REFUSALS);
        assert_eq!((names[0].as_str(), names[63].as_str()), ("b", "999"));
    }
}
