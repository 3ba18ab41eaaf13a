//! Functions of the host that guests import: their types, their failures, their limits, and
//! the tasks around them.

mod binding;
mod guests;
#[cfg(debug_assertions)]
mod hostile;
mod own_pool;
mod running;
mod tools;
