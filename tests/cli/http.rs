//! `--http` and its flags: requests are granted by them, told in results, and nothing of a
//! secret is shown. Python and JavaScript have them too.

use super::{COMPILING, CommandLine, Folder, sandpool};
use crate::support::http_server::HttpServer;
use crate::support::{is_built, test, test_alone_for};

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

/// `sandpool eval` of a snippet that asks for a URL: once as Python, once as JavaScript.
fn asking(url: &str, flags: &[&str]) -> [CommandLine; 2] {
    let python = format!("import urllib.request\nurllib.request.urlopen('{url}').read().decode()");
    let javascript = format!("const answer = await fetch('{url}'); await answer.text()");
    [("python", python), ("javascript", javascript)].map(|(language, code)| {
        let words = ["eval", "--lang", language]
            .into_iter()
            .chain(flags.iter().copied());
        sandpool(words.chain([code.as_str()])).deadline(COMPILING)
    })
}

#[test]
fn python_and_javascript_ask_a_server_that_a_flag_grants() {
    let _test = test_alone_for(COMPILING);
    if !is_built("python") || !is_built("javascript") {
        return;
    }
    let server = HttpServer::start();
    let rule = all_of(&server);
    for command in asking(&server.url("/hello"), &["--http", &rule]) {
        let ended = command.run();
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        assert_eq!(ended.text(), "\"hello\"\n");
    }
    assert_eq!(server.requests(), 2);
}

#[test]
fn python_and_javascript_are_told_which_flag_grants_a_request() {
    let _test = test_alone_for(COMPILING);
    if !is_built("python") || !is_built("javascript") {
        return;
    }
    let server = HttpServer::start();
    let url = server.url("/hello");
    let other = format!("GET {} private", server.url("/other"));
    let told = format!(
        "not available in this sandbox: GET {url} was not granted (the host can grant it with `--http 'GET {url}'`)"
    );
    for flags in [&[][..], &["--http", &other]] {
        for command in asking(&url, flags) {
            let ended = command.run();
            assert_eq!(ended.code(), 1, "{}", ended.stderr);
            assert!(ended.stderr.contains(&told), "{}", ended.stderr);
        }
    }
    assert_eq!(server.requests(), 0);
}

/// Runs JavaScript that may do everything with a server, and returns what it prints.
fn javascript(server: &HttpServer, code: &str) -> String {
    let words = ["eval", "--lang", "js", "--http", &all_of(server), code];
    let ended = sandpool(words).deadline(COMPILING).run();
    assert_eq!(ended.code(), 0, "{code}: {}", ended.stderr);
    ended.text().to_owned()
}

#[test]
fn fetch_sends_bodies_follows_redirects_and_can_be_aborted() {
    let _test = test_alone_for(COMPILING);
    if !is_built("javascript") {
        return;
    }
    let server = HttpServer::start();
    let echo = format!(
        "await (await fetch('{}', {{ method: 'POST', body: JSON.stringify([1, 'é']) }})).json()",
        server.url("/echo")
    );
    assert_eq!(javascript(&server, &echo), "[1,\"é\"]\n");
    let url = server.url("/redirect");
    let followed = format!("const r = await fetch('{url}'); [r.redirected, r.url, await r.text()]");
    let hello = server.url("/hello");
    assert_eq!(
        javascript(&server, &followed),
        format!("[true,\"{hello}\",\"hello\"]\n")
    );
    let manual = format!(
        "const r = await fetch('{url}', {{ redirect: 'manual' }}); [r.status, r.headers.get('Location')]"
    );
    assert_eq!(javascript(&server, &manual), "[302,\"/hello\"]\n");
    let never = server.url("/never");
    let aborted = format!(
        "try {{ await fetch('{never}', {{ signal: AbortSignal.timeout(50) }}) }} catch (e) {{ result = e.name }}\nresult"
    );
    assert_eq!(javascript(&server, &aborted), "\"TimeoutError\"\n");
}

#[test]
fn fetches_run_at_once_beside_timers_and_the_snippet_ends_after_them() {
    let _test = test_alone_for(COMPILING);
    if !is_built("javascript") {
        return;
    }
    let server = HttpServer::start();
    let meet = server.url("/meet/3");
    let all = format!(
        "(await Promise.all([1, 2, 3].map(async () => (await fetch('{meet}')).text()))).join()"
    );
    assert_eq!(javascript(&server, &all), "\"met,met,met\"\n");
    assert_eq!(server.most_at_once(), 3);
    // Nothing awaits it, and it is there all the same when the snippet has ended.
    let hello = server.url("/hello");
    let unawaited = format!(
        "fetch('{hello}').then(r => r.text()).then(console.log); setTimeout(() => console.log('timer'), 500); 1"
    );
    assert_eq!(javascript(&server, &unawaited), "hello\ntimer\n1\n");
}
