//! The interpreter: one runtime with one context, and what runs code in it until nothing
//! is left to do.

use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::{CStr, CString, c_char};
use std::rc::Rc;
use std::time::Duration;

use rquickjs::context::EvalOptions;
use rquickjs::promise::PromiseState;
use rquickjs::{
    Context, Ctx, Error, FromJs, Function, Object, Persistent, Promise, Runtime, Value, qjs,
};

use crate::exports::sandpool::script::script::Failure;
use crate::modules::{self, Modules};
use crate::text::Text;
use crate::{failure, fetch, interrupt, natives, snippet, stack};

/// The name of a snippet's file in tracebacks.
pub const SNIPPET: &str = "<snippet>";

/// The name of our own files, whose calls no traceback shows.
pub const OURS: &str = "<sandpool>";

thread_local! {
    static ENGINE: OnceCell<Engine> = const { OnceCell::new() };

    /// Rejected promises that nobody has looked at, with their reasons.
    static REJECTIONS: RefCell<Vec<(Kept, Kept)>> = const { RefCell::new(Vec::new()) };

    /// The last value, which is `_` for the next snippet.
    static LAST: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// Gives the interpreter to `f`; makes it first where nobody has.
pub fn with<T>(f: impl FnOnce(&Engine) -> T) -> T {
    ENGINE.with(|engine| f(engine.get_or_init(Engine::new)))
}

/// Our own JavaScript: the name by which a file requires another, and its text.
const FILES: [(&str, &str); 5] = [
    ("./builtins.js", include_str!("../js/builtins.js")),
    ("./values.js", include_str!("../js/values.js")),
    ("./inspect.js", include_str!("../js/inspect.js")),
    (GLOBALS, include_str!("../js/globals.js")),
    (FETCH, include_str!("../js/fetch.js")),
];
const GLOBALS: &str = "./globals.js";
const FETCH: &str = "./fetch.js";

/// A function of our own JavaScript.
type Ours = Persistent<Function<'static>>;

/// A value that outlives its call.
type Kept = Persistent<Value<'static>>;

pub struct Engine {
    context: Context,
    modules: Modules,
    /// `true` once the seeds were drawn and the host's stack was asked for, which a snapshot
    /// must not freeze.
    started: Cell<bool>,
    /// The script that `run` has compiled.
    script: RefCell<Option<Script>>,
    functions: Functions,
}

/// What `js/` gives to this crate.
struct Functions {
    encode: Ours,
    show: Ours,
    decode: Ours,
    describe: Ours,
    until_timer: Ours,
    run_timer: Ours,
    drop_timers: Ours,
    on_fetch_event: Ours,
    forget_fetches: Ours,
    call_by_name: Ours,
    offer_input: Ours,
    main_of_script: Ours,
    call_main: Ours,
}

unsafe extern "C" {
    // These are in `engine/extra.c`.
    fn sandpool_start(seed: u64);
    fn sandpool_seal(ctx: *mut qjs::JSContext);
    fn sandpool_forget(ctx: *mut qjs::JSContext, name: *const c_char);
    fn sandpool_keep_names(ctx: *mut qjs::JSContext) -> i32;
    fn sandpool_forget_names(ctx: *mut qjs::JSContext) -> i32;
    fn sandpool_out_of_memory() -> i32;
}

impl Engine {
    fn new() -> Self {
        let runtime = Runtime::new().expect("memory for a runtime");
        runtime.set_interrupt_handler(Some(Box::new(interrupt::wanted)));
        runtime.set_host_promise_rejection_tracker(Some(Box::new(track_rejection)));
        let modules = Modules::default();
        runtime.set_loader(modules.clone(), modules.clone());
        let context = Context::full(&runtime).expect("memory for a context");
        let functions = context.with(|ctx| match Functions::new(&ctx, &modules) {
            Ok(functions) => functions,
            Err(error) => panic!("{error}: {:?}", ctx.catch()),
        });
        // SAFETY: the context is alive.
        let kept = context.with(|ctx| unsafe { sandpool_keep_names(ctx.as_raw().as_ptr()) });
        assert_eq!(kept, 0, "memory for the names of a context");
        Engine {
            context,
            modules,
            started: Cell::new(false),
            script: RefCell::default(),
            functions,
        }
    }

    /// Makes a snapshot cheap to begin with: what a snippet writes to lies together.
    pub fn seal(&self) {
        // SAFETY: the context is alive, and no code of it runs; nothing happens the second
        // time.
        self.context
            .with(|ctx| unsafe { sandpool_seal(ctx.as_raw().as_ptr()) });
    }

    /// Runs a snippet, as `sandpool:script` says.
    pub fn eval(&self, source: &str, input: Option<&str>) -> Result<String, Failure> {
        self.run(|ctx| {
            if let Some(input) = input {
                let input: Value = self.ours(ctx, &self.functions.decode)?.call((input,))?;
                // A snippet before this one may have declared the name itself.
                // SAFETY: the context is alive, and the name ends with a zero.
                unsafe { sandpool_forget(ctx.as_raw().as_ptr(), c"input".as_ptr()) };
                set_global(ctx, c"input", input)?;
            }
            let value = self.value(ctx, source)?;
            self.encoded(ctx, value)
        })
    }

    /// Runs a snippet, and returns its value as a prompt shows it.
    pub fn show(&self, source: &str) -> Result<String, Failure> {
        self.run(|ctx| {
            let value = self.value(ctx, source)?;
            if value.is_undefined() {
                return Ok(String::new());
            }
            let text: Text = self.ours(ctx, &self.functions.show)?.call((value,))?;
            Ok(text.0)
        })
    }

    /// Runs a snippet until nothing of it is left to do, and returns its value.
    fn value<'js>(&self, ctx: &Ctx<'js>, source: &str) -> rquickjs::Result<Value<'js>> {
        let mut options = EvalOptions::default();
        options.strict = false;
        options.backtrace_barrier = true;
        options.promise = true;
        options.filename = Some(SNIPPET.to_owned());
        let promise: Promise = ctx.eval_with_options(&*snippet::script(source), options)?;
        let mut value = self.settle(ctx, &promise)?;
        if value.is_undefined() && source.contains("result") {
            value = self.variable(ctx, "result")?;
        }
        if !value.is_undefined() && !value.is_null() {
            LAST.set(Some(Persistent::save(ctx, value.clone())));
        }
        Ok(value)
    }

    /// Runs a script for an input, as `sandpool:script` says.
    pub fn run_script(&self, source: &str, input: &str) -> Result<String, Failure> {
        self.run(|ctx| {
            let Script { code, main, .. } = self.script(ctx, source)?;
            let input: Value = self.ours(ctx, &self.functions.decode)?.call((input,))?;
            let main = match main {
                Some(main) => main,
                None => {
                    let value = self.run_from_its_beginning(ctx, source, code, &input)?;
                    let find_main = self.ours(ctx, &self.functions.main_of_script)?;
                    let Some(main) = find_main.call::<_, Option<Function>>(())? else {
                        return self.encoded(ctx, value);
                    };
                    let main = Persistent::save(ctx, main);
                    if let Some(script) = &mut *self.script.borrow_mut() {
                        script.main = Some(main.clone());
                    }
                    main
                }
            };
            let call = self.ours(ctx, &self.functions.call_main)?;
            let promise: Promise = call.call((main.restore(ctx)?, input))?;
            let value = self.settle(ctx, &promise)?;
            self.encoded(ctx, value)
        })
    }

    /// Compiles a script.
    pub fn check(&self, source: &str) -> Result<(), Failure> {
        self.run(|ctx| self.script(ctx, source).map(drop))
    }

    /// Returns the script of this text, which is compiled unless it was the last one.
    fn script(&self, ctx: &Ctx<'_>, source: &str) -> rquickjs::Result<Script> {
        let mut kept = self.script.borrow_mut();
        if let Some(script) = kept.as_ref().filter(|script| &*script.source == source) {
            return Ok(script.clone());
        }
        *kept = None;
        let script = Script {
            source: source.into(),
            code: Persistent::save(ctx, compiled(ctx, &snippet::script(source))?),
            main: None,
        };
        Ok(kept.insert(script).clone())
    }

    /// Runs a script with no names but its input, and returns its value.
    fn run_from_its_beginning<'js>(
        &self,
        ctx: &Ctx<'js>,
        source: &str,
        code: Persistent<Value<'static>>,
        input: &Value<'js>,
    ) -> rquickjs::Result<Value<'js>> {
        // SAFETY: the context is alive.
        if unsafe { sandpool_forget_names(ctx.as_raw().as_ptr()) } != 0 {
            return Err(Error::Exception);
        }
        let offer = self.ours(ctx, &self.functions.offer_input)?;
        offer.call::<_, ()>((input.clone(),))?;
        let promise = evaluated(ctx, &code.restore(ctx)?)?;
        let value = self.settle(ctx, &promise)?;
        match value.is_undefined() && source.contains("result") {
            true => self.variable(ctx, "result"),
            false => Ok(value),
        }
    }

    /// Keeps a module of text for those who import it.
    pub fn define(&self, name: &str, source: String) -> Result<(), Failure> {
        let defined = self.run(|ctx| self.modules.define(ctx, name, source));
        defined.map_err(|failure| Failure {
            traceback: failure.traceback.replace(modules::CHECKED, ""),
            ..failure
        })
    }

    /// Calls a function by its name.
    pub fn call(&self, function: &str, arguments: &str) -> Result<String, Failure> {
        self.run(|ctx| {
            let call = self.ours(ctx, &self.functions.call_by_name)?;
            let promise: Promise = call.call((function, arguments))?;
            let value = self.settle(ctx, &promise)?;
            self.encoded(ctx, value)
        })
    }

    /// Runs code in the context; afterwards nothing of it is left to run.
    fn run<T>(&self, f: impl FnOnce(&Ctx<'_>) -> rquickjs::Result<T>) -> Result<T, Failure> {
        self.context.with(|ctx| {
            // SAFETY: neither touches anything but the engine's own state.
            unsafe {
                sandpool_out_of_memory();
                if !self.started.replace(true) {
                    let seed = wasip2::random::random::get_random_u64();
                    sandpool_start(seed);
                    let runtime = qjs::JS_GetRuntime(ctx.as_raw().as_ptr());
                    qjs::JS_SetMaxStackSize(runtime, stack::limit() as qjs::size_t);
                }
            }
            interrupt::begin();
            REJECTIONS.with_borrow_mut(Vec::clear);
            let result = set_last(&ctx).and_then(|()| f(&ctx));
            let result = result.map_err(|error| {
                let describe = self.ours(&ctx, &self.functions.describe);
                let failure = failure::of(&ctx, error, describe);
                // SAFETY: reads a flag.
                let ended = unsafe { sandpool_out_of_memory() } != 0;
                if ended && failure::is_of_memory(&failure) {
                    // The host tells by the growth that it refused.
                    std::process::abort();
                }
                failure
            });
            if natives::TIMERS.take()
                && let Ok(drop) = self.ours(&ctx, &self.functions.drop_timers)
            {
                let _ = drop.call::<_, ()>(());
            }
            if fetch::end_all()
                && let Ok(forget) = self.ours(&ctx, &self.functions.forget_fetches)
            {
                let _ = forget.call::<_, ()>(());
            }
            result
        })
    }

    /// Runs jobs, timers and requests until none is left or the promise is rejected, and
    /// returns the promise's value.
    fn settle<'js>(&self, ctx: &Ctx<'js>, promise: &Promise<'js>) -> rquickjs::Result<Value<'js>> {
        loop {
            while run_job(ctx)? {}
            match promise.state() {
                PromiseState::Rejected => return promise.result::<Value>().expect("it is settled"),
                PromiseState::Resolved | PromiseState::Pending => {}
            }
            unhandled(ctx)?;
            let requests = fetch::is_any_pending();
            let timers = natives::TIMERS.get();
            if !timers && !requests {
                break;
            }
            let wait: f64 = match timers {
                true => self
                    .ours(ctx, &self.functions.until_timer)?
                    .call((requests,))?,
                false => -1.0,
            };
            if wait < 0.0 && !requests {
                break;
            }
            if requests {
                self.fetch(ctx, wait)?;
            }
            if wait != 0.0 {
                if !requests {
                    interrupt::sleep(Duration::from_secs_f64(wait / 1000.0));
                }
                if interrupt::wanted() {
                    return Err(failure::throw(ctx, "interrupted"));
                }
                continue;
            }
            let run_timer = self.ours(ctx, &self.functions.run_timer)?;
            run_timer.call::<_, ()>(())?;
        }
        promise.result::<Value>().unwrap_or_else(|| {
            Err(failure::throw(
                ctx,
                "the snippet ended before its promise was settled: nothing is left that could settle it",
            ))
        })
    }

    /// Waits until something has come of a request, or this time in milliseconds is over
    /// unless it is negative; and gives it to those who wait for it.
    fn fetch(&self, ctx: &Ctx<'_>, wait: f64) -> rquickjs::Result<()> {
        let wait = (wait >= 0.0).then(|| Duration::from_secs_f64(wait / 1000.0));
        let on_event = self.ours(ctx, &self.functions.on_fetch_event)?;
        for (id, event) in fetch::wait(interrupt::longest_wait(wait)) {
            let (status, value) = event.into_arguments(ctx)?;
            on_event.call::<_, ()>((id, status, value))?;
            while run_job(ctx)? {}
        }
        Ok(())
    }

    /// Returns what a variable holds, or undefined.
    fn variable<'js>(&self, ctx: &Ctx<'js>, name: &str) -> rquickjs::Result<Value<'js>> {
        let mut options = EvalOptions::default();
        options.strict = false;
        options.promise = true;
        options.filename = Some(OURS.to_owned());
        let source = format!("typeof {name} === 'undefined' ? undefined : {name}");
        let promise: Promise = ctx.eval_with_options(source, options)?;
        self.settle(ctx, &promise)
    }

    fn encoded<'js>(&self, ctx: &Ctx<'js>, value: Value<'js>) -> rquickjs::Result<String> {
        if value.is_undefined() {
            return Ok("null".to_owned());
        }
        let text: Text = match natives::json(ctx, &value)? {
            Some(text) => text,
            None => self.ours(ctx, &self.functions.encode)?.call((value,))?,
        };
        Ok(text.0)
    }

    fn ours<'js>(&self, ctx: &Ctx<'js>, function: &Ours) -> rquickjs::Result<Function<'js>> {
        function.clone().restore(ctx)
    }
}

/// A script that was compiled.
#[derive(Clone)]
struct Script {
    source: Rc<str>,
    code: Persistent<Value<'static>>,
    /// Its function `main`, once the rest of it has run.
    main: Option<Ours>,
}

/// Compiles a script, which may then run any number of times.
fn compiled<'js>(ctx: &Ctx<'js>, source: &str) -> rquickjs::Result<Value<'js>> {
    let text = CString::new(source)?;
    let name = CString::new(SNIPPET)?;
    let flags = qjs::JS_EVAL_TYPE_GLOBAL
        | qjs::JS_EVAL_FLAG_ASYNC
        | qjs::JS_EVAL_FLAG_BACKTRACE_BARRIER
        | qjs::JS_EVAL_FLAG_COMPILE_ONLY;
    // SAFETY: the context is alive, the text ends with a zero behind its length, and the
    // value that is returned is owned here.
    unsafe {
        let length = source.len() as qjs::size_t;
        let raw = ctx.as_raw().as_ptr();
        let value = qjs::JS_Eval(raw, text.as_ptr(), length, name.as_ptr(), flags as i32);
        match qjs::JS_IsException(value) {
            true => Err(Error::Exception),
            false => Ok(Value::from_raw(ctx.clone(), value)),
        }
    }
}

/// Runs a compiled script, and returns the promise of its value.
fn evaluated<'js>(ctx: &Ctx<'js>, code: &Value<'js>) -> rquickjs::Result<Promise<'js>> {
    let raw = ctx.as_raw().as_ptr();
    // SAFETY: the code belongs to the context; the call takes the reference that is added
    // here, and the value that is returned is owned here.
    let value = unsafe {
        let value = qjs::JS_EvalFunction(raw, qjs::JS_DupValue(raw, code.as_raw()));
        if qjs::JS_IsException(value) {
            return Err(Error::Exception);
        }
        Value::from_raw(ctx.clone(), value)
    };
    Promise::from_js(ctx, value)
}

/// Keeps a rejected promise, until somebody handles it.
fn track_rejection<'js>(ctx: Ctx<'js>, promise: Value<'js>, reason: Value<'js>, handled: bool) {
    REJECTIONS.with_borrow_mut(|rejections| {
        if handled {
            let is_same =
                |kept: &Kept| kept.clone().restore(&ctx).is_ok_and(|kept| kept == promise);
            rejections.retain(|(kept, _)| !is_same(kept));
        } else {
            let kept = Persistent::save(&ctx, promise);
            rejections.push((kept, Persistent::save(&ctx, reason)));
        }
    });
}

/// A rejection that nobody handles is an exception that nobody catches.
fn unhandled(ctx: &Ctx<'_>) -> rquickjs::Result<()> {
    REJECTIONS.with_borrow_mut(|rejections| {
        if rejections.is_empty() {
            return Ok(());
        }
        let (_, reason) = rejections.remove(0);
        let reason = reason.restore(ctx)?;
        Err(ctx.throw(reason))
    })
}

/// Gives `_` to code that follows a snippet.
fn set_last(ctx: &Ctx<'_>) -> rquickjs::Result<()> {
    match LAST.take() {
        Some(last) => set_global(ctx, c"_", last.restore(ctx)?),
        None => Ok(()),
    }
}

/// Defines a global as `global` of `js/globals.js` does.
fn set_global<'js>(ctx: &Ctx<'js>, name: &CStr, value: Value<'js>) -> rquickjs::Result<()> {
    let raw = ctx.as_raw().as_ptr();
    let flags = (qjs::JS_PROP_WRITABLE | qjs::JS_PROP_CONFIGURABLE) as i32;
    // SAFETY: the context is alive, the name ends with a zero, and a reference of the value's
    // own is given away.
    let defined = unsafe {
        let value = qjs::JS_DupValue(raw, value.as_raw());
        let global = ctx.globals();
        qjs::JS_DefinePropertyValueStr(raw, global.as_raw(), name.as_ptr(), value, flags)
    };
    if defined < 0 {
        return Err(Error::Exception);
    }
    Ok(())
}

/// Runs the job that is first in the queue; false if there is none.
fn run_job(ctx: &Ctx<'_>) -> rquickjs::Result<bool> {
    let raw = ctx.as_raw().as_ptr();
    let mut used = std::ptr::null_mut();
    // SAFETY: the context is alive and there is one only, so the job is one of its own.
    match unsafe { qjs::JS_ExecutePendingJob(qjs::JS_GetRuntime(raw), &mut used) } {
        0 => Ok(false),
        1.. => Ok(true),
        _ => Err(Error::Exception),
    }
}

impl Functions {
    /// Evaluates our own files, which are CommonJS modules.
    fn new<'js>(ctx: &Ctx<'js>, modules: &Modules) -> rquickjs::Result<Self> {
        let evaluate = |source: &str| -> rquickjs::Result<Function<'js>> {
            let mut options = EvalOptions::default();
            options.filename = Some(OURS.to_owned());
            ctx.eval_with_options(source, options)
        };
        let native = natives::object(ctx)?;
        let loaded = Object::new(ctx.clone())?;
        let require = evaluate("(loaded) => (name) => loaded[name]")?;
        let require: Function = require.call((loaded.clone(),))?;
        for (name, source) in FILES {
            let file = evaluate(&format!(
                "(function (module, require, native) {{{source}\n}})"
            ))?;
            let module = Object::new(ctx.clone())?;
            file.call::<_, ()>((module.clone(), require.clone(), native.clone()))?;
            loaded.set(name, module.get::<_, Object>("exports")?)?;
        }
        let of = |file: &str, name: &str| -> rquickjs::Result<Ours> {
            let file: Object = loaded.get(file)?;
            let function: Function = file.get(name)?;
            Ok(Persistent::save(ctx, function))
        };
        let get = |name: &str| of(GLOBALS, name);
        modules.set_tools(get("hostTools")?);
        Ok(Functions {
            encode: get("encode")?,
            show: get("show")?,
            decode: get("decode")?,
            describe: get("describe")?,
            until_timer: get("untilTimer")?,
            run_timer: get("runTimer")?,
            drop_timers: get("dropTimers")?,
            on_fetch_event: of(FETCH, "onEvent")?,
            forget_fetches: of(FETCH, "forget")?,
            call_by_name: get("callByName")?,
            offer_input: get("offerInput")?,
            main_of_script: get("mainOfScript")?,
            call_main: get("callMain")?,
        })
    }
}
