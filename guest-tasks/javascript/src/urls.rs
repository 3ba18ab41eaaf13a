//! URLs as browsers read them, by the crate `url`. A URL is its own text here: what is
//! asked of one is read from it again.

use url::{Url, form_urlencoded, quirks};

/// Returns the normal form of a URL; none if it is not valid.
pub fn parse(text: &str, base: Option<&str>) -> Option<String> {
    let base = base.map(Url::parse).transpose().ok()?;
    let url = Url::options().base_url(base.as_ref()).parse(text).ok()?;
    Some(url.into())
}

/// Returns a part by the name that it has in JavaScript.
pub fn part(href: &str, name: &str) -> String {
    let Ok(url) = Url::parse(href) else {
        return String::new();
    };
    match name {
        "origin" => quirks::origin(&url),
        "protocol" => quirks::protocol(&url).to_owned(),
        "username" => quirks::username(&url).to_owned(),
        "password" => quirks::password(&url).to_owned(),
        "host" => quirks::host(&url).to_owned(),
        "hostname" => quirks::hostname(&url).to_owned(),
        "port" => quirks::port(&url).to_owned(),
        "pathname" => quirks::pathname(&url).to_owned(),
        "search" => quirks::search(&url).to_owned(),
        "hash" => quirks::hash(&url).to_owned(),
        _ => String::new(),
    }
}

/// Returns the URL with another part; as it was where the part does not fit.
pub fn with_part(href: &str, name: &str, value: &str) -> String {
    let Ok(mut url) = Url::parse(href) else {
        return href.to_owned();
    };
    let done = match name {
        "protocol" => quirks::set_protocol(&mut url, value),
        "username" => quirks::set_username(&mut url, value),
        "password" => quirks::set_password(&mut url, value),
        "host" => quirks::set_host(&mut url, value),
        "hostname" => quirks::set_hostname(&mut url, value),
        "port" => quirks::set_port(&mut url, value),
        "pathname" => {
            quirks::set_pathname(&mut url, value);
            Ok(())
        }
        "search" => {
            quirks::set_search(&mut url, value);
            Ok(())
        }
        "hash" => {
            quirks::set_hash(&mut url, value);
            Ok(())
        }
        _ => Err(()),
    };
    match done {
        Ok(()) => url.into(),
        Err(()) => href.to_owned(),
    }
}

/// Returns names and values of a query, alternating.
pub fn parse_query(text: &str) -> Vec<String> {
    form_urlencoded::parse(text.as_bytes())
        .flat_map(|(name, value)| [name.into_owned(), value.into_owned()])
        .collect()
}

/// Returns the query of names and values, alternating.
pub fn format_query(flat: &[String]) -> String {
    let pairs = flat.chunks_exact(2).map(|pair| (&pair[0], &pair[1]));
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}
