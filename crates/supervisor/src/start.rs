//! How a program becomes a node: from its launcher to its first instruction.

use std::cell::Cell;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use nix::sys::ptrace;
use nix::unistd::Pid;
use rustix::fs::{OFlags, fcntl_setfl, fstat};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

use crate::digest::Digest;
use crate::error::Error;
use crate::event::NodeId;
use crate::lines::Lines;
use crate::node::{Boot, FIRST_ID, Input, Node, Pipe, Settings, stream};
use crate::options::{NodeSpec, Options};
use crate::process::Process;
use crate::thread::Thread;
use crate::wait::{Stop, wait};
use crate::{image, launch};

/// Room in a node's output pipes, for what does not pass through the supervisor's hands.
const PIPE_ROOM: usize = 1 << 20;

/// Brings a program to its first instruction.
pub(crate) fn prepare(
    options: &Options,
    spec: &NodeSpec,
    id: NodeId,
    life: u32,
) -> Result<Node, Error> {
    let failed = |why: String| Error::Launch { program: spec.program.display().to_string(), why };
    let Some((launcher, first)) = options.launcher.split_first() else {
        return Err(failed("no launcher is given".to_owned()));
    };
    let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(Error::system("make a pipe"));
    let (input_reader, input_writer) = pipe()?;
    let (output_reader, output_writer) = pipe()?;
    let (error_reader, error_writer) = pipe()?;
    for ours in [&input_writer, &output_reader, &error_reader] {
        fcntl_setfl(ours, OFlags::NONBLOCK).map_err(Error::system("change a pipe"))?;
    }
    for roomy in [&output_reader, &error_reader] {
        // A limit of the user's may forbid it.
        let _ = fcntl_setpipe_size(roomy, PIPE_ROOM);
    }
    let identity = |file: &std::os::fd::OwnedFd| {
        fstat(file).map(|stat| (stat.st_dev, stat.st_ino)).map_err(Error::system("look at a pipe"))
    };
    let input = Input {
        identity: identity(&input_reader)?,
        writer: input_writer,
        backlog: Vec::new(),
        delivered: 0,
        is_drained: Cell::new(false),
    };
    let output = Pipe {
        identity: identity(&output_reader)?,
        reader: output_reader,
        lines: Lines::default(),
    };
    let error =
        Pipe { identity: identity(&error_reader)?, reader: error_reader, lines: Lines::default() };

    let mut command = Command::new(launcher);
    command
        .args(first)
        .arg(launch::flags(spec.state_dir.is_some()))
        .arg(&spec.program)
        .args(&spec.args)
        .env_clear()
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::from(input_reader))
        .stdout(Stdio::from(output_writer))
        .stderr(Stdio::from(error_writer))
        .process_group(0);
    if let Some(directory) = &spec.cwd {
        command.current_dir(directory);
    }
    let child = command.spawn().map_err(|error| failed(format!("the launcher: {error}")))?;
    // The pipes' other ends are the child's alone.
    drop(command);
    let pid = Pid::from_raw(child.id() as i32);
    if let Err(why) = reach_program(pid)? {
        let mut said = String::new();
        let mut error = std::fs::File::from(error.reader);
        let _ = error.read_to_string(&mut said);
        let said = said.trim();
        return Err(failed(if said.is_empty() { why } else { said.to_owned() }));
    }

    let mut draws = stream(options.boot_seed, "boot draws", &spec.name, life);
    let mut random = [0; 16];
    rand::Rng::fill_bytes(&mut draws, &mut random);
    let settings = Settings::new(options, spec, life);
    let mut process = Process::new(pid, FIRST_ID, None)?;
    process.has_page = image::prepare(pid, &random, settings.replace_vdso, settings.trap_cpuid)
        .map_err(Error::system("prepare a program"))?;
    let regs = ptrace::getregs(pid).map_err(Error::system("read a program's registers"))?;
    Ok(Node {
        id,
        options: settings,
        processes: vec![process],
        threads: vec![Thread::new(pid, FIRST_ID, FIRST_ID, regs)],
        pids: [(pid.as_raw(), FIRST_ID)].into(),
        ready: vec![FIRST_ID],
        urgent: Vec::new(),
        local: 0,
        clock_offset: 0,
        soonest: u64::MAX,
        stale: true,
        next_id: FIRST_ID + 1,
        arrivals: 0,
        stops: 0,
        forced: 0,
        exit: None,
        input,
        output,
        error,
        draws,
        chance: stream(options.boot_seed, "boot threads", &spec.name, life),
        booted: false,
        durable: None,
        boot: Boot::Free,
        current: None,
        lent: None,
        mailbox: None,
        touched: false,
        closed: Vec::new(),
        events: Vec::new(),
        digest: Digest::new(),
        record: options.record.then(Vec::new),
    })
}

/// From the launcher's first stop to the program's. The inner error is what became of it instead.
fn reach_program(pid: Pid) -> Result<Result<(), String>, Error> {
    let options = ptrace::Options::PTRACE_O_EXITKILL
        | ptrace::Options::PTRACE_O_TRACESYSGOOD
        | ptrace::Options::PTRACE_O_TRACESECCOMP
        | ptrace::Options::PTRACE_O_TRACECLONE
        | ptrace::Options::PTRACE_O_TRACEFORK
        | ptrace::Options::PTRACE_O_TRACEVFORK
        | ptrace::Options::PTRACE_O_TRACEVFORKDONE
        | ptrace::Options::PTRACE_O_TRACEEXEC;
    let mut is_set = false;
    loop {
        let Some((_, stop)) = wait(Some(pid))? else {
            return Ok(Err("it vanished".to_owned()));
        };
        match stop {
            Stop::Gone(how) => return Ok(Err(format!("the launcher ended: {how:?}"))),
            Stop::Event(libc::PTRACE_EVENT_EXEC) => return Ok(Ok(())),
            _ => {}
        }
        if !is_set {
            ptrace::setoptions(pid, options).map_err(Error::system("trace a program"))?;
            is_set = true;
        }
        ptrace::cont(pid, None).map_err(Error::system("let a program start"))?;
    }
}

/// Whether a node's addresses are the same in every run.
pub(crate) fn layout_is_fixed(node: &Node) -> bool {
    let Some(process) = node.processes.first() else { return false };
    let personality = std::fs::read_to_string(format!("/proc/{}/personality", process.pid));
    personality
        .ok()
        .and_then(|text| u32::from_str_radix(text.trim(), 16).ok())
        .is_some_and(|bits| bits & libc::ADDR_NO_RANDOMIZE as u32 != 0)
}
