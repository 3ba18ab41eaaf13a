//! The host's books about the HTTP requests of one task: what was asked and refused, and
//! how many bytes went each way.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::{CheckedRequest, Refused};
use crate::outcome::{HttpExchange, MAX_HTTP_EXCHANGES, Refusal};
use crate::pool::tasks::HttpRecord;
use sandpool_protocol::verdict::{MAX_DETAIL, MAX_REFUSALS};

/// The kind of requests in outcomes that are refused.
pub(super) const REQUEST: &str = "HTTP request";

/// The kind of requests in outcomes that run past a limit.
pub(super) const LIMIT: &str = "HTTP limit";

/// The books of one task. The thread of the client writes in them too.
#[derive(Default)]
pub(super) struct TaskBooks {
    lists: Mutex<Lists>,
    /// The number of bytes of all responses.
    received: AtomicU64,
}

#[derive(Default)]
struct Lists {
    entries: Vec<Arc<Entry>>,
    refusals: Vec<Refusal>,
}

/// The entry of one request.
pub(super) struct Entry {
    method: String,
    origin: String,
    /// 0 until there is one.
    status: AtomicU16,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Entry {
    /// Returns the method and the origin, in one line.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.origin)
    }

    pub(super) fn set_status(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    pub(super) fn add_sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl TaskBooks {
    fn lock(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a request that is sent. The first hundred are listed.
    pub(super) fn enter(&self, request: &CheckedRequest) -> Arc<Entry> {
        let entry = Arc::new(Entry {
            method: request.method().to_owned(),
            origin: request.origin().to_owned(),
            status: AtomicU16::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
        });
        let mut lists = self.lock();
        if lists.entries.len() < MAX_HTTP_EXCHANGES {
            lists.entries.push(Arc::clone(&entry));
        }
        entry
    }

    /// Counts bytes of a response; returns `true` if all are no more than `most`.
    pub(super) fn count_received(&self, entry: &Entry, bytes: usize, most: Option<u64>) -> bool {
        let bytes = bytes as u64;
        entry.received.fetch_add(bytes, Ordering::Relaxed);
        let before = self.received.fetch_add(bytes, Ordering::Relaxed);
        most.is_none_or(|most| before.saturating_add(bytes) <= most)
    }

    /// Notes a request that no rule allows.
    pub(super) fn deny(&self, refused: &Refused) {
        let Refused {
            method,
            origin,
            why,
        } = refused;
        self.refuse(REQUEST, &format!("{method} {origin}"), why);
    }

    /// Notes a refusal of this kind: of which request, and why.
    pub(super) fn refuse(&self, kind: &str, request: &str, why: &str) {
        let mut detail = format!("{request}: {why}");
        if detail.len() > MAX_DETAIL {
            detail.truncate(detail.floor_char_boundary(MAX_DETAIL));
            detail.push('…');
        }
        let refusals = &mut self.lock().refusals;
        refusals.retain(|known| known.what != kind || known.detail != detail);
        refusals.truncate(MAX_REFUSALS - 1);
        refusals.push(Refusal {
            what: kind.to_owned(),
            detail,
        });
    }

    /// Returns the record for the outcome; `None` if nothing was asked.
    pub(super) fn record(&self) -> Option<HttpRecord> {
        let lists = self.lock();
        if lists.entries.is_empty() && lists.refusals.is_empty() {
            return None;
        }
        let entries = lists.entries.iter();
        let exchanges = entries.map(|entry| HttpExchange {
            method: entry.method.clone(),
            origin: entry.origin.clone(),
            status: match entry.status.load(Ordering::Relaxed) {
                0 => None,
                status => Some(status),
            },
            sent: entry.sent.load(Ordering::Relaxed),
            received: entry.received.load(Ordering::Relaxed),
        });
        Some(HttpRecord {
            exchanges: exchanges.collect(),
            refusals: lists.refusals.clone(),
        })
    }
}
