//! The guard with resolvers that lie. Nothing leaves this machine.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn run<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("a runtime");
    let limit = Duration::from_secs(20);
    let ended = runtime.block_on(async { timeout(limit, future).await });
    ended.expect("it ends in time")
}

/// A resolver with one answer for each question, the last of which it repeats; and the
/// number of questions.
fn in_turn(answers: &[&[&str]]) -> (impl Resolve + use<>, Arc<AtomicUsize>) {
    let answers: Vec<Vec<IpAddr>> = answers
        .iter()
        .map(|answer| answer.iter().map(|it| it.parse().expect(it)).collect())
        .collect();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let resolver = move |_: &str| {
        let index = count.fetch_add(1, Ordering::Relaxed);
        Ok(answers[index.min(answers.len() - 1)].clone())
    };
    (resolver, asked)
}

fn refusal(guard: &AddressGuard, host: &str) -> Option<&'static str> {
    match run(guard.connect(host, 9)) {
        Err(ConnectError::Refused { kind }) => Some(kind),
        _ => None,
    }
}

#[test]
fn an_address_of_this_machine_is_refused_in_every_spelling() {
    let guard = AddressGuard::new().resolver(|_: &str| panic!("an address is no name"));
    for host in [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7F.0.0.1",
        "0177.0.0.1",
        "0x7f.0.1",
        "①②⑦.0.0.1",
        "１２７。０。０。１",
        "0",
        "0.0.0.0",
        "0x0",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[0000::0001]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::FFFF:7F00:1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "[fe80::1]",
        "[fc00::1]",
        "[fec0::1]",
        "[ff02::1]",
        "10.0.0.1",
        "0xa000001",
        "172.16.0.1",
        "192.168.0.1",
        "3232235521",
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "[::ffff:a9fe:a9fe]",
        "[fd00:ec2::254]",
        "100.64.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        assert!(refusal(&guard, host).is_some(), "{host}");
    }
}

#[test]
fn a_name_with_one_refused_address_among_others_is_refused() {
    for answer in [
        &["127.0.0.1"][..],
        &["1.1.1.1", "127.0.0.1"],
        &["2606:4700::1111", "1.1.1.1", "::1"],
        &["1.1.1.1", "::ffff:10.0.0.1"],
    ] {
        let (resolver, asked) = in_turn(&[answer, &["1.1.1.1"]]);
        let guard = AddressGuard::new().resolver(resolver);
        assert!(refusal(&guard, "a.example").is_some(), "{answer:?}");
        assert_eq!(asked.load(Ordering::Relaxed), 1, "it is not asked again");
    }
}

#[test]
fn the_address_that_was_looked_at_is_the_one_that_is_connected_to() {
    // Two servers with one port: a second question would lead to the second.
    let first = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = first.local_addr().expect("an address").port();
    let second = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), port)).expect("the port");
    let (resolver, asked) = in_turn(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let guard = AddressGuard::new().resolver(resolver).allow_private();
    let stream = run(guard.connect("a.example", port)).expect("a connection");
    assert_eq!(
        stream.peer_addr().expect("an address"),
        first.local_addr().expect("its own")
    );
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    second.set_nonblocking(true).expect("a listener");
    assert!(second.accept().is_err(), "nobody came to the second");
}

#[test]
fn private_addresses_can_be_allowed_and_metadata_services_cannot() {
    let guard = AddressGuard::new().allow_private();
    for address in [
        "127.0.0.1",
        "10.0.0.1",
        "::1",
        "fd12::1",
        "fe80::1",
        "1.1.1.1",
    ] {
        assert_eq!(
            guard.refuses(address.parse().expect(address)),
            None,
            "{address}"
        );
    }
    for address in [
        "169.254.169.254",
        "fd00:ec2::254",
        "0.0.0.0",
        "::ffff:127.0.0.1",
    ] {
        let refused = guard.refuses(address.parse().expect(address));
        assert!(refused.is_some(), "{address}");
    }
    let (resolver, _) = in_turn(&[&["127.0.0.1", "169.254.169.254"]]);
    let refused = refusal(&guard.resolver(resolver), "a.example");
    assert_eq!(refused, Some("the address of a metadata service"));
}

#[test]
fn an_address_of_this_machines_own_interfaces_is_refused_though_it_is_global() {
    let address: IpAddr = "1.1.1.1".parse().expect("an address");
    let guard = AddressGuard::new();
    assert_eq!(guard.refuses_with(address, &[]), None);
    let refused = guard.refuses_with(address, &[address]);
    assert_eq!(refused, Some("an address of this machine"));
    let translated = "64:ff9b::1.1.1.1".parse().expect("an address");
    assert_eq!(guard.refuses_with(translated, &[]), None);
    assert!(guard.refuses_with(translated, &[address]).is_some());
    assert_eq!(
        guard.allow_private().refuses_with(address, &[address]),
        None
    );
    for address in own_addresses().expect("a list") {
        assert!(AddressGuard::new().refuses(address).is_some(), "{address}");
    }
}

#[test]
fn a_resolver_that_never_answers_does_not_hold_the_guard() {
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let resolver = move |_: &str| {
        let _ = held.lock().expect("no panic").recv();
        Ok(Vec::new())
    };
    let guard = AddressGuard::new()
        .resolver(resolver)
        .time_limit(Duration::from_millis(50));
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("a runtime");
    let ended = runtime.block_on(guard.connect("a.example", 9));
    assert!(
        matches!(ended, Err(ConnectError::ResolveTimedOut)),
        "{ended:?}"
    );
    drop(let_go);
}

#[test]
fn the_next_address_is_tried_when_one_refuses() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = server.local_addr().expect("an address").port();
    let (resolver, _) = in_turn(&[&["127.0.0.3", "127.0.0.1"]]);
    let guard = AddressGuard::new().resolver(resolver).allow_private();
    let stream = run(guard.connect("a.example", port)).expect("a connection");
    assert_eq!(
        stream.peer_addr().expect("an address").ip(),
        Ipv4Addr::LOCALHOST
    );
    drop(server);
    let refused = run(guard.connect("a.example", port));
    assert!(
        matches!(refused, Err(ConnectError::Connect { .. })),
        "{refused:?}"
    );
    let none = AddressGuard::new().resolver(|_: &str| Ok(Vec::new()));
    assert!(matches!(
        run(none.connect("a.example", 9)),
        Err(ConnectError::NoAddress)
    ));
    assert!(matches!(
        run(none.connect("a b", 9)),
        Err(ConnectError::Host)
    ));
}
