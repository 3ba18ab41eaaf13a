//! The one wasmtime configuration. An artifact loads only in an engine whose
//! settings equal those of the engine that compiled it, so there is no other.

use wasmtime::{
    Collector, Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    WasmFeatures,
};

use sandpool_protocol::settings::{EngineSettings, WasmFeature};

/// The number of bytes of a linear memory that stay resident between two tasks, zeroed with
/// memset rather than given back and faulted in again. Guests that are linked with a small
/// shadow stack fit.
const MEMORY_KEEP_RESIDENT: usize = 128 * 1024;

/// The size in bytes by which the (unused) stack for asynchronous calls exceeds the
/// guest's.
const UNUSED_STACK: usize = 1024 * 1024;

/// The number of bytes of a table that stay resident between two tasks.
const TABLE_KEEP_RESIDENT: usize = 64 * 1024;

/// Makes an engine for `settings` that runs code that was compiled elsewhere.
pub fn engine(settings: &EngineSettings) -> wasmtime::Result<Engine> {
    Engine::new(config(settings).enable_compiler(false))
}

/// Makes an engine as [`engine`] does, to compile with: on several threads if there are
/// some. Its artifacts are equal to those of one thread.
pub fn compiling_engine(settings: &EngineSettings, threads: bool) -> wasmtime::Result<Engine> {
    Engine::new(config(settings).parallel_compilation(threads))
}

fn config(settings: &EngineSettings) -> Config {
    let mut config = Config::new();
    let wasm_stack = usize::try_from(settings.wasm_stack).unwrap_or(usize::MAX);
    config
        .concurrency_support(false)
        .consume_fuel(settings.count_fuel)
        .epoch_interruption(settings.check_epochs)
        .max_wasm_stack(wasm_stack)
        // Guests run on the worker's own stack. wasmtime still wants the unused stacks to
        // be large enough.
        .async_stack_size(wasm_stack.saturating_add(UNUSED_STACK))
        // Only wasmtime unwinds through guest code, by its own tables: system unwind
        // information would only make artifacts bigger.
        .native_unwind_info(false)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(16))
        .collector(Collector::DeferredReferenceCounting)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(settings)));
    let has = |feature| settings.features.contains(&feature);
    let gc = has(WasmFeature::Gc);
    config
        .gc_support(gc || has(WasmFeature::Exceptions) || has(WasmFeature::FunctionReferences))
        .wasm_function_references(gc || has(WasmFeature::FunctionReferences))
        .wasm_gc(gc)
        .wasm_exceptions(has(WasmFeature::Exceptions))
        .wasm_memory64(has(WasmFeature::Memory64))
        .wasm_custom_page_sizes(has(WasmFeature::CustomPageSizes))
        .wasm_wide_arithmetic(has(WasmFeature::WideArithmetic))
        // wasmtime turns this on by itself if the final program turns on its feature for
        // threads, which sandpool does not: no limit here counts shared memory.
        .wasm_features(WasmFeatures::THREADS, false);
    config
}

/// Returns the number of bytes of address space that an engine reserves for linear
/// memories, which are most of its reservation.
pub fn address_space(settings: &EngineSettings) -> u64 {
    /// A memory of 32 bits, and its guards.
    const BYTES_PER_MEMORY: u64 = 4 * 1024 * 1024 * 1024;
    u64::from(settings.memories) * BYTES_PER_MEMORY
}

/// Returns the settings of the pool of instances. A worker runs one task at a time, so a
/// small pool is enough; that keeps its address space, and the time to make an engine,
/// small.
fn pooling(settings: &EngineSettings) -> PoolingAllocationConfig {
    let mut pooling = PoolingAllocationConfig::new();
    pooling
        .total_stacks(1)
        .total_component_instances(1)
        .total_core_instances(settings.instances)
        .max_core_instances_per_component(settings.instances)
        .total_memories(settings.memories)
        .max_memories_per_component(settings.memories)
        .max_memories_per_module(settings.memories)
        .total_tables(settings.tables)
        .max_tables_per_component(settings.tables)
        .max_tables_per_module(settings.tables)
        .table_elements(settings.table_elements as usize)
        .total_gc_heaps(1)
        .max_component_instance_size(8 * 1024 * 1024)
        .max_core_instance_size(8 * 1024 * 1024)
        .max_unused_warm_slots(settings.memories)
        .linear_memory_keep_resident(MEMORY_KEEP_RESIDENT)
        .table_keep_resident(TABLE_KEEP_RESIDENT)
        // Swapped-out dirty pages are not reset with it on this release.
        .pagemap_scan(Enabled::No);
    pooling
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandpool_protocol::limits::PoolLimits;

    #[test]
    fn every_combination_of_settings_makes_an_engine() {
        for count_fuel in [false, true] {
            for check_epochs in [false, true] {
                for features in [vec![], WasmFeature::ALL.to_vec()] {
                    let settings = EngineSettings {
                        count_fuel,
                        check_epochs,
                        features,
                        ..EngineSettings::new(&PoolLimits::default())
                    };
                    engine(&settings).expect("engine");
                }
            }
        }
    }
}
