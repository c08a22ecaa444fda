//! `eddy doctor`: what this machine allows of what virtual time needs.

use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use supervisor::{NodeSpec, Options, Supervisor, What};

use super::LAUNCH_ARGUMENT;

/// Arguments of `eddy doctor`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {}

/// What was found out about one thing.
struct Finding {
    what: &'static str,
    found: String,
}

/// Tells what this machine allows. It is no failure if that is little.
pub fn run(_: &Args) -> ExitCode {
    let _ = tell(&mut io::stdout());
    ExitCode::SUCCESS
}

fn tell(out: &mut impl Write) -> io::Result<()> {
    let (findings, verdict) = examine();
    for Finding { what, found } in findings {
        writeln!(out, "{what:<12} {found}")?;
    }
    writeln!(out, "\n{verdict}")
}

fn examine() -> (Vec<Finding>, String) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().nth(1)).unwrap_or("?").to_owned()
    };
    let read = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).ok();
    let user = match field("Uid:").as_str() {
        "0" => "root; not needed".to_owned(),
        id => format!("{id}; no privilege is needed"),
    };
    let machine = format!(
        "{} {}, {}; x86-64 Linux from 5.6 on is needed",
        std::env::consts::OS,
        read("/proc/sys/kernel/osrelease").unwrap_or_else(|| "of unknown version".to_owned()),
        std::env::consts::ARCH
    );
    let yama = match read("/proc/sys/kernel/yama/ptrace_scope").as_deref() {
        Some("3") => "forbidden to all on this machine (kernel.yama.ptrace_scope is 3)".to_owned(),
        Some(scope) => format!("own children may be traced (kernel.yama.ptrace_scope is {scope})"),
        None => "no rule of the machine against it".to_owned(),
    };
    let seccomp = match read("/proc/sys/kernel/seccomp/actions_avail") {
        Some(actions) if actions.split(' ').any(|action| action == "trace") => {
            "filters can stop a program at a call".to_owned()
        }
        Some(_) => "filters cannot stop a program at a call (no action `trace`)".to_owned(),
        None => "unknown".to_owned(),
    };
    let (trial, layout) = try_it();
    let layout = match layout {
        Some(true) => "addresses are the same in every run",
        Some(false) => {
            "refused: addresses cannot be fixed, so Node.js and Ruby need not repeat; allow the call \
             personality(0x40000) in the container's seccomp profile"
        }
        None => "unknown, because nothing could be started",
    };
    let files = match supervisor::files_can_be_duplicated() {
        true => "open files of nodes can be had at once",
        false => {
            "pidfd_getfd is refused, as by Docker's default profile: nodes send their open files \
             themselves, which is slower for those that wait for several files, and works"
        }
    };
    let verdict = match &trial {
        Ok(()) => "Virtual time works here: `--bin PROGRAM --virtual-time`.".to_owned(),
        Err(why) => format!(
            "Virtual time does not work here: {why}. In a container, allow ptrace and seccomp: Docker's \
             default profile does, and `--cap-add SYS_PTRACE` does elsewhere. Without --virtual-time the same tests run \
             with real processes."
        ),
    };
    let trial =
        trial.map_or_else(|why| why, |()| "a program was started and read a line".to_owned());
    let findings = [
        ("machine", machine),
        ("user", user),
        ("ptrace", yama),
        ("seccomp", seccomp),
        ("trial", trial),
        ("files", files.to_owned()),
        ("personality", layout.to_owned()),
    ];
    (findings.map(|(what, found)| Finding { what, found }).into(), verdict)
}

/// Runs `cat` in virtual time; why it does not work, and whether addresses are fixed.
fn try_it() -> (Result<(), String>, Option<bool>) {
    let tried = || -> Result<(bool, bool), String> {
        let eddy = std::env::current_exe().map_err(|error| error.to_string())?;
        let options =
            Options { launcher: vec![eddy.into(), LAUNCH_ARGUMENT.into()], ..Options::default() };
        let text = |error: supervisor::Error| error.to_string();
        let mut supervisor = Supervisor::new(options).map_err(text)?;
        let spec = NodeSpec {
            name: "trial".to_owned(),
            program: "/bin/cat".into(),
            ..NodeSpec::default()
        };
        let node = supervisor.spawn(spec).map_err(text)?;
        supervisor.deliver(node, b"hello\n").map_err(text)?;
        let events = supervisor.run_until(Duration::from_secs(1)).map_err(text)?;
        let said = events.iter().any(|event| event.what == What::Output(b"hello".to_vec()));
        Ok((said, supervisor.layout_is_fixed()))
    };
    match tried() {
        Ok((true, layout)) => (Ok(()), Some(layout)),
        Ok((false, layout)) => {
            (Err("a program did not do what it should".to_owned()), Some(layout))
        }
        Err(why) => (Err(why), None),
    }
}
