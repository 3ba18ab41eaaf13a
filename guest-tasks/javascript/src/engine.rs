//! The interpreter: one runtime with one context, and what runs code in it until nothing
//! is left to do.

use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::CString;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use rquickjs::context::EvalOptions;
use rquickjs::promise::PromiseState;
use rquickjs::{
    Context, Ctx, Error, FromJs, Function, Object, Persistent, Promise, Runtime, Value, qjs,
};

use crate::exports::sandpool::script::script::Failure;
use crate::modules::{self, Modules};
use crate::text::Text;
use crate::{failure, interrupt, natives, snippet, stack};

/// The name of a snippet's file in tracebacks.
pub const SNIPPET: &str = "<snippet>";

/// The name of our own files, whose calls no traceback shows.
pub const OURS: &str = "<sandpool>";

thread_local! {
    static ENGINE: OnceCell<Engine> = const { OnceCell::new() };
}

/// Gives the interpreter to `f`; makes it first where nobody has.
pub fn with<T>(f: impl FnOnce(&Engine) -> T) -> T {
    ENGINE.with(|engine| f(engine.get_or_init(Engine::new)))
}

/// A function of our own JavaScript.
type Ours = Persistent<Function<'static>>;

/// Rejected promises that nobody has looked at, with their reasons.
type Rejections = Rc<RefCell<Vec<(Persistent<Value<'static>>, Persistent<Value<'static>>)>>>;

pub struct Engine {
    context: Context,
    modules: Modules,
    rejections: Rejections,
    /// `true` once clock and random numbers were drawn, which a snapshot must not freeze.
    started: Cell<bool>,
    /// The script that `run` has compiled.
    script: RefCell<Option<Script>>,
    functions: Functions,
}

/// What `js/` gives to this crate.
struct Functions {
    encode: Ours,
    decode: Ours,
    describe: Ours,
    until_timer: Ours,
    run_timer: Ours,
    drop_timers: Ours,
    call_by_name: Ours,
    set_global: Ours,
    offer_input: Ours,
    main_of_script: Ours,
    call_main: Ours,
}

unsafe extern "C" {
    // These are in `engine/extra.c`.
    fn sandpool_start(ctx: *mut qjs::JSContext, seed: u64);
    fn sandpool_forget(ctx: *mut qjs::JSContext, name: *const std::ffi::c_char);
    fn sandpool_keep_names(ctx: *mut qjs::JSContext) -> i32;
    fn sandpool_forget_names(ctx: *mut qjs::JSContext) -> i32;
    fn sandpool_out_of_memory() -> i32;
}

impl Engine {
    fn new() -> Self {
        let runtime = Runtime::new().expect("memory for a runtime");
        runtime.set_interrupt_handler(Some(Box::new(interrupt::wanted)));
        let rejections = Rejections::default();
        let tracked = Rc::clone(&rejections);
        runtime.set_host_promise_rejection_tracker(Some(Box::new(
            move |ctx, promise, reason, handled| {
                let mut tracked = tracked.borrow_mut();
                if handled {
                    let is_same = |kept: &Persistent<Value<'static>>| {
                        kept.clone().restore(&ctx).is_ok_and(|kept| kept == promise)
                    };
                    tracked.retain(|(kept, _)| !is_same(kept));
                } else {
                    let kept = Persistent::save(&ctx, promise);
                    tracked.push((kept, Persistent::save(&ctx, reason)));
                }
            },
        )));
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
            rejections,
            started: Cell::new(false),
            script: RefCell::default(),
            functions,
        }
    }

    /// Runs a snippet, as `sandpool:script` says.
    pub fn eval(&self, source: &str, input: Option<&str>) -> Result<String, Failure> {
        self.run(|ctx| {
            if let Some(input) = input {
                let input: Value = self.ours(ctx, &self.functions.decode)?.call((input,))?;
                // A snippet before this one may have declared the name itself.
                // SAFETY: the context is alive, and the name ends with a zero.
                unsafe { sandpool_forget(ctx.as_raw().as_ptr(), c"input".as_ptr()) };
                let set = self.ours(ctx, &self.functions.set_global)?;
                set.call::<_, ()>(("input", input))?;
            }
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
                let set = self.ours(ctx, &self.functions.set_global)?;
                set.call::<_, ()>(("_", value.clone()))?;
            }
            self.encoded(ctx, value)
        })
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
                    natives::start_clock();
                    let seed = wasip2::random::random::get_random_u64();
                    sandpool_start(ctx.as_raw().as_ptr(), seed);
                    let runtime = qjs::JS_GetRuntime(ctx.as_raw().as_ptr());
                    qjs::JS_SetMaxStackSize(runtime, stack::limit() as qjs::size_t);
                }
            }
            self.rejections.borrow_mut().clear();
            let result = f(&ctx);
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
            if let Ok(drop) = self.ours(&ctx, &self.functions.drop_timers) {
                let _ = drop.call::<_, ()>(());
            }
            result
        })
    }

    /// Runs jobs and timers until none is left or the promise is rejected, and returns the
    /// promise's value.
    fn settle<'js>(&self, ctx: &Ctx<'js>, promise: &Promise<'js>) -> rquickjs::Result<Value<'js>> {
        let until = self.ours(ctx, &self.functions.until_timer)?;
        let run_timer = self.ours(ctx, &self.functions.run_timer)?;
        loop {
            while run_job(ctx)? {}
            match promise.state() {
                PromiseState::Rejected => return promise.result::<Value>().expect("it is settled"),
                PromiseState::Resolved | PromiseState::Pending => {}
            }
            self.unhandled(ctx)?;
            let wait: f64 = until.call(())?;
            if wait < 0.0 {
                break;
            }
            if wait > 0.0 {
                thread::sleep(Duration::from_secs_f64(wait / 1000.0));
                continue;
            }
            run_timer.call::<_, ()>(())?;
        }
        promise.result::<Value>().unwrap_or_else(|| {
            Err(failure::throw(
                ctx,
                "the snippet ended before its promise was settled: nothing is left that could settle it",
            ))
        })
    }

    /// A rejection that nobody handles is an exception that nobody catches.
    fn unhandled(&self, ctx: &Ctx<'_>) -> rquickjs::Result<()> {
        let mut rejections = self.rejections.borrow_mut();
        if rejections.is_empty() {
            return Ok(());
        }
        let (_, reason) = rejections.remove(0);
        let reason = reason.restore(ctx)?;
        Err(ctx.throw(reason))
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
        let text: Text = self.ours(ctx, &self.functions.encode)?.call((value,))?;
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
    /// Evaluates our own files, each of which is the body of a CommonJS module.
    fn new<'js>(ctx: &Ctx<'js>, modules: &Modules) -> rquickjs::Result<Self> {
        let native = natives::object(ctx)?;
        let file = |source: &str, names: &str, values: (Object<'js>, Object<'js>, Object<'js>)| {
            let mut options = EvalOptions::default();
            options.filename = Some(OURS.to_owned());
            let source = format!("(function (module, {names}) {{{source}\n}})");
            let function: Function = ctx.eval_with_options(source, options)?;
            let module = Object::new(ctx.clone())?;
            function.call::<_, ()>((module.clone(), values.0, values.1, values.2))?;
            module.get::<_, Object>("exports")
        };
        let none = Object::new(ctx.clone())?;
        let no = || (none.clone(), none.clone(), none.clone());
        let values = file(include_str!("../js/values.js"), "a, b, c", no())?;
        let inspecting = file(include_str!("../js/inspect.js"), "a, b, c", no())?;
        let globals = file(
            include_str!("../js/globals.js"),
            "native, values, inspecting",
            (native, values, inspecting),
        )?;
        let get = |name: &str| -> rquickjs::Result<Ours> {
            let function: Function = globals.get(name)?;
            Ok(Persistent::save(ctx, function))
        };
        modules.set_tools(get("hostTools")?);
        Ok(Functions {
            encode: get("encode")?,
            decode: get("decode")?,
            describe: get("describe")?,
            until_timer: get("untilTimer")?,
            run_timer: get("runTimer")?,
            drop_timers: get("dropTimers")?,
            call_by_name: get("callByName")?,
            set_global: get("setGlobal")?,
            offer_input: get("offerInput")?,
            main_of_script: get("mainOfScript")?,
            call_main: get("callMain")?,
        })
    }
}
