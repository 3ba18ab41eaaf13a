//! What the guest with C code is built by: zig's C compiler, and wasmtime, which runs the
//! guest once for its snapshot. PyPI carries both as packages of Python's.
//!
//! They live in a virtual environment under `target/`, so nothing is installed on the
//! machine. Where there is no Python that can make one, the guest that needs it is left out.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::command::{on_path, root, run};

/// Exactly these versions, whose results are known.
const PACKAGES: [&str; 2] = ["ziglang==0.17.1", "wasmtime==50.0.1"];

/// What Debian's python3 lacks for a virtual environment.
const DEBIAN_PACKAGE: &str = "python3-venv";

/// The folder of the guest's compiler, which calls zig's (`cc.py` and what it reads), and of
/// `snapshot.py`.
const ENGINE: &str = "guest-tasks/javascript/engine";

/// The compiler, ready to be used.
pub struct Zig {
    /// Programs `cc` and `ar`, as the crate `cc` wants them.
    programs: PathBuf,
    /// Where zig keeps what it compiled of its own.
    cache: PathBuf,
    /// The Python of the virtual environment.
    python: PathBuf,
}

impl Zig {
    /// Finds the compiler, and gets it first where it is missing; an error says in a line
    /// why there is none.
    pub fn ensure() -> Result<Self, String> {
        let folder = root().join("target/zig");
        let environment = folder.join("venv");
        let python = environment.join("bin/python");
        for package in PACKAGES {
            // Written last, so that an installation that was interrupted begins again.
            let installed = folder.join(package);
            if !installed.is_file() {
                install(package, &environment, &python)?;
                fs::write(&installed, "").map_err(|e| cannot_write(&installed, &e))?;
            }
        }
        Ok(Zig {
            programs: programs(&folder, &python)?,
            cache: folder.join("cache"),
            python,
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

    /// Writes a module that begins where the function `prepare` leaves `module`.
    pub fn take_snapshot(&self, module: &Path, snapshot: &Path) -> Result<()> {
        let mut python = Command::new(&self.python);
        python
            .args(["-B", "snapshot.py"])
            .args([module, snapshot])
            .current_dir(root().join(ENGINE));
        run(&mut python)
    }
}

/// Gets a package from PyPI, into the virtual environment, which is made first where no
/// package was installed yet.
fn install(package: &str, environment: &Path, python: &Path) -> Result<(), String> {
    if package == PACKAGES[0] {
        let python =
            on_path("python3").ok_or("its C compiler comes by `python3`, which is missing")?;
        let mut venv = Command::new(python);
        run(venv.args(["-m", "venv", "--clear"]).arg(environment))
            .map_err(|e| format!("{e:#} (on Debian, `apt-get install {DEBIAN_PACKAGE}` helps)"))?;
    }
    let mut pip = Command::new(python);
    let pip = pip.args(["-m", "pip", "install", "--quiet", package]);
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
