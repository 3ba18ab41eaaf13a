//! The names of settings in the library, and the flag by which the command sets it. The
//! library's errors name settings; here they get the flags' names.

use sandpool::value::with_causes;
use sandpool::{LimitHit, LoadError, Origin};

/// The flags, by the settings that they set.
const FLAGS: [(&str, &str); 15] = [
    ("timeout", "--timeout"),
    ("cpu_time", "--cpu-time"),
    ("fuel", "--fuel"),
    ("memory", "--memory"),
    ("process_memory", "--process-memory"),
    ("host_call_memory", "--host-call-memory"),
    ("stdout_limit", "--stdout-limit"),
    ("stderr_limit", "--stderr-limit"),
    ("log_limit", "--log-limit"),
    ("arguments_limit", "--arguments-limit"),
    ("result_limit", "--result-limit"),
    ("module_size", "--module-size"),
    ("compile_timeout", "--compile-timeout"),
    ("compile_cpu_time", "--compile-cpu-time"),
    ("compile_memory", "--compile-memory"),
];

/// The flag that raises a limit, where there is one.
pub fn flag_of(limit: &LimitHit) -> Option<&'static str> {
    let setting = limit.name.setting()?;
    let found = FLAGS.iter().find(|(of, _)| *of == setting);
    found.map(|(_, flag)| *flag)
}

/// A limit that was hit, in one line: who set it here, and by which flag it is raised.
pub fn hit(limit: &LimitHit) -> String {
    let origin = match limit.origin {
        Origin::Default => "default",
        // All that this command sets, it sets by its flags.
        Origin::Pool | Origin::Call => "set by the flag",
    };
    let advice = flag_of(limit).map(|flag| format!("raise it with `{flag}`"));
    limit.line(origin, advice.as_deref())
}

/// An error of the library's that tells of a limit, with the flag's name.
pub fn by_flag(error: &str, limit: &LimitHit) -> String {
    error.replacen(&limit.to_string(), &hit(limit), 1)
}

/// A text of the library's that may tell of limits, with the flags' names: for those that
/// tell of them in words alone, as why no worker starts.
pub fn in_flags(text: &str) -> String {
    let mut told = text.to_owned();
    for (setting, flag) in FLAGS {
        let advice = format!("the setting `{setting}` raises it");
        if !told.contains(&advice) {
            continue;
        }
        told = told.replace(&advice, &format!("raise it with `{flag}`"));
        for origin in [Origin::Pool, Origin::Call] {
            told = told.replacen(&format!("({origin})"), "(set by the flag)", 1);
        }
    }
    told
}

/// Why a module cannot be loaded, in a line, with the flags that would change that.
pub fn load_error(error: &LoadError) -> String {
    let text = with_causes(error);
    if let Some(limit) = error.limit() {
        return by_flag(&text, limit);
    }
    let names: Vec<_> = error.features().iter().map(|one| one.name()).collect();
    let them = match names.len() {
        0 => return text,
        1 => "it",
        _ => "them",
    };
    let setting = format!("the setting `wasm_feature` allows {them}");
    let flag = format!("allow {them} with `--wasm {}`", names.join(","));
    text.replacen(&setting, &flag, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line;
    use sandpool::LimitName;

    #[test]
    fn every_limit_that_has_a_setting_has_a_flag_that_is_there() {
        use LimitName::*;
        let named = [
            Timeout,
            CpuTime,
            Fuel,
            Memory,
            ProcessMemory,
            HostCalls,
            Stdout,
            Stderr,
            Log,
            Arguments,
            Result,
            ModuleSize,
            CompileTimeout,
            CompileCpuTime,
            CompileMemory,
        ];
        let settings = named.map(|name| name.setting().unwrap_or_default());
        assert_eq!(settings, FLAGS.map(|(setting, _)| setting));
        let command = command_line();
        let apply = command.find_subcommand("apply").expect("it is there");
        let flags: Vec<_> = apply
            .get_arguments()
            .filter_map(clap::Arg::get_long)
            .collect();
        for (setting, flag) in FLAGS {
            let name = flag.trim_start_matches("--");
            assert!(flags.contains(&name), "{setting}: {flag}");
        }
    }

    #[test]
    fn a_limit_was_set_by_a_flag_and_is_raised_by_it() {
        let limit = |origin| LimitHit {
            name: LimitName::Timeout,
            value: "1s".into(),
            origin,
            place: Some("in `the setting `timeout` raises it`".into()),
        };
        assert_eq!(
            hit(&limit(Origin::Pool)),
            "ran past 1s (set by the flag), in `the setting `timeout` raises it`; raise it with \
             `--timeout`"
        );
        let limit = limit(Origin::Default);
        let error = format!("cannot load `x`: {limit} (so)");
        let expected = format!("cannot load `x`: {} (so)", hit(&limit));
        assert_eq!(by_flag(&error, &limit), expected);
        let lost = "no worker starts: its process asked for more memory than 1MiB (set for the \
                    pool); the setting `process_memory` raises it";
        assert_eq!(
            in_flags(lost),
            "no worker starts: its process asked for more memory than 1MiB (set by the flag); \
             raise it with `--process-memory`"
        );
        assert_eq!(in_flags("(set for the pool)"), "(set for the pool)");
        let none = LimitHit {
            name: LimitName::Tables,
            value: "40".into(),
            origin: Origin::Default,
            place: None,
        };
        assert_eq!(hit(&none), "asked for more tables than 40 (default)");
    }
}
