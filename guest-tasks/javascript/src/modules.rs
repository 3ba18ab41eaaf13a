//! Modules: those that the host has defined as text, and `tools`. There are no others.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Exception, Function, Module, Object, Persistent, Result};

/// The name of the module of the host's functions.
const TOOLS: &str = "tools";

/// An empty module, which stands for every import while a text is only checked.
const EMPTY: &str = "<empty>";

/// The addition to the name of a text that is only checked.
pub const CHECKED: &str = "?check";

/// The modules that can be imported. Clones share them.
#[derive(Clone, Default)]
pub struct Modules(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    texts: BTreeMap<String, Text>,
    checking: bool,
    tools: Option<Persistent<Function<'static>>>,
}

struct Text {
    source: String,
    /// Counts the texts of this name: who imports it anew gets the last.
    version: u32,
}

impl Modules {
    /// Sets the function that returns the host's functions.
    pub fn set_tools(&self, tools: Persistent<Function<'static>>) {
        self.0.borrow_mut().tools = Some(tools);
    }

    /// Defines a module, whose text must be a module's. What it imports is looked for when
    /// it is imported itself.
    pub fn define(&self, ctx: &Ctx<'_>, name: &str, source: String) -> Result<()> {
        if name.is_empty() || name == TOOLS || name.contains(['<', '>', '?', '\n', '\0']) {
            let message = format!("`{name}` cannot be the name of a module");
            return Err(Exception::throw_type(ctx, &message));
        }
        self.0.borrow_mut().checking = true;
        let checked = Module::declare(ctx.clone(), format!("{name}{CHECKED}"), &*source);
        self.0.borrow_mut().checking = false;
        checked?;
        let mut state = self.0.borrow_mut();
        let version = state.texts.get(name).map_or(1, |text| text.version + 1);
        state
            .texts
            .insert(name.to_owned(), Text { source, version });
        Ok(())
    }

    fn tools<'js>(&self, ctx: &Ctx<'js>, name: &str) -> Result<Module<'js, Declared>> {
        let function = self.0.borrow().tools.clone();
        let function = function
            .expect("set before the first snippet")
            .restore(ctx)?;
        let tools: Object = function.call(())?;
        let mut source = "const tools = import.meta.tools;\nexport default tools;\n".to_owned();
        for (number, name) in tools.keys::<String>().enumerate() {
            let quoted = quoted(&name?);
            source += &format!(
                "const tool{number} = tools[{quoted}];\nexport {{ tool{number} as {quoted} }};\n"
            );
        }
        let module = Module::declare(ctx.clone(), name, source)?;
        module.meta()?.set("tools", tools)?;
        Ok(module)
    }
}

/// Returns a text as a literal of JavaScript.
fn quoted(text: &str) -> String {
    let escaped: String = text.escape_default().collect();
    format!("\"{}\"", escaped.replace("\\'", "'"))
}

impl Resolver for Modules {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        _base: &str,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        let state = self.0.borrow();
        if state.checking {
            return Ok(EMPTY.to_owned());
        }
        if name == TOOLS {
            return Ok(TOOLS.to_owned());
        }
        let bare = name.strip_prefix("./").unwrap_or(name);
        let found = [name, bare, bare.strip_suffix(".js").unwrap_or(bare)]
            .into_iter()
            .find_map(|name| state.texts.get_key_value(name));
        if let Some((name, text)) = found {
            return Ok(match text.version {
                1 => name.clone(),
                version => format!("{name}?{version}"),
            });
        }
        let defined = state.texts.keys().map(|name| format!(", `{name}`"));
        let message = format!(
            "not available in this sandbox: module `{name}`; those that can be imported are `{TOOLS}`{}",
            defined.collect::<String>()
        );
        Err(Exception::throw_reference(ctx, &message))
    }
}

impl Loader for Modules {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        match name {
            EMPTY => Module::declare(ctx.clone(), EMPTY, ""),
            TOOLS => self.tools(ctx, name),
            _ => {
                let bare = name.split('?').next().unwrap_or(name);
                let source = self
                    .0
                    .borrow()
                    .texts
                    .get(bare)
                    .map(|text| text.source.clone());
                Module::declare(ctx.clone(), name, source.unwrap_or_default())
            }
        }
    }
}
