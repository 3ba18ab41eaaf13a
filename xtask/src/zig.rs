//! A C compiler for wasm: zig's, which PyPI carries as a package of Python's.
//!
//! It lives in a virtual environment under `target/`, so nothing is installed on the
//! machine. Where there is no Python that can make one, the guest that needs it is left out.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{on_path, root, run};

/// Exactly this version, whose results are known.
const PACKAGE: &str = "ziglang==0.17.1";

/// What Debian's python3 lacks for a virtual environment.
const DEBIAN_PACKAGE: &str = "python3-venv";

/// The folder of the guest's compiler, which calls zig's: `cc.py` and what it reads.
const ENGINE: &str = "guest-tasks/javascript/engine";

/// The compiler, ready to be used.
pub struct Zig {
    /// Programs `cc` and `ar`, as the crate `cc` wants them.
    programs: PathBuf,
    /// Where zig keeps what it compiled of its own.
    cache: PathBuf,
}

impl Zig {
    /// Finds the compiler, and gets it first where it is missing; an error says in a line
    /// why there is none.
    pub fn ensure() -> Result<Self, String> {
        let folder = root().join("target/zig");
        let environment = folder.join("venv");
        // Written last, so that an installation that was interrupted begins again.
        let installed = folder.join(PACKAGE);
        if !installed.is_file() {
            install(&environment)?;
            fs::write(&installed, "").map_err(|e| cannot_write(&installed, &e))?;
        }
        let programs = programs(&folder, &environment.join("bin/python"))?;
        Ok(Zig {
            programs,
            cache: folder.join("cache"),
        })
    }

    /// Lets a cargo compile C for this target by it.
    pub fn compile_with(&self, cargo: &mut Command, target: &str) {
        let target = target.replace('-', "_");
        cargo
            .env(format!("CC_{target}"), self.programs.join("cc"))
            .env(format!("AR_{target}"), self.programs.join("ar"))
            .env("ZIG_GLOBAL_CACHE_DIR", &self.cache)
            // Without this, rquickjs downloads a compiler.
            .env("RQUICKJS_SYS_NO_WASI_SDK", "1");
    }
}

/// Makes the virtual environment, and gets the package from PyPI.
fn install(environment: &Path) -> Result<(), String> {
    let python = on_path("python3").ok_or("its C compiler comes by `python3`, which is missing")?;
    let mut venv = Command::new(python);
    run(venv.args(["-m", "venv", "--clear"]).arg(environment))
        .map_err(|e| format!("{e:#} (on Debian, `apt-get install {DEBIAN_PACKAGE}` helps)"))?;
    let mut pip = Command::new(environment.join("bin/python"));
    let pip = pip.args(["-m", "pip", "install", "--quiet", PACKAGE]);
    run(pip).map_err(|e| format!("{e:#}"))
}

/// Writes the programs that cargo's build scripts call. Their folder is named after what is
/// in the engine's: a build script runs again when the compiler's path is another, and
/// would not see that a change of the engine's is.
fn programs(folder: &Path, python: &Path) -> Result<PathBuf, String> {
    let engine = root().join(ENGINE);
    let mut hasher = DefaultHasher::new();
    for name in ["cc.py", "changes.py", "extra.c"] {
        let path = engine.join(name);
        let content =
            fs::read(&path).map_err(|e| format!("cannot read `{}`: {e}", path.display()))?;
        content.hash(&mut hasher);
    }
    let programs = folder.join(format!("{:016x}", hasher.finish()));
    let python = python.display();
    let cc = format!(
        "#!/bin/sh\nexec '{python}' -B '{}' \"$@\"\n",
        engine.join("cc.py").display()
    );
    let ar = format!("#!/bin/sh\nexec '{python}' -m ziglang ar \"$@\"\n");
    fs::create_dir_all(&programs).map_err(|e| cannot_write(&programs, &e))?;
    for (name, content) in [("cc", cc), ("ar", ar)] {
        let path = programs.join(name);
        if fs::read_to_string(&path).is_ok_and(|old| old == content) {
            continue;
        }
        fs::write(&path, content)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
            .map_err(|e| cannot_write(&path, &e))?;
    }
    Ok(programs)
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!("cannot write `{}`: {error}", path.display())
}
