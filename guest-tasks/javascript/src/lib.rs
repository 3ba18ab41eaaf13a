//! JavaScript as a guest: QuickJS-ng runs what is given as text.
//!
//! Implements `sandpool:script`. The instance has one context, which `prepare` makes, so
//! that a host may take a snapshot then, and in which names live from one call to the next.
//! A snippet finds the language there, `input`, and the globals of `js/globals.js`; it
//! reaches the host by `tools`, and servers that the host grants by `fetch` of `js/fetch.js`.
//!
//! Timers run in real time: the interpreter sleeps until the next one is due, and a snippet
//! has ended when there is none left, and no request under way. What fails leaves none behind.
//!
//! `engine/` holds what is changed in QuickJS, and the C compiler that changes it.

mod engine;
mod failure;
mod fetch;
mod interrupt;
mod modules;
mod natives;
mod snippet;
mod stack;
mod text;
mod urls;

wit_bindgen::generate!({
    path: ["../../wit/host", "../../wit/script"],
    world: "sandpool:script/interpreter",
    generate_all,
});

use engine::Engine;
use exports::sandpool::script::script::{Failure, Guest};

struct JavaScript;

impl Guest for JavaScript {
    fn prepare() {
        engine::with(Engine::seal);
    }

    fn eval(source: String, input: Option<String>) -> Result<String, Failure> {
        engine::with(|engine| engine.eval(&source, input.as_deref()))
    }

    fn show(source: String) -> Result<String, Failure> {
        engine::with(|engine| engine.show(&source))
    }

    fn run(source: String, input: String) -> Result<String, Failure> {
        engine::with(|engine| engine.run_script(&source, &input))
    }

    fn check(source: String) -> Result<(), Failure> {
        engine::with(|engine| engine.check(&source))
    }

    fn define(name: String, source: String) -> Result<(), Failure> {
        engine::with(|engine| engine.define(&name, source))
    }

    fn call(function: String, arguments: String) -> Result<String, Failure> {
        engine::with(|engine| engine.call(&function, &arguments))
    }
}

export!(JavaScript);
