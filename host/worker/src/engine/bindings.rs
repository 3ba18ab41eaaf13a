//! The interfaces in `wit/`, as bindgen writes them in Rust.

/// The interfaces of version 0.2.0.
pub mod v0_2 {
    wasmtime::component::bindgen!({
        path: "wit/host",
        world: "host-caller",
        imports: { default: trappable },
    });
}

wasmtime::component::bindgen!({
    path: "wit",
    world: "task-module",
    imports: { default: trappable },
    with: {
        "sandpool:task/queue.queue": crate::engine::broker::Opened,
        "sandpool:task/pipe.connection": crate::engine::broker::Opened,
        "sandpool:task/manager.dict": crate::engine::broker::Opened,
        "sandpool:task/manager.sequence": crate::engine::broker::Opened,
        "sandpool:task/manager.value": crate::engine::broker::Opened,
        "sandpool:task/manager.lock": crate::engine::broker::Opened,
        "sandpool:task/manager.rlock": crate::engine::broker::Opened,
        "sandpool:task/manager.semaphore": crate::engine::broker::Opened,
        "sandpool:task/manager.event": crate::engine::broker::Opened,
        "sandpool:task/manager.condition": crate::engine::broker::Opened,
        "sandpool:task/manager.barrier": crate::engine::broker::Opened,
    },
});
