//! Outgoing HTTP without the feature `http`: no worker has any.

use crate::pool::broker::ReadProgress;
use crate::pool::tasks::{HttpRecord, Task};
use sandpool_protocol::Violation;

/// Never made.
pub(crate) enum HttpRequests {}

impl HttpRequests {
    pub(crate) fn has_news(&self) -> bool {
        match *self {}
    }

    pub(crate) fn announce_sleep(&self) {
        match *self {}
    }

    pub(crate) fn announce_awake(&self) {
        match *self {}
    }

    pub(crate) fn read(&mut self, _task: Option<&Task>) -> Result<ReadProgress, Violation> {
        match *self {}
    }

    pub(crate) fn end(&mut self) -> Option<HttpRecord> {
        match *self {}
    }
}
