//! `--http` and its flags: requests are granted by them, told in results, and nothing of a
//! secret is shown.

use super::{Folder, sandpool};
use crate::support::http_server::HttpServer;
use crate::support::test;

/// The rule that allows everything of a server, as a flag has it.
fn all_of(server: &HttpServer) -> String {
    format!("GET,POST {} private", server.url("/*"))
}

#[test]
fn a_request_that_a_flag_grants_is_sent_and_told() {
    let _test = test();
    let server = HttpServer::start();
    let (rule, url) = (all_of(&server), server.url("/hello"));
    let granted = ["fetch.wasm", "get", "--http", &rule];
    let applied = sandpool(["apply"].iter().chain(&granted).chain(&[url.as_str()])).run();
    assert_eq!((applied.code(), applied.stderr.as_str()), (0, ""));
    assert!(
        applied.text().contains(r#""status":200"#),
        "{}",
        applied.text()
    );
    let mapped = sandpool(["map"].iter().chain(&granted)).input(format!("{url}\n{url}\n"));
    let mapped = mapped.run();
    assert_eq!(mapped.code(), 0, "{}", mapped.stderr);
    let told = format!(
        r#""http":[{{"method":"GET","origin":"{}","status":200,"sent":0,"bytes":5}}]"#,
        server.origin()
    );
    let lines = mapped.lines();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line.contains(&told)), "{lines:?}");
}

#[test]
fn a_request_that_no_flag_grants_is_refused_with_a_hint() {
    let _test = test();
    let server = HttpServer::start();
    let applied = sandpool(["apply", "fetch.wasm", "get", &server.url("/hello")]).run();
    assert_eq!(applied.code(), 1);
    let refused = format!("refused: HTTP request GET {}", server.origin());
    assert!(applied.stderr.contains(&refused), "{}", applied.stderr);
    assert!(
        applied.stderr.contains("hint: `--http"),
        "{}",
        applied.stderr
    );
    assert_eq!(server.requests(), 0);
}

#[test]
fn limits_of_requests_are_flags() {
    let _test = test();
    let server = HttpServer::start();
    let rule = all_of(&server);
    let url = server.url("/size/2000");
    let flags = ["apply", "fetch.wasm", "get", &url, "--http", &rule];
    for (limit, error) in [
        (["--http-bytes", "1KiB"], "HttpResponseBodySize"),
        (["--http-requests", "0"], "ConnectionLimitReached"),
    ] {
        let applied = sandpool(flags.iter().chain(&limit)).run();
        assert_eq!(applied.code(), 1, "{limit:?}");
        assert!(applied.stderr.contains(error), "{}", applied.stderr);
    }
    let lifted = ["--http-bytes", "none", "--http-requests", "none"];
    assert_eq!(sandpool(flags.iter().chain(&lifted)).run().code(), 0);
}

#[test]
fn a_header_comes_from_a_variable_or_a_file_and_is_not_in_errors() {
    let _test = test();
    let folder = Folder::new();
    folder.file("token", "Bearer s3cr3t\n");
    let file = format!("file:{}", folder.path().join("token").display());
    let rule = "https://127.0.0.1:1/*";
    let granted = format!("GET {rule} private");
    for value in ["env:TOKEN", &file] {
        let header = format!("{rule}: authorization={value}");
        let flags = ["--http", &granted, "--http-header", &header];
        let url = "https://127.0.0.1:1/";
        let run = |command: &str| {
            let line = [command, "fetch.wasm", "get"].into_iter().chain(flags);
            sandpool(line.chain([url]))
                .env("TOKEN", "Bearer s3cr3t")
                .run()
        };
        let applied = run("apply");
        assert_eq!(applied.code(), 1);
        assert!(
            applied.stderr.contains("ConnectionRefused"),
            "{}",
            applied.stderr
        );
        assert!(!applied.stderr.contains("s3cr3t"), "{}", applied.stderr);
    }
}

#[test]
fn flags_that_make_no_sense_are_told_in_one_line() {
    let _test = test();
    let line = |flags: &[&str]| {
        let words = ["apply", "fetch.wasm", "get", "https://a.example/"];
        let ended = sandpool(words.iter().chain(flags)).run();
        assert_eq!(ended.code(), 2, "{flags:?}: {}", ended.stderr);
        ended.stderr
    };
    for rule in [
        "",
        "https://a.example/",
        "GET a.example",
        "TRACE https://a.example/",
    ] {
        line(&["--http", rule]);
    }
    let unset = "GET https://a.example/";
    let header = "https://a.example/: x=env:SURELY_NOT_SET";
    let told = line(&["--http", unset, "--http-header", header]);
    assert!(told.contains("`SURELY_NOT_SET`"), "{told}");
    let told = line(&["--http-header", "https://b.example/: x=file:/dev/null"]);
    assert!(told.contains("no `--http` allows"), "{told}");
    let told = line(&[
        "--http",
        unset,
        "--http-header",
        "https://a.example/: x=secret",
    ]);
    assert!(told.contains("cannot stand there"), "{told}");
}

#[test]
fn inspect_tells_the_flag_that_a_module_needs_for_its_requests() {
    let _test = test();
    let shown = sandpool(["inspect", "fetch.wasm"]).run();
    assert_eq!(shown.code(), 0, "{}", shown.stderr);
    let handler = shown
        .lines()
        .into_iter()
        .find(|line| line.contains("outgoing-handler"));
    assert!(handler.is_some_and(|line| line.ends_with("only with `--http`")));
}
