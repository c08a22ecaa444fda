//! `eddy new`: a small node to begin with, in one of several languages. It serves echo and unique-ids
//! well, and broadcast as long as nothing is lost, so that there is something to mend.

mod language;

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args as ClapArgs;
use include_dir::{Dir, include_dir};

pub use self::language::Language;
use crate::command_line::quote;

/// The files of all languages as they were when this was built.
static SKELETONS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/skeletons");

/// What a manifest ends with here that must not be taken for a package of this project.
const DISGUISE: &str = ".in";

/// Arguments of `eddy new`.
#[derive(Clone, Debug, ClapArgs)]
#[command(after_help = "\
Example:
  eddy new my-node --lang python
  eddy check-node my-node/node.py -w broadcast")]
pub struct Args {
    /// The directory to make
    #[arg(value_name = "NAME")]
    name: PathBuf,

    /// The language
    #[arg(long, value_name = "LANGUAGE")]
    lang: Language,
}

/// Writes the files and prints what to do with them. The exit status is 2 if they could not be
/// written.
pub fn run(args: &Args) -> ExitCode {
    match write(args) {
        Ok(()) => {
            // Whoever reads our output may have read enough.
            let _ = io::stdout().write_all(next_steps(args).as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "eddy: {error}");
            ExitCode::from(2)
        }
    }
}

fn write(args: &Args) -> Result<(), String> {
    let target = &args.name;
    let failed = |error| format!("cannot make {}: {error}", target.display());
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    // Fails if there is something: nobody's work is overwritten.
    fs::create_dir(target).map_err(failed)?;
    let root = args.lang.directory();
    let Some(skeleton) = SKELETONS.get_dir(root) else {
        return Err(format!("this eddy was built without a skeleton for {root}"));
    };
    copy(skeleton, root, target).map_err(failed)
}

/// Copies what is in `from` without the first directory of its path, `root`.
fn copy(from: &Dir<'_>, root: &str, target: &Path) -> io::Result<()> {
    for file in from.files() {
        let path = file.path().strip_prefix(root).unwrap_or_else(|_| file.path());
        let path = target.join(path);
        let path = match path.to_str().and_then(|name| name.strip_suffix(DISGUISE)) {
            Some(name) => PathBuf::from(name),
            None => path,
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, file.contents())?;
        if file.contents().starts_with(b"#!") {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
    }
    from.dirs().try_for_each(|directory| copy(directory, root, target))
}

fn next_steps(args: &Args) -> String {
    let name = quote(&args.name.to_string_lossy());
    let program = quote(&args.name.join(args.lang.program()).to_string_lossy());
    let build = args.lang.build().map_or_else(String::new, |command| {
        format!("Build it:\n  {}\n\n", command.replace("{}", &name))
    });
    format!(
        "{name}: a node for echo, unique-ids and broadcast\n\n\
         {build}\
         See whether its answers are right, then run five of it:\n  \
         eddy check-node {program} -w broadcast\n  \
         eddy test -w broadcast --bin {program} --time-limit 10 --rate 20\n\n\
         Then let messages get lost, and see what it lacks:\n  \
         eddy test -w broadcast --bin {program} --time-limit 10 --rate 20 --nemesis partition \
         --nemesis-interval 2\n"
    )
}
