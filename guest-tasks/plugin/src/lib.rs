//! A plug-in of a shop, as somebody may write it whom the shop does not trust: carts that
//! live in a session, prices that the host tells, and a request to whatever host it is told.

mod fetch;

use std::cell::RefCell;

wit_bindgen::generate!({ path: "wit", world: "plugin" });

use acme::shop::catalog::{Product, lookup};
use exports::acme::shop::cart::{Change, Guest, GuestBasket};

struct Plugin;

impl Guest for Plugin {
    type Basket = Basket;

    fn fetch(url: String) -> Result<(u16, String), String> {
        fetch::get(&url)
    }
}

export!(Plugin);

/// The products in a cart, each with its count.
type Content = Vec<(Product, u32)>;

struct Basket {
    owner: String,
    content: RefCell<Content>,
}

impl GuestBasket for Basket {
    fn new(owner: String) -> Self {
        Basket {
            owner,
            content: RefCell::default(),
        }
    }

    fn apply(&self, change: Change) -> Result<u32, String> {
        let mut content = self.content.borrow_mut();
        match change {
            Change::Add((name, count)) => add(&mut content, &name, count)?,
            Change::Remove(name) => content.retain(|(product, _)| product.name != name),
            Change::Clear => content.clear(),
        }
        let total = content.iter().try_fold(0_u32, |total, (product, count)| {
            total.checked_add(product.price.checked_mul(*count)?)
        });
        total.ok_or_else(|| "the total is beyond all measure".to_owned())
    }

    fn content(&self) -> Content {
        self.content.borrow().clone()
    }

    fn owner(&self) -> String {
        self.owner.clone()
    }
}

fn add(content: &mut Content, name: &str, count: u32) -> Result<(), String> {
    let known = content.iter_mut().find(|(product, _)| product.name == name);
    if let Some((_, known)) = known {
        *known = known.checked_add(count).ok_or("too many of them")?;
        return Ok(());
    }
    let product = lookup(name)?.ok_or_else(|| format!("nobody sells `{name}`"))?;
    content.push((product, count));
    Ok(())
}
