//! The answers of WASI itself, without a library between that may know better.

use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};
use wasip2::io::streams::StreamError;
use wasip2::random::random::get_random_u64;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;

pub fn given_dirs() -> Vec<String> {
    get_directories()
        .into_iter()
        .map(|(_, path)| path)
        .collect()
}

/// The directory that was given with this path.
fn given(path: &str) -> Result<Descriptor, String> {
    let found = get_directories()
        .into_iter()
        .find(|(_, known)| known == path);
    let (directory, _) = found.ok_or_else(|| format!("`{path}` was not given"))?;
    Ok(directory)
}

fn told(path: &str) -> impl Fn(ErrorCode) -> String {
    move |error| format!("`{path}`: {}", error.name())
}

pub fn read(directory: &str, path: &str) -> Result<String, String> {
    let directory = given(directory)?;
    let (follow, none) = (PathFlags::SYMLINK_FOLLOW, OpenFlags::empty());
    let file = directory.open_at(follow, path, none, DescriptorFlags::READ);
    text_of(&file.map_err(told(path))?, path)
}

/// Reads to the end, and never asks the stream to wait.
fn text_of(file: &Descriptor, path: &str) -> Result<String, String> {
    let stream = file.read_via_stream(0).map_err(told(path))?;
    let mut bytes = Vec::new();
    loop {
        match stream.read(4096) {
            Ok(more) if more.is_empty() => stream.subscribe().block(),
            Ok(more) => bytes.extend(more),
            Err(StreamError::Closed) => break,
            Err(error) => return Err(format!("`{path}`: {error:?}")),
        }
    }
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

pub fn stream_through(directory: &str, path: &str, text: &str) -> Result<String, String> {
    let directory = given(directory)?;
    let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
    let file = directory
        .open_at(PathFlags::empty(), path, OpenFlags::CREATE, flags)
        .map_err(told(path))?;
    let (start, end) = text.split_at(text.len() / 2);
    let stream = file.write_via_stream(0).map_err(told(path))?;
    let broken = |error| format!("`{path}`: {error:?}");
    for chunk in start.as_bytes().chunks(1000) {
        while stream.check_write().map_err(broken)? < chunk.len() as u64 {
            stream.subscribe().block();
        }
        stream.write(chunk).map_err(broken)?;
    }
    stream.blocking_flush().map_err(broken)?;
    drop(stream);
    let stream = file.append_via_stream().map_err(told(path))?;
    for chunk in end.as_bytes().chunks(1000) {
        stream.blocking_write_and_flush(chunk).map_err(broken)?;
    }
    drop(stream);
    text_of(&file, path)
}

/// A link in the first directory that the path begins with. Not every version
/// of the standard library for this target makes symbolic links.
pub fn symlink(target: &str, path: &str) -> Result<(), String> {
    for (directory, given) in get_directories() {
        let below = path.strip_prefix(given.trim_end_matches('/'));
        if let Some(name) = below.and_then(|below| below.strip_prefix('/')) {
            return directory.symlink_at(target, name).map_err(told(path));
        }
    }
    Err(format!("`{path}` is in no directory that was given"))
}

pub fn given_freely() -> (u64, bool) {
    let before = monotonic_clock::now();
    let differ = get_random_u64() != get_random_u64();
    let seconds = wall_clock::now().seconds;
    while monotonic_clock::now() == before {}
    (seconds, differ)
}

pub fn look_up(host: &str) -> Result<String, String> {
    let told = |error: wasip2::sockets::network::ErrorCode| format!("`{host}`: {}", error.name());
    let addresses = resolve_addresses(&instance_network(), host).map_err(told)?;
    loop {
        match addresses.resolve_next_address() {
            Ok(Some(address)) => return Ok(format!("{address:?}")),
            Ok(None) => return Err(format!("`{host}` has no address")),
            Err(wasip2::sockets::network::ErrorCode::WouldBlock) => addresses.subscribe().block(),
            Err(error) => return Err(told(error)),
        }
    }
}
