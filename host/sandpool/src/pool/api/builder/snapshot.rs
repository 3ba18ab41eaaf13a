//! The initializer that runs once for a pool.

use super::PoolBuilder;
use crate::pool::error::SettingError;
use sandpool_value::ToArgs;

impl PoolBuilder {
    /// Sets a function that is called once for each module, when this pool loads it. All
    /// instances of the module then begin where the function left the first one: the work of
    /// an [`initializer`](PoolBuilder::initializer) is paid once, and each task still gets
    /// an instance that nobody has touched.
    ///
    /// A module that another pool has loaded is prepared by its first call, which takes
    /// longer. The outcomes of tasks tell the hash of the snapshot.
    ///
    /// **Random numbers that the function drew, and times that it read, are equal in all
    /// instances**: [`Call::snapshot`](crate::Call::snapshot) says what a snapshot keeps, and
    /// which modules cannot have one. The function has the pool's limits of tasks, and no
    /// grants. If it fails, loading the module fails.
    pub fn initializer_snapshot(mut self, function: &str, args: impl ToArgs) -> Self {
        self.initializer_snapshot = Some((function.to_owned(), args.into_args()));
        self
    }

    /// Refuses two initializers: nobody could say which comes first.
    pub(super) fn check_initializers(&self) -> Result<(), SettingError> {
        match self.initializer.is_some() && self.initializer_snapshot.is_some() {
            true => Err(SettingError::TwoInitializers),
            false => Ok(()),
        }
    }
}
