//! Layers that are missing: who is told, and who refuses to run.

use std::sync::mpsc::channel;

use sandpool::{Error, Layer, LayerState, Sandbox, Verdict};

use crate::support::{open, pool, test, wat};

#[test]
fn every_layer_holds_on_this_machine_or_says_why_it_does_not() {
    let _test = test();
    let report = pool().probe_sandbox(None).expect("probed").report;
    let layers: Vec<_> = report.layers.iter().map(|report| report.layer).collect();
    assert_eq!(layers, Layer::ALL);
    for gap in report.gaps() {
        let (LayerState::Partial(why) | LayerState::Missing(why)) = &gap.state else {
            panic!("{gap}");
        };
        assert!(!why.is_empty(), "{gap}");
    }
    // Every machine has these layers.
    for layer in [
        Layer::NoNewPrivileges,
        Layer::ResourceLimits,
        Layer::Seccomp,
    ] {
        assert_eq!(report.state(layer), Some(&LayerState::Held), "{layer}");
    }
}

#[test]
fn each_layer_can_be_left_out_and_the_others_still_hold() {
    let _test = test();
    let all = pool().probe_sandbox(None).expect("probed").report;
    for left_out in Layer::ALL {
        // The namespaces of an ordinary user's child come with his.
        if [Layer::PidNamespace, Layer::UserNamespace].contains(&left_out) && !super::is_root() {
            continue;
        }
        let builder = pool().without_layers(&[left_out]);
        let report = builder.probe_sandbox(None).expect("probed").report;
        for layer in Layer::ALL {
            match layer == left_out {
                true => assert!(matches!(report.state(layer), Some(LayerState::Missing(_)))),
                false => assert_eq!(report.state(layer), all.state(layer), "no {left_out}"),
            }
        }
    }
}

#[test]
fn a_strict_sandbox_refuses_to_run_without_a_layer_and_names_it() {
    let _test = test();
    let builder = pool().sandbox(Sandbox::Strict);
    let error = builder
        .without_layers(&[Layer::CgroupNamespace, Layer::Landlock])
        .build()
        .expect_err("refused");
    assert!(matches!(error, Error::Sandbox { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("cgroup-namespace, landlock"), "{text}");
}

#[test]
fn an_incomplete_sandbox_is_told_once_and_the_pool_works() {
    let _test = test();
    let (told, heard) = channel();
    let builder = pool().processes(2).cache(false);
    let pool = open(
        builder
            .without_layers(&[Layer::UtsNamespace])
            .on_sandbox_gap(move |report| {
                let _ = told.send(report.missing().map(|gap| gap.layer).collect::<Vec<_>>());
            }),
    );
    let module = pool.wat(wat::ADD);
    for outcome in pool.map::<i32>(&module, "add", [(1, 2); 20]).expect("sent") {
        assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
    }
    let missing: Vec<_> = heard.try_iter().collect();
    assert_eq!(missing.len(), 1);
    assert!(missing[0].contains(&Layer::UtsNamespace));
    let report = pool.sandbox_report().expect("a child has reported");
    assert!(report.missing().count() >= 1);
}

#[test]
fn with_the_sandbox_off_nobody_is_told_and_tasks_run() {
    let _test = test();
    let (told, heard) = channel();
    let pool = open(
        pool()
            .processes(1)
            .sandbox(Sandbox::Off)
            .on_sandbox_gap(move |_| {
                let _ = told.send(());
            }),
    );
    assert_eq!(
        pool.apply::<i32>(&pool.wat(wat::ADD), "add", (1, 2))
            .expect("runs"),
        3
    );
    assert!(heard.try_recv().is_err());
    let worker = pool.worker_pids()[0];
    assert_eq!(super::status(worker)["NoNewPrivs"], "1");
    assert_eq!(super::filters(worker), super::filters(std::process::id()));
}

/// The worker of a pool without these layers, as the kernel describes it.
fn status_without(layers: &[Layer]) -> std::collections::BTreeMap<String, String> {
    let pool = open(
        pool()
            .processes(1)
            .without_layers(layers)
            .on_sandbox_gap(|_| {}),
    );
    super::status(pool.pid_of_a_task())
}

#[test]
fn what_is_left_out_is_not_put_on_all_the_same() {
    let _test = test();
    // Landlock and the filter ask for it, so they go with it.
    let users = [Layer::Landlock, Layer::Seccomp];
    assert_eq!(status_without(&users)["NoNewPrivs"], "1");
    let all = [Layer::Landlock, Layer::Seccomp, Layer::NoNewPrivileges];
    let ours = super::status(std::process::id());
    assert_eq!(status_without(&all)["NoNewPrivs"], ours["NoNewPrivs"]);
    let limit = |layers: &[Layer]| {
        let pool = open(
            pool()
                .processes(1)
                .without_layers(layers)
                .on_sandbox_gap(|_| {}),
        );
        let pid = pool.pid_of_a_task();
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("readable");
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max file size"));
        let words: Vec<_> = line.expect("a limit").split_whitespace().collect();
        words[3].to_owned()
    };
    assert_eq!(limit(&[]), "0");
    assert_ne!(limit(&[Layer::ResourceLimits]), "0");
}
