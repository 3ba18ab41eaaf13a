//! A server in which a stranger's plug-in runs: axum on tokio, a session for each user, a
//! function of the host that the plug-in calls, and one origin that it may ask by HTTP. The
//! plug-in is `guest-tasks/plugin`; its WIT is all that the two know of each other.
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::{Router, extract::Path, extract::State, routing::get};
use sandpool::{Error, HttpRule, Imports, Module, Pool, Resource, Session, SessionCall, ToValue};
use tokio::{net::TcpListener, sync::Mutex};

/// A product, and a change of a cart, as the WIT has them.
#[derive(ToValue)]
struct Product {
    name: String,
    price: u32,
}

#[derive(ToValue)]
enum Change {
    Add((String, u32)),
}

/// A user's session, and the resource that lives in it.
type Cart = (Arc<Session>, Resource);

/// The state that every request needs.
#[derive(Clone)]
struct Shop {
    pool: Pool,
    plugin: Module,
    rates: String,
    carts: Arc<Mutex<HashMap<String, Cart>>>,
    refusals: Arc<AtomicUsize>,
}

impl Shop {
    /// Returns the user's cart, which is made by the first request.
    async fn cart(&self, user: String) -> Result<Cart, Error> {
        let mut carts = self.carts.lock().await;
        if let Some(cart) = carts.get(&user) {
            return Ok(cart.clone());
        }
        let session = self.pool.session(&self.plugin).tenant(&user).open()?;
        let basket = session.call_async("basket", (user.as_str(),))?.await?;
        let cart = (Arc::new(session), basket);
        carts.insert(user, cart.clone());
        Ok(cart)
    }

    /// Calls the plug-in for a user, and returns the answer as text.
    async fn call(self, user: String, call: impl FnOnce(Cart) -> SessionCall) -> String {
        let answer = async {
            let call = call(self.cart(user).await?);
            let outcome = call.apply_async::<sandpool::Value>()?.outcome_async().await;
            for refusal in &outcome.refusals {
                let count = self.refusals.fetch_add(1, Ordering::Relaxed) + 1;
                println!("refusal {count}: {refusal}");
            }
            let value = outcome.value.map(|value| value.to_string());
            Ok::<_, Error>(value.or(outcome.error).unwrap_or_default())
        };
        answer.await.unwrap_or_else(|error| error.to_string())
    }
}

async fn add(State(shop): State<Shop>, Path((user, name)): Path<(String, String)>) -> String {
    let change = Change::Add((name, 1));
    let apply = |(session, basket): Cart| session.run("basket.apply").args((basket, change));
    shop.call(user, apply).await
}

async fn fetch(State(shop): State<Shop>, Path((user, path)): Path<(String, String)>) -> String {
    let url = format!("{}/{path}", shop.rates);
    let fetch = |(session, _): Cart| session.run("fetch").arg(url);
    shop.call(user, fetch).await
}

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry(); // before there is any other thread, so no `#[tokio::main]`
    tokio::runtime::Runtime::new()?.block_on(serve())
}

async fn serve() -> anyhow::Result<()> {
    // The only origin that the plug-in may ask. It is on this machine, so the rule says so.
    let bank = TcpListener::bind("127.0.0.1:0").await?;
    let rates = format!("http://{}", bank.local_addr()?);
    let rule = HttpRule::new(format!("{rates}/rates/*")).allow_private();
    let currencies = Router::new().route("/rates/{currency}", get(async || "1.07"));
    tokio::spawn(async { axum::serve(bank, currencies).await });
    let catalog = Imports::new().func("lookup", |name: String| match name.as_str() {
        "apple" => Ok(Some(Product { name, price: 50 })),
        "plum" => Err("plums are out of season"),
        _ => Ok(None),
    });
    let pool = Pool::builder().processes(2).timeout(Duration::from_secs(2));
    let pool = pool.import("acme:shop/catalog", catalog).http(rule);
    let pool = pool.build()?;
    let plugin = pool.load_async(common::guest("plugin")).await?;
    let shop = Shop {
        pool,
        plugin,
        rates,
        carts: Arc::default(),
        refusals: Arc::default(),
    };
    let app = Router::new()
        .route("/{user}/add/{name}", get(add))
        .route("/{user}/fetch/{*path}", get(fetch))
        .with_state(shop);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
