//! The tasks of a pool by number.

/// The count of the tasks that a pool has taken, and of those among them that have no
/// outcome yet.
#[derive(Debug, Default)]
pub(crate) struct TaskCount {
    taken: u64,
    unfinished: u64,
}

impl TaskCount {
    /// Returns the id of the next task; the ids of others follow it.
    #[inline]
    pub(crate) fn next_id(&self) -> u64 {
        self.taken
    }

    /// Counts tasks that the pool takes.
    #[inline]
    pub(crate) fn take(&mut self, tasks: u64) {
        self.taken += tasks;
        self.unfinished += tasks;
    }

    /// Counts tasks that have got their outcome.
    #[inline]
    pub(crate) fn finish(&mut self, tasks: u64) {
        self.unfinished -= tasks;
    }

    /// Returns `true` if all tasks have their outcome.
    #[inline]
    pub(crate) fn all_finished(&self) -> bool {
        self.unfinished == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_go_on_when_tasks_finish() {
        let mut count = TaskCount::default();
        assert!(count.all_finished());
        count.take(3);
        count.finish(2);
        assert!(!count.all_finished());
        assert_eq!(count.next_id(), 3);
        count.take(1);
        count.finish(2);
        assert!(count.all_finished());
        assert_eq!(count.next_id(), 4);
    }
}
