//! The environment of programs in virtual time: part of what a run depends on, and of its results.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// Variables that nodes inherit. Not all, because the layout of a program's memory depends on how long
/// its environment is, and a run would repeat only in the very same shell.
const INHERITED: [&str; 20] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "PYTHONHASHSEED",
    "PYTHONUNBUFFERED",
    "VIRTUAL_ENV",
    "PYENV_ROOT",
    "PYENV_VERSION",
    "NODE_PATH",
    "GEM_HOME",
    "GEM_PATH",
    "RUBYLIB",
    "GODEBUG",
    "JAVA_HOME",
    "CLASSPATH",
    "RUST_LOG",
];

/// What Java needs to repeat (else a program finds at its start what others of the machine have left in
/// a directory that all share), and to be twice as fast: the better of its two compilers takes more
/// time in a short run than it saves. Java says on stderr that it takes note of them.
const JAVA_FLAGS: (&str, &str) = ("JAVA_TOOL_OPTIONS", "-XX:-UsePerfData -XX:TieredStopAtLevel=1");

/// What Python needs to repeat: a program of several files else leaves them compiled beside the sources,
/// and its second run is not like its first.
const PYTHON_FLAG: (&str, &str) = ("PYTHONDONTWRITEBYTECODE", "1");

/// Variables that nodes have, unless the user has set them to something else.
const SET: [(&str, &str); 2] = [JAVA_FLAGS, PYTHON_FLAG];

/// The whole environment of a node in virtual time.
pub fn environment() -> Vec<(OsString, OsString)> {
    let inherited =
        INHERITED.iter().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
    let set = SET
        .map(|(name, value)| (name.into(), std::env::var_os(name).unwrap_or_else(|| value.into())));
    inherited.chain(set).collect()
}

/// The same for results: whoever repeats a run elsewhere can see in what its environment was another.
pub(super) fn told() -> BTreeMap<String, String> {
    let text = |text: OsString| text.to_string_lossy().into_owned();
    environment().into_iter().map(|(name, value)| (text(name), text(value))).collect()
}
