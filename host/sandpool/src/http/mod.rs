//! Outgoing HTTP for guests: which requests are allowed ([`HttpRule`]), which addresses
//! ([`AddressGuard`]), and the client that sends them.
//!
//! This room knows neither pool nor worker. A request comes as a `RequestHead` that nobody
//! has looked at. `Access::check` compares it with the rules of its task and makes a
//! `CheckedRequest` of it, the only thing that the client sends. The client resolves the
//! name once, has the guard look at every address of the answer, and connects to one of
//! those. It follows no redirect, asks no proxy, keeps no cookie and decompresses nothing.

mod access;
mod address;
mod body;
mod client;
mod connection;
mod exchange;
mod guard;
mod headers;
mod message;
mod rule;
#[cfg(test)]
mod test_requests;
mod tls;
mod url;

pub use guard::{AddressGuard, ConnectError, Resolve};
pub use rule::{HttpRule, HttpRuleError};

pub(crate) use access::{Access, CheckedRequest, Refused};
pub(crate) use client::HttpClient;
pub(crate) use message::{BodyPart, HttpFailure, MAX_DATA, RequestHead, ResponsePart};
