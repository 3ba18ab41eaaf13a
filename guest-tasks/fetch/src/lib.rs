//! Outgoing HTTP requests of every kind.

mod request;

wit_bindgen::generate!({ path: "wit", world: "fetch" });

use request::{Pending, begin, fields};

struct Fetch;

impl Guest for Fetch {
    fn get(url: String) -> Result<Response, String> {
        begin("GET", &url, &[], 0)?.response()
    }

    fn send(
        method: String,
        url: String,
        headers: Vec<(String, String)>,
        size: u64,
    ) -> Result<Response, String> {
        begin(&method, &url, &headers, size)?.response()
    }

    fn get_all(urls: Vec<String>) -> Vec<Result<u16, String>> {
        let begun: Vec<_> = urls.iter().map(|url| begin("GET", url, &[], 0)).collect();
        let responses = begun.into_iter().map(|begun| begun?.response());
        responses
            .map(|response| response.map(|response| response.status))
            .collect()
    }

    fn get_heads(url: String, count: u32) -> Result<u32, String> {
        let begun = (0..count).map(|_| begin("GET", &url, &[], 0));
        let begun: Vec<Pending> = begun.collect::<Result<_, _>>()?;
        let heads = begun.iter().map(Pending::head);
        let heads: Vec<_> = heads.collect::<Result<_, _>>()?;
        Ok(heads.len() as u32)
    }

    fn begin(url: String, count: u32) -> u32 {
        let begun: Vec<_> = (0..count).map(|_| begin("GET", &url, &[], 0)).collect();
        begun.iter().filter(|begun| begun.is_ok()).count() as u32
    }

    fn make_fields(count: u32, size: u32) -> u32 {
        let value = "x".repeat(size as usize);
        let made: Vec<_> = (0..count)
            .map(|_| fields(&[("x".to_owned(), value.clone())]))
            .collect();
        made.iter().filter(|made| made.is_ok()).count() as u32
    }
}

export!(Fetch);
