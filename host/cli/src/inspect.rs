//! `sandpool inspect`: what a module is, what it exports and how to call that,
//! what it imports and what would have to be granted. Nothing of it is compiled, or runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sandpool::value::Function;
use sandpool::{ExportedResource, Import, ImportKind, Module, ModuleKind, Pool};
use serde_json::json;

use super::flags::{self, ModuleFlags};
use super::interrupt::Interruption;
use super::report::{self, Failure};
use super::{sanitize, shell};

const EXAMPLES: &str = "\
Examples:
  sandpool inspect math.wasm
  sandpool inspect --json math.wasm | jq -r '.functions[].signature'";

/// Show a module's exports and imports, and the grants that it needs
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Inspect {
    /// The module: a component, a core module, or WAT
    module: PathBuf,
    /// Print the description as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    modules: ModuleFlags,
}

impl Inspect {
    pub fn run(self) -> Result<ExitCode, Failure> {
        let pool = flags::build(self.modules.apply(Pool::builder().processes(1)))?;
        let interruption = Interruption::watch(&pool)?;
        let module = pool.inspect(&self.module);
        pool.terminate();
        let module = module.map_err(|error| interruption.explain(error.into()))?;
        let denies = self.modules.denies_unknown_imports();
        let text = match self.json {
            true => as_json(&self.module, &module),
            false => as_text(&self.module, &module, denies),
        };
        Ok(report::print(text.as_bytes())?.unwrap_or(ExitCode::SUCCESS))
    }
}

/// `74123 bytes`, and from a MiB on what that is about.
fn show_size(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    match bytes {
        0..MIB => format!("{bytes} bytes"),
        _ => format!("{bytes} bytes ({:.1} MiB)", bytes as f64 / MIB as f64),
    }
}

fn kind_name(kind: ModuleKind) -> &'static str {
    match kind {
        ModuleKind::Component => "component",
        ModuleKind::Command => "command",
        ModuleKind::Core => "core module",
    }
}

/// Describes a module in lines. `denies` tells whether calls of unknown functions are
/// refused.
fn as_text(path: &Path, module: &Module, denies: bool) -> String {
    let path = path.display().to_string();
    let mut lines = vec![
        sanitize::line(&path),
        format!("  kind    {}", kind_name(module.kind())),
        format!("  size    {}", show_size(module.size())),
        format!("  sha256  {}", module.hash()),
    ];
    // A path that was given says it already.
    if let Some(file) = module.file().filter(|file| *file != Path::new(&path)) {
        lines.push(format!(
            "  file    {}",
            sanitize::line(&file.display().to_string())
        ));
    }
    lines.push(String::new());
    push_exports(&path, module, &mut lines);
    push_resources(module.resources(), &mut lines);
    push_others(module.other_exports(), &mut lines);
    lines.push(String::new());
    push_imports(module.imports(), denies, &mut lines);
    if let Some(why) = module.unlinked() {
        lines.push(format!("cannot run here: {}", sanitize::line(why)));
        if !denies && needs_functions(module.imports()) {
            lines.push(format!("    {GIVES_FUNCTIONS}"));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

fn push_exports(path: &str, module: &Module, lines: &mut Vec<String>) {
    if module.is_command() {
        lines.push("runs as a command".into());
        lines.push(format!("    {}", run_line(path)));
    }
    if module.functions().is_empty() {
        if !module.is_command() && module.resources().is_empty() {
            lines.push("exports nothing that can be called".into());
        }
        return;
    }
    lines.push("exports".into());
    for function in module.functions() {
        let interface = match &function.interface {
            Some(interface) => format!("{}#", sanitize::line(interface)),
            None => String::new(),
        };
        lines.push(format!("  {interface}{}", function.signature()));
        lines.push(match function.uncallable() {
            Some(why) => format!("    cannot be called: {}", sanitize::line(&why)),
            None => format!("    {}", apply_line(path, module, function)),
        });
    }
}

/// Why the command calls nothing that takes or returns a resource.
const NEEDS_A_SESSION: &str =
    "lives in a session (a live instance that keeps it), which the library has: `Pool::session`";

fn push_resources(resources: &[ExportedResource], lines: &mut Vec<String>) {
    if resources.is_empty() {
        return;
    }
    lines.push("exports resources".into());
    for resource in resources {
        let interface = match &resource.interface {
            Some(interface) => format!("{}#", sanitize::line(interface)),
            None => String::new(),
        };
        lines.push(format!("  {interface}{}", sanitize::line(&resource.name)));
        lines.push(format!("    it {NEEDS_A_SESSION}"));
        let functions = resource.functions.iter();
        lines.extend(functions.map(|function| format!("    {}", function.signature())));
    }
}

fn push_others(names: &[String], lines: &mut Vec<String>) {
    if !names.is_empty() {
        lines.push("exports that are not functions".into());
        let names = names.iter();
        lines.extend(names.map(|name| format!("  {}", sanitize::line(name))));
    }
}

/// The remedies for imported functions that nobody gives.
const GIVES_FUNCTIONS: &str = "a program may give them (`PoolBuilder::import`); \
    `--unknown-imports deny` runs it all the same, and refuses their calls";

/// Returns `true` if functions are missing, and nothing but functions.
fn needs_functions(imports: &[Import]) -> bool {
    let is_other = |import: &Import| matches!(import.kind, ImportKind::Other(_));
    let mut kinds = imports.iter().map(|import| &import.kind);
    kinds.any(|kind| *kind == ImportKind::Functions) && !imports.iter().any(is_other)
}

fn push_imports(imports: &[Import], denies: bool, lines: &mut Vec<String>) {
    if imports.is_empty() {
        lines.push("imports nothing".into());
        return;
    }
    lines.push("imports".into());
    let names: Vec<_> = imports
        .iter()
        .map(|import| sanitize::line(&import.name))
        .collect();
    let width = names
        .iter()
        .map(|name| name.len())
        .max()
        .unwrap_or(0)
        .min(60);
    for (import, name) in imports.iter().zip(&names) {
        let given = match (granted_by(import), &import.kind) {
            (Some("given"), _) => "given".into(),
            (Some(flag), _) => format!("only with `{}`", sanitize::line(flag)),
            (None, ImportKind::Types) => "types alone".into(),
            (None, ImportKind::Withheld) => "refused at the call".into(),
            (None, ImportKind::Functions) if denies => "refused at the call".into(),
            (None, ImportKind::Other(kind)) => {
                format!("not available: a {}", sanitize::line(kind))
            }
            (None, ImportKind::Provided | ImportKind::Functions) => "not available".into(),
        };
        lines.push(format!("  {name:width$}  {given}"));
        if import.kind == ImportKind::Functions {
            let functions = import.functions.iter();
            lines.extend(functions.map(|function| format!("    {}", function.signature())));
        }
    }
    let grants = grants(imports);
    let all = match grants.is_empty() {
        true => "nothing".to_owned(),
        false => grants.join(", "),
    };
    lines.push(String::new());
    lines.push(format!("grants that the task may need: {all}"));
}

/// The grant for an import, with the flag of this command where there is one.
fn granted_by(import: &Import) -> Option<&str> {
    import.granted_by.as_deref().map(|grant| match grant {
        "PoolBuilder::dir" => "--dir",
        "PoolBuilder::env" => "--env",
        "PoolBuilder::http" => "--http",
        other => other,
    })
}

/// The flags that its imports ask for, each once.
fn grants(imports: &[Import]) -> Vec<String> {
    let flags = imports.iter().filter_map(granted_by);
    let mut flags: Vec<_> = flags
        .filter(|flag| *flag != "given")
        .map(sanitize::line)
        .collect();
    flags.sort();
    flags.dedup();
    flags
}

fn run_line(path: &str) -> String {
    format!("sandpool run {}", shell::quote(path))
}

fn apply_line(path: &str, module: &Module, function: &Function) -> String {
    let namesakes = module
        .functions()
        .iter()
        .filter(|other| other.name == function.name)
        .count();
    let name = if namesakes > 1 {
        function.full_name()
    } else {
        function.name.clone()
    };
    format!(
        "sandpool apply {} {}",
        shell::quote(path),
        shell::call_by(&name, function)
    )
}

fn resource_json(resource: &ExportedResource) -> serde_json::Value {
    let functions = resource
        .functions
        .iter()
        .map(|function| json!({"name": function.name, "signature": function.signature()}));
    json!({
        "name": resource.name,
        "interface": resource.interface,
        "functions": functions.collect::<Vec<_>>(),
        "callable": false,
        "uncallable": format!("it {NEEDS_A_SESSION}"),
    })
}

/// A function of the module's, or one that it imports.
fn function_json(function: &Function) -> serde_json::Value {
    let params = function
        .params
        .iter()
        .map(|param| json!({"name": param.name, "type": param.ty.to_string()}));
    json!({
        "name": function.name,
        "interface": function.interface,
        "signature": function.signature(),
        "params": params.collect::<Vec<_>>(),
        "result": function.result.as_ref().map(ToString::to_string),
    })
}

fn import_json(import: &Import) -> serde_json::Value {
    let kind = match &import.kind {
        ImportKind::Provided => "provided",
        ImportKind::Withheld => "withheld",
        ImportKind::Types => "types",
        ImportKind::Functions => "functions",
        ImportKind::Other(kind) => kind,
    };
    let functions = import.functions.iter().map(function_json);
    json!({
        "name": import.name,
        "kind": kind,
        "granted_by": granted_by(import),
        "functions": functions.collect::<Vec<_>>(),
    })
}

fn as_json(path: &Path, module: &Module) -> String {
    let path = path.display().to_string();
    let functions: Vec<_> = module
        .functions()
        .iter()
        .map(|function| {
            let mut all = function_json(function);
            let why = function.uncallable();
            all["callable"] = why.is_none().into();
            all["example"] = match why {
                None => apply_line(&path, module, function).into(),
                Some(_) => serde_json::Value::Null,
            };
            all["uncallable"] = why.into();
            all
        })
        .collect();
    let resources: Vec<_> = module.resources().iter().map(resource_json).collect();
    let imports: Vec<_> = module.imports().iter().map(import_json).collect();
    let all = json!({
        "path": path,
        "file": module.file().map(|file| file.display().to_string()),
        "kind": match module.kind() {
            ModuleKind::Component => "component",
            ModuleKind::Command => "command",
            ModuleKind::Core => "core",
        },
        "command": module.is_command(),
        "size": module.size(),
        "sha256": module.hash(),
        "functions": functions,
        "resources": resources,
        "other_exports": module.other_exports(),
        "imports": imports,
        "grants": grants(module.imports()),
        "unlinked": module.unlinked(),
        "example": module.is_command().then(|| run_line(&path)),
    });
    // JSON lets DEL and the C1 set stand in a string as they are.
    let mut text = String::new();
    for c in format!("{all:#}").chars() {
        match c {
            '\n' => text.push('\n'),
            c if c.is_control() => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(name: &str, granted_by: Option<&str>) -> Import {
        Import {
            name: name.into(),
            kind: match granted_by {
                Some(_) => ImportKind::Provided,
                None => ImportKind::Withheld,
            },
            granted_by: granted_by.map(Into::into),
            functions: Vec::new(),
        }
    }

    #[test]
    fn what_has_to_be_granted_is_named_once() {
        let imports = [
            import("wasi:filesystem/types@0.2.6", Some("PoolBuilder::dir")),
            import("wasi:filesystem/preopens@0.2.6", Some("PoolBuilder::dir")),
            import("wasi:clocks/wall-clock@0.2.6", Some("given")),
            import("wasi:sockets/tcp@0.2.6", None),
        ];
        assert_eq!(grants(&imports), ["--dir"]);
        let mut lines = Vec::new();
        push_imports(&imports, false, &mut lines);
        assert_eq!(
            lines[1],
            "  wasi:filesystem/types@0.2.6     only with `--dir`"
        );
        assert_eq!(
            lines[4],
            "  wasi:sockets/tcp@0.2.6          refused at the call"
        );
        assert_eq!(lines[6], "grants that the task may need: --dir");
    }

    #[test]
    fn a_hostile_import_cannot_drive_the_terminal() {
        let mut lines = Vec::new();
        push_imports(&[import("\u{1b}]0;x\u{7}", None)], false, &mut lines);
        assert!(lines.iter().all(|line| !line.chars().any(char::is_control)));
    }
}
