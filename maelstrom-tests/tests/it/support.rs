//! What the tests of eddy's commands share.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The `eddy` program.
pub(crate) fn eddy() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_eddy"))
}

/// The directory of the binaries, with the nodes built. Cargo builds only the binary of the package
/// under test, so the others are built here, once.
pub(crate) fn binaries() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let directory = eddy().parent().expect("eddy is in a directory");
        let mut cargo = Command::new(env!("CARGO"));
        // The whole workspace, because another selection might mean other features, and with them
        // everything built once more.
        cargo.args(["build", "--quiet", "--bins", "--workspace"]);
        if directory.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo runs").success(), "the nodes cannot be built");
        directory.to_owned()
    })
}

/// Runs `eddy` and returns exit status, stdout and stderr.
pub(crate) fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(eddy()).args(args).output().expect("eddy starts");
    let text = |bytes| String::from_utf8(bytes).expect("eddy writes UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// Writes a node as a shell script.
pub(crate) fn write_script(path: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, format!("#!/bin/sh\n{script}\n")).expect("the script can be written");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, executable).expect("the script can be made executable");
}

/// A fresh directory that goes with the value.
#[derive(Debug)]
pub(crate) struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    pub(crate) fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a directory can be made");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
