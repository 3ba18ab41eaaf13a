//! Nothing: what comes with any task of a module that uses Rust's standard library.
//! For `sandpool bench --guest`.

wit_bindgen::generate!({ path: "wit", world: "empty" });

struct Empty;

impl Guest for Empty {
    fn empty(n: u32) -> u32 {
        // For this it imports what nearly all modules import.
        if n == u32::MAX {
            println!("the largest number there is");
        }
        n
    }
}

export!(Empty);
