//! Finds the WebAssembly features that a refused module needs, and the remedy for its
//! author or user.
//!
//! wasmtime's complaints name a feature in many ways, or not at all. So the module is
//! validated once more, with all features but one, for each feature that is off: it needs
//! those without which it is invalid.

use wasmparser::{Validator, WasmFeatures};

use sandpool_protocol::settings::WasmFeature;

/// The way to do without a feature that is off, or to turn it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remedy {
    /// It can be turned on.
    Flag(WasmFeature),
    /// It cannot be turned on; what to do instead.
    Instead(&'static str),
}

use Remedy::{Flag, Instead};

const TO_WASI_0_2: &str = "WASI 0.3 is built on it: build the module for WASI 0.2 \
    (target `wasm32-wasip2` for Rust)";
const ONE_THREAD: &str = "a task has one thread: build the module without threads, and run \
    several tasks";
const NEW_EXCEPTIONS: &str = "build the module with the exceptions of WebAssembly 3.0 \
    (`-mllvm -wasm-use-legacy-eh=false` for clang, `-sWASM_LEGACY_EXCEPTIONS=0` for Emscripten), \
    or translate it (`wasm-opt --translate-to-exnref`), and turn on the feature `exceptions`";
const WITHOUT_IT: &str = "build the module without it";

/// Every feature that is off, by the name that its proposal has.
const OFF: &[(&str, WasmFeatures, Remedy)] = &[
    (
        "exceptions",
        WasmFeatures::EXCEPTIONS,
        Flag(WasmFeature::Exceptions),
    ),
    ("gc", WasmFeatures::GC, Flag(WasmFeature::Gc)),
    (
        "function-references",
        WasmFeatures::FUNCTION_REFERENCES,
        Flag(WasmFeature::FunctionReferences),
    ),
    (
        "memory64",
        WasmFeatures::MEMORY64,
        Flag(WasmFeature::Memory64),
    ),
    (
        "custom-page-sizes",
        WasmFeatures::CUSTOM_PAGE_SIZES,
        Flag(WasmFeature::CustomPageSizes),
    ),
    (
        "wide-arithmetic",
        WasmFeatures::WIDE_ARITHMETIC,
        Flag(WasmFeature::WideArithmetic),
    ),
    (
        "legacy exceptions",
        WasmFeatures::LEGACY_EXCEPTIONS,
        Instead(NEW_EXCEPTIONS),
    ),
    ("threads", WasmFeatures::THREADS, Instead(ONE_THREAD)),
    (
        "shared-everything-threads",
        WasmFeatures::SHARED_EVERYTHING_THREADS,
        Instead(ONE_THREAD),
    ),
    (
        "stack-switching",
        WasmFeatures::STACK_SWITCHING,
        Instead(WITHOUT_IT),
    ),
    (
        "memory-control",
        WasmFeatures::MEMORY_CONTROL,
        Instead(WITHOUT_IT),
    ),
    (
        "custom-descriptors",
        WasmFeatures::CUSTOM_DESCRIPTORS,
        Instead(WITHOUT_IT),
    ),
    (
        "compact-import-section",
        WasmFeatures::COMPACT_IMPORTS,
        Instead(WITHOUT_IT),
    ),
    (
        "component-model async",
        WasmFeatures::CM_ASYNC,
        Instead(TO_WASI_0_2),
    ),
    (
        "component-model async (stackful)",
        WasmFeatures::CM_ASYNC_STACKFUL,
        Instead(TO_WASI_0_2),
    ),
    (
        "component-model async (more built-ins)",
        WasmFeatures::CM_MORE_ASYNC_BUILTINS,
        Instead(TO_WASI_0_2),
    ),
    (
        "component-model threading",
        WasmFeatures::CM_THREADING,
        Instead(ONE_THREAD),
    ),
    (
        "component-model error-context",
        WasmFeatures::CM_ERROR_CONTEXT,
        Instead(TO_WASI_0_2),
    ),
    (
        "component-model values",
        WasmFeatures::CM_VALUES,
        Instead(WITHOUT_IT),
    ),
    (
        "component-model nested names",
        WasmFeatures::CM_NESTED_NAMES,
        Instead(WITHOUT_IT),
    ),
    (
        "component-model fixed-length lists",
        WasmFeatures::CM_FIXED_LENGTH_LISTS,
        Instead(WITHOUT_IT),
    ),
    (
        "component-model gc",
        WasmFeatures::CM_GC,
        Instead(WITHOUT_IT),
    ),
    (
        "component-model map",
        WasmFeatures::CM_MAP,
        Instead(WITHOUT_IT),
    ),
    (
        "component-model memory64",
        WasmFeatures::CM64,
        Instead(WITHOUT_IT),
    ),
    (
        "component-model implements",
        WasmFeatures::CM_IMPLEMENTS,
        Instead(WITHOUT_IT),
    ),
];

/// Returns the features that modules may use where these are turned on.
pub(super) fn on(on: &[WasmFeature]) -> WasmFeatures {
    let gc = on.contains(&WasmFeature::Gc);
    // Garbage collection brings function references along.
    let is_on = |remedy: Remedy| match remedy {
        Flag(WasmFeature::FunctionReferences) if gc => true,
        Flag(feature) => on.contains(&feature),
        Instead(_) => false,
    };
    let off = OFF.iter().filter(|(_, _, remedy)| !is_on(*remedy));
    let features = off.fold(WasmFeatures::all(), |all, (_, bits, _)| {
        all.difference(*bits)
    });
    // References to what is collected, as `engine/config.rs` turns them on.
    let collects = [WasmFeature::Exceptions, WasmFeature::FunctionReferences];
    match gc || collects.iter().any(|feature| on.contains(feature)) {
        true => features,
        false => features.difference(WasmFeatures::GC_TYPES),
    }
}

/// Names the features that a module needs and that are off, and the setting that turns
/// them on (the command puts its flag there), or what to do instead. Returns `None` if the
/// module is not valid with any features.
pub(super) fn explain(bytes: &[u8], on: &[WasmFeature]) -> Option<String> {
    let all = WasmFeatures::all();
    if !is_valid(bytes, all) {
        return None;
    }
    let is_on = |remedy: Remedy| matches!(remedy, Flag(feature) if on.contains(&feature));
    let mut needed: Vec<(&str, Remedy)> = OFF
        .iter()
        .filter(|(_, bits, remedy)| !is_on(*remedy) && !is_valid(bytes, all.difference(*bits)))
        .map(|(name, _, remedy)| (*name, *remedy))
        .collect();
    let has = |needed: &[(&str, Remedy)], feature| {
        on.contains(&feature) || needed.iter().any(|(_, remedy)| *remedy == Flag(feature))
    };
    // Garbage collection brings function references along.
    if has(&needed, WasmFeature::Gc) {
        needed.retain(|(_, remedy)| *remedy != Flag(WasmFeature::FunctionReferences));
    }
    let instead = needed.iter().find_map(|(name, remedy)| match remedy {
        Instead(what) => Some((*name, *what)),
        Flag(_) => None,
    });
    if let Some((name, what)) = instead {
        return Some(format!(
            "it needs the WebAssembly feature `{name}`, which sandpool does not have; {what}"
        ));
    }
    let names: Vec<&str> = needed.iter().map(|(name, _)| *name).collect();
    match names.as_slice() {
        [] => None,
        [name] => Some(format!(
            "it needs the WebAssembly feature `{name}`, which is off; the setting `wasm_feature` \
             allows it"
        )),
        many => Some(format!(
            "it needs the WebAssembly features `{}`, which are off; the setting `wasm_feature` \
             allows them",
            many.join("` and `")
        )),
    }
}

fn is_valid(bytes: &[u8], features: WasmFeatures) -> bool {
    Validator::new_with_features(features)
        .validate_all(bytes)
        .is_ok()
}
