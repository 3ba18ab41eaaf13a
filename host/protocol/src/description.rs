//! The compiler's description of a module.
//!
//! The compiler has parsed a stranger's module, so the host reads its
//! description as hostile bytes: at most 1 MiB, types at most 64 deep.

use sandpool_value::{Function, Param, Type};

/// The largest size of an encoded description in bytes.
pub const MAX_DESCRIPTION: u64 = 1024 * 1024;

/// The kind of a module: one of three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleKind {
    /// A component; its exports are typed functions.
    Component,
    /// A command: a component that exports `wasi:cli/run`, or a core module with `_start`
    /// (WASI preview 1). It may export functions too.
    Command,
    /// A core module; its exports take and return numbers.
    Core,
}

/// A resource that a module exports, with its functions. Those that take or return it are
/// called in sessions: a resource lives as long as its instance, and a task's instance ends
/// with the task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedResource {
    /// The name within its interface.
    pub name: String,
    /// The interface that it is exported from; `None` for a resource of the module itself.
    pub interface: Option<String>,
    /// The constructor, methods and static functions, by WIT's own names for them:
    /// `[constructor]counter`, `[method]counter.next`, `[static]counter.all`.
    pub functions: Vec<Function>,
}

impl ExportedResource {
    /// Returns the name that no other resource of the module has.
    pub fn full_name(&self) -> String {
        match &self.interface {
            Some(interface) => format!("{interface}#{}", self.name),
            None => self.name.clone(),
        }
    }

    /// Returns the function by which a session drops a handle of the resource.
    #[doc(hidden)]
    pub fn drop_function(&self) -> Function {
        Function {
            name: format!("[resource-drop]{}", self.name),
            interface: self.interface.clone(),
            params: vec![Param {
                name: "self".into(),
                ty: Type::Own(self.full_name().into()),
            }],
            result: None,
        }
    }

    /// Returns `true` if `asked` means the resource or a function of it: `counter`,
    /// `counter.next`, `[method]counter.next`, each with or without the interface.
    #[doc(hidden)]
    pub fn is_meant_by(&self, asked: &str) -> bool {
        let asked = match asked.rsplit_once('#') {
            Some((interface, name)) => {
                let own = self.interface.as_deref().unwrap_or_default();
                let unversioned = own.split('@').next().unwrap_or(own);
                if !own.ends_with(interface) && !unversioned.ends_with(interface) {
                    return false;
                }
                name
            }
            None => asked,
        };
        asked == self.name
            || self.functions.iter().any(|function| {
                let plain = function.name.split_once(']');
                function.name == asked || plain.is_some_and(|(_, plain)| plain == asked)
            })
    }
}

/// The giver of an import, or what stands in for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportKind {
    /// sandpool gives it; some of it works only with a grant.
    Provided,
    /// It belongs to a world that sandpool knows and never grants: `wasi:sockets`,
    /// `wasi:keyvalue`, `wasi:config`, and what of `wasi:http` is not outgoing
    /// (`incoming-handler`). The module runs, and its calls are refused.
    Withheld,
    /// It has nothing but types, which nobody has to give.
    Types,
    /// Functions that sandpool does not know.
    Functions,
    /// Something else that sandpool does not know, by the name of its kind: `memory`,
    /// `table`, `global`, `tag`, `module`, `component`, `value`.
    Other(String),
}

/// An import of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The full name.
    pub name: String,
    /// The giver of the import.
    pub kind: ImportKind,
    /// The grant for this import: `given` for imports that every guest has, a method of the
    /// library (`PoolBuilder::dir`) for imports that have to be granted, `None` for imports
    /// that sandpool never gives a working form of.
    pub granted_by: Option<String>,
    /// The functions, with their types, of an import that sandpool does not give and a
    /// program may. Empty for all others, and for sockets.
    pub functions: Vec<Function>,
}

/// The host's knowledge of a module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    pub component: bool,
    pub command: bool,
    /// `true` if the module is an interpreter with a program in it, which looks for sources
    /// when it reports an error.
    pub is_interpreter: bool,
    pub functions: Vec<Function>,
    pub resources: Vec<ExportedResource>,
    /// The names of the other exports, which nobody calls.
    pub others: Vec<String>,
    pub imports: Vec<Import>,
    /// The reason why the module cannot be instantiated, whatever functions the host gives:
    /// an import of another type than sandpool's own, or an export of another WASI. The
    /// imports that nobody gives are for [`Links`](crate::imports::Links) to judge.
    pub unlinked: Option<String>,
}

impl Description {
    /// Returns all functions that a task can call, in the order of their numbers: those of
    /// the module, those of its resources, and those that drop resources.
    pub fn callables(&self) -> Vec<Function> {
        let of_resources = self.resources.iter().flat_map(|one| &one.functions);
        let functions = self.functions.iter().chain(of_resources).cloned();
        let drops = self.resources.iter().map(ExportedResource::drop_function);
        functions.chain(drops).collect()
    }

    pub fn kind(&self) -> ModuleKind {
        match (self.command, self.component) {
            (true, _) => ModuleKind::Command,
            (false, true) => ModuleKind::Component,
            (false, false) => ModuleKind::Core,
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let flags = [self.component, self.command, self.is_interpreter];
        let mut bytes = flags.map(u8::from).to_vec();
        put_functions(&mut bytes, &self.functions);
        put_len(&mut bytes, self.resources.len());
        for resource in &self.resources {
            put_string(&mut bytes, &resource.name);
            put_string(&mut bytes, resource.interface.as_deref().unwrap_or(""));
            put_functions(&mut bytes, &resource.functions);
        }
        put_len(&mut bytes, self.others.len());
        for name in &self.others {
            put_string(&mut bytes, name);
        }
        put_len(&mut bytes, self.imports.len());
        for import in &self.imports {
            put_string(&mut bytes, &import.name);
            put_kind(&mut bytes, &import.kind);
            put_string(&mut bytes, import.granted_by.as_deref().unwrap_or(""));
            put_functions(&mut bytes, &import.functions);
        }
        put_string(&mut bytes, self.unlinked.as_deref().unwrap_or(""));
        bytes
    }

    /// Reads a description; the error text says what is wrong with it.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() as u64 > MAX_DESCRIPTION {
            return Err("it is longer than 1 MiB".into());
        }
        let input = &mut bytes;
        let component = take_bool(input)?;
        let command = take_bool(input)?;
        let is_interpreter = take_bool(input)?;
        // Every entry takes at least one byte, so a count is never believed
        // beyond the bytes that are there.
        let functions = take_functions(input)?;
        let resources = (0..take_len(input)?)
            .map(|_| {
                Ok::<_, String>(ExportedResource {
                    name: take_string(input)?,
                    interface: Some(take_string(input)?).filter(|name| !name.is_empty()),
                    functions: take_functions(input)?,
                })
            })
            .collect::<Result<_, _>>()?;
        let others = (0..take_len(input)?)
            .map(|_| take_string(input))
            .collect::<Result<_, _>>()?;
        let imports = (0..take_len(input)?)
            .map(|_| {
                Ok::<_, String>(Import {
                    name: take_string(input)?,
                    kind: take_kind(input)?,
                    granted_by: Some(take_string(input)?).filter(|by| !by.is_empty()),
                    functions: take_functions(input)?,
                })
            })
            .collect::<Result<_, _>>()?;
        let unlinked = Some(take_string(input)?).filter(|why| !why.is_empty());
        if !input.is_empty() {
            return Err("it has bytes left over".into());
        }
        Ok(Description {
            component,
            command,
            is_interpreter,
            functions,
            resources,
            others,
            imports,
            unlinked,
        })
    }
}

fn put_functions(bytes: &mut Vec<u8>, functions: &[Function]) {
    put_len(bytes, functions.len());
    for function in functions {
        function.encode(bytes);
    }
}

fn take_functions(input: &mut &[u8]) -> Result<Vec<Function>, String> {
    (0..take_len(input)?)
        .map(|_| Function::decode(input).map_err(|error| error.to_string()))
        .collect()
}

fn put_kind(bytes: &mut Vec<u8>, kind: &ImportKind) {
    bytes.push(match kind {
        ImportKind::Provided => 0,
        ImportKind::Withheld => 1,
        ImportKind::Types => 2,
        ImportKind::Functions => 3,
        ImportKind::Other(_) => 4,
    });
    if let ImportKind::Other(name) = kind {
        put_string(bytes, name);
    }
}

fn take_kind(input: &mut &[u8]) -> Result<ImportKind, String> {
    match input.split_off_first() {
        Some(0) => Ok(ImportKind::Provided),
        Some(1) => Ok(ImportKind::Withheld),
        Some(2) => Ok(ImportKind::Types),
        Some(3) => Ok(ImportKind::Functions),
        Some(4) => Ok(ImportKind::Other(take_string(input)?)),
        _ => Err("the kind of an import in it cannot be read".into()),
    }
}

fn put_len(bytes: &mut Vec<u8>, len: usize) {
    bytes.extend(u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_string(bytes: &mut Vec<u8>, text: &str) {
    put_len(bytes, text.len());
    bytes.extend(text.as_bytes());
}

fn take_bool(input: &mut &[u8]) -> Result<bool, String> {
    match input.split_off_first() {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        _ => Err("a flag in it cannot be read".into()),
    }
}

fn take_len(input: &mut &[u8]) -> Result<usize, String> {
    let (len, rest) = input.split_first_chunk::<4>().ok_or("it ends too early")?;
    let len = u32::from_le_bytes(*len) as usize;
    if len > rest.len() {
        return Err("it names more than it holds".into());
    }
    *input = rest;
    Ok(len)
}

fn take_string(input: &mut &[u8]) -> Result<String, String> {
    let len = take_len(input)?;
    let (text, rest) = input.split_at_checked(len).ok_or("it ends too early")?;
    *input = rest;
    String::from_utf8(text.to_vec()).map_err(|_| "a name in it is not UTF-8".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counter() -> ExportedResource {
        ExportedResource {
            name: "counter".into(),
            interface: Some("demo:counter/store@1.0.0".into()),
            functions: vec![Function {
                name: "[method]counter.next".into(),
                interface: Some("demo:counter/store@1.0.0".into()),
                params: vec![],
                result: None,
            }],
        }
    }

    #[test]
    fn a_resource_is_meant_by_its_name_and_by_those_of_its_functions() {
        let counter = counter();
        for asked in [
            "counter",
            "store#counter",
            "counter.next",
            "[method]counter.next",
            "demo:counter/store#counter.next",
            "demo:counter/store@1.0.0#counter.next",
        ] {
            assert!(counter.is_meant_by(asked), "{asked}");
        }
        for asked in ["next", "other#counter", "counter.last", ""] {
            assert!(!counter.is_meant_by(asked), "{asked}");
        }
    }

    #[test]
    fn a_description_is_read_back() {
        let description = Description {
            component: true,
            command: false,
            is_interpreter: true,
            functions: vec![],
            resources: vec![counter()],
            others: vec!["wasi:http/incoming-handler@0.2.0".into()],
            imports: [
                ImportKind::Provided,
                ImportKind::Withheld,
                ImportKind::Types,
                ImportKind::Functions,
                ImportKind::Other("memory".into()),
            ]
            .map(|kind| Import {
                name: "acme:kv/store@0.1.0".into(),
                kind,
                granted_by: None,
                functions: vec![Function {
                    name: "lookup".into(),
                    interface: Some("acme:kv/store@0.1.0".into()),
                    params: vec![],
                    result: None,
                }],
            })
            .into(),
            unlinked: Some("it imports `env#f`".into()),
        };
        assert_eq!(Description::decode(&description.encode()), Ok(description));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Description::decode(&bytes);
        }
    }
}
