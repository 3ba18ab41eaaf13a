//! The reaction of a pool to imports of its modules that sandpool itself does not give.

use serde::{Deserialize, Serialize};

use crate::description::{Import, ImportKind};
use crate::settings::UnknownImports;

/// The highest number of imports that a refusal names.
const MAX_NAMED: usize = 3;

/// The number of bytes of a name that a refusal shows: a module may choose names of 100,000.
const MAX_NAME: usize = 500;

/// The imports that the host gives, and its reaction to those that nobody gives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Links {
    /// The names of the imports that the host gives functions for: an interface with its
    /// version or, for all versions, without; a function of a component; `env#f` for one
    /// function of a core module, `env` for all that it imports from `env`.
    pub given: Vec<String>,
    /// The reaction to functions that nobody gives.
    pub unknown: UnknownImports,
}

impl Links {
    /// Returns `true` if the host gives functions for the import with this full name.
    pub fn gives(&self, import: &str) -> bool {
        let from = |given: &str| {
            let rest = import.strip_prefix(given);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['@', '#']))
        };
        self.given.iter().any(|given| from(given))
    }

    /// Returns the reason, in one line, why a module with these imports cannot be run:
    /// nobody gives one of them. Compiler and host both ask here.
    pub fn refusal(&self, imports: &[Import]) -> Option<String> {
        let missing: Vec<&Import> = imports
            .iter()
            .filter(|import| self.is_missing(import))
            .collect();
        if self.unknown == UnknownImports::Deny {
            let (kind, name) = missing.iter().find_map(|import| match &import.kind {
                ImportKind::Other(kind) => Some((kind, &import.name)),
                _ => None,
            })?;
            return Some(format!(
                "it imports the {} `{}`, which sandpool does not provide; only functions can be \
                 denied at the call",
                cut(kind),
                cut(name)
            ));
        }
        built_for_another_wasi(missing.iter().map(|import| import.name.as_str()))
            .or_else(|| unknown(&missing))
    }

    fn is_missing(&self, import: &Import) -> bool {
        match import.kind {
            ImportKind::Provided | ImportKind::Withheld | ImportKind::Types => false,
            ImportKind::Functions => !self.gives(&import.name),
            ImportKind::Other(_) => true,
        }
    }
}

fn cut(name: &str) -> String {
    match name.len() {
        0..=MAX_NAME => name.to_owned(),
        _ => format!("{}…", &name[..name.floor_char_boundary(MAX_NAME)]),
    }
}

fn unknown(missing: &[&Import]) -> Option<String> {
    if missing.is_empty() {
        return None;
    }
    let named = missing.iter().take(MAX_NAMED);
    let named: Vec<_> = named
        .map(|import| format!("`{}`", cut(&import.name)))
        .collect();
    let more = match missing.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "it imports functions that sandpool does not provide: {}{more}",
        named.join(", ")
    ))
}

/// Returns the advice, in one line, for a module that imports or exports these names and was
/// built for a WASI that sandpool does not have.
pub fn built_for_another_wasi<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    let first = |is: fn(&str) -> bool| names.clone().find(|name| is(name));
    if let Some(name) = first(is_of_wasi_0_3) {
        return Some(format!(
            "it is built for WASI 0.3 (`{}`), which sandpool does not have; build it for \
             WASI 0.2 (target `wasm32-wasip2` for Rust)",
            cut(name)
        ));
    }
    if first(is_preview_0).is_some() {
        return Some(
            "it is built for WASI preview 0 (`wasi_unstable`), which sandpool does not have; \
             build it for preview 1 or WASI 0.2 (target `wasm32-wasip1` or `wasm32-wasip2` \
             for Rust)"
                .into(),
        );
    }
    first(is_draft_of_wasi_0_2).map(|name| {
        format!(
            "it is built for a draft of WASI 0.2 (`{}`), which sandpool does not have; \
             build it with a current toolchain (target `wasm32-wasip2` for Rust)",
            cut(name)
        )
    })
}

fn version(name: &str) -> Option<&str> {
    let wasi = name.strip_prefix("wasi:")?;
    Some(wasi.split_once('@')?.1)
}

fn is_of_wasi_0_3(name: &str) -> bool {
    version(name).is_some_and(|version| version.starts_with("0.3."))
}

fn is_draft_of_wasi_0_2(name: &str) -> bool {
    version(name).is_some_and(|version| version.starts_with("0.2.") && version.contains('-'))
}

fn is_preview_0(name: &str) -> bool {
    name.starts_with("wasi_unstable#")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(name: &str, kind: ImportKind) -> Import {
        Import {
            name: name.into(),
            kind,
            granted_by: None,
            functions: Vec::new(),
        }
    }

    fn functions(names: &[&str]) -> Vec<Import> {
        let names = names.iter();
        names
            .map(|name| import(name, ImportKind::Functions))
            .collect()
    }

    fn links(given: &[&str], unknown: UnknownImports) -> Links {
        Links {
            given: given.iter().map(|&name| name.to_owned()).collect(),
            unknown,
        }
    }

    #[test]
    fn an_import_is_given_by_its_name_its_interface_or_its_module() {
        let gives =
            |given: &str, import: &str| links(&[given], UnknownImports::Refuse).gives(import);
        assert!(gives("acme:kv/store@0.1.0", "acme:kv/store@0.1.0"));
        assert!(gives("acme:kv/store", "acme:kv/store@0.1.0"));
        assert!(gives("env#f", "env#f"));
        assert!(gives("env", "env#f"));
        assert!(gives("lookup", "lookup"));
        assert!(!gives("acme:kv/store@0.2.0", "acme:kv/store@0.1.0"));
        assert!(!gives("acme:kv/sto", "acme:kv/store@0.1.0"));
        assert!(!gives("acme:kv", "acme:kv/store@0.1.0"));
        assert!(!gives("env#f", "env#ff"));
        assert!(!gives("en", "env#f"));
        assert!(!gives("", "env#f"));
    }

    #[test]
    fn functions_that_nobody_gives_are_named_and_those_of_a_known_world_are_not() {
        let mut all = functions(&["env#f", "env#g"]);
        all.push(import(
            "wasi:keyvalue/store@0.2.0-draft",
            ImportKind::Withheld,
        ));
        all.push(import("acme:a/types", ImportKind::Types));
        all.push(import("wasi:io/poll@0.2.0", ImportKind::Provided));
        let refusal = |given: &[&str]| links(given, UnknownImports::Refuse).refusal(&all);
        assert_eq!(
            refusal(&[]).as_deref(),
            Some("it imports functions that sandpool does not provide: `env#f`, `env#g`")
        );
        assert_eq!(
            refusal(&["env#f"]).as_deref(),
            Some("it imports functions that sandpool does not provide: `env#g`")
        );
        assert_eq!(refusal(&["env"]), None);
        assert_eq!(links(&[], UnknownImports::Deny).refusal(&all), None);
    }

    #[test]
    fn of_many_imports_a_few_are_named() {
        let names: Vec<String> = (0..100).map(|n| format!("env#f{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let said = Links::default().refusal(&functions(&names)).expect("why");
        assert!(
            said.ends_with("`env#f0`, `env#f1`, `env#f2` and 97 more"),
            "{said}"
        );
    }

    #[test]
    fn a_name_that_goes_on_and_on_is_cut() {
        let long = "é".repeat(50_000);
        for kind in [ImportKind::Functions, ImportKind::Other("memory".into())] {
            for unknown in [UnknownImports::Refuse, UnknownImports::Deny] {
                let said = links(&[], unknown).refusal(&[import(&long, kind.clone())]);
                assert!(said.is_none_or(|said| said.len() < 700));
            }
        }
    }

    #[test]
    fn what_is_no_function_can_be_neither_given_nor_denied() {
        let memory = [import("env#memory", ImportKind::Other("memory".into()))];
        let refusal = |unknown| links(&["env"], unknown).refusal(&memory);
        assert_eq!(
            refusal(UnknownImports::Refuse).as_deref(),
            Some("it imports functions that sandpool does not provide: `env#memory`")
        );
        assert_eq!(
            refusal(UnknownImports::Deny).as_deref(),
            Some(
                "it imports the memory `env#memory`, which sandpool does not provide; only \
                 functions can be denied at the call"
            )
        );
    }

    #[test]
    fn a_module_for_another_wasi_is_told_what_to_build_instead() {
        for (name, says) in [
            (
                "wasi:cli/stdin@0.3.0",
                "built for WASI 0.3 (`wasi:cli/stdin@0.3.0`)",
            ),
            ("wasi:io/poll@0.2.0-rc-2023-11-10", "a draft of WASI 0.2"),
            ("wasi_unstable#fd_write", "built for WASI preview 0"),
        ] {
            let all = functions(&[name]);
            let said = Links::default().refusal(&all).expect("why");
            assert!(said.contains(says), "{said}");
            assert_eq!(links(&[name], UnknownImports::Refuse).refusal(&all), None);
        }
    }
}
