//! Clocks without a stop: the vDSO's functions are replaced in a program's memory.
//!
//! The kernel maps into every program a small library, the vDSO, by which it reads clocks without a
//! system call, thousands of times for each message in some languages. Hiding the library makes each
//! reading a call that stops; replacing it costs almost nothing. The new code (`clocks.s`) takes the
//! time from a page that the supervisor writes before it lets a thread run, and counts its readings
//! there: each costs the node a tick, and after [`LIMIT`] of them the real call is made, so that a
//! program that waits for a clock to move comes back to the supervisor.
//!
//! If anything here is not as expected the library is hidden instead: all works, slower.

use std::os::unix::fs::FileExt as _;

use libc::user_regs_struct;
use nix::errno::Errno;
use nix::sys::ptrace;
use nix::unistd::Pid;

use crate::memory;
use crate::wait::{Stop, wait};

/// `ARCH_SET_CPUID`: 0 makes the instruction trap.
const ARCH_SET_CPUID: u64 = 0x1012;

/// Where the page is, in every program: the lowest that may be mapped, where nobody puts anything, and
/// so low that seven bytes of code can load a word of it (see `identity.rs`).
pub(crate) const PAGE: u64 = 0x1_0000;
/// Behind the clocks: the numbers of the process and of the thread that runs, 32 bits each.
pub(crate) const PROCESS: u64 = PAGE + 48;
pub(crate) const THREAD: u64 = PAGE + 52;
/// Half of the page that a program never looks at.
pub(crate) const SCRATCH: u64 = PAGE + 2048;
/// Readings between two stops.
pub(crate) const LIMIT: u64 = 256;

/// The machine code, assembled from `clocks.s`.
const CODE: &[u8] = include_bytes!("clocks.bin");
/// The functions, in the order of the code's entries; kernels before 6.11 lack the last.
const FUNCTIONS: [&str; 5] = [
    "__vdso_clock_gettime",
    "__vdso_gettimeofday",
    "__vdso_time",
    "__vdso_getcpu",
    "__vdso_getrandom",
];
const ENTRY: usize = 8;
/// A jump within two gigabytes: `jmp rel32`.
const JUMP: usize = 5;
/// Room for a jump before the code, so that the code is aligned.
const BEFORE: usize = 16;
/// No kernel's vDSO is larger.
const LARGEST: usize = 1 << 16;

/// What the page says; the order is that of `clocks.s`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    pub(crate) now: u64,
    pub(crate) tick: u64,
    pub(crate) monotonic: u64,
    pub(crate) wall: u64,
    pub(crate) process: u32,
    pub(crate) thread: u32,
}

impl Clocks {
    /// Writes the page of a process before one of its threads runs.
    pub(crate) fn write(self, tid: Pid) -> Result<(), Errno> {
        let who = u64::from(self.thread) << 32 | u64::from(self.process);
        let words = [self.now, 0, LIMIT, self.tick, self.monotonic, self.wall, who];
        let mut bytes = [0; 56];
        for (place, word) in bytes.chunks_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        memory::write(tid, PAGE, &bytes)
    }

    /// How many readings a process has made since.
    pub(crate) fn reads(tid: Pid) -> u64 {
        memory::read_u64(tid, PAGE + 8).map_or(0, |reads| reads.min(LIMIT))
    }
}

/// A function of the vDSO: where it is and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Function {
    start: usize,
    length: usize,
}

/// Prepares a program that has just been started and has not run yet: `cpuid` is to trap where the
/// processor can do that, if `trap_cpuid`, and the functions are replaced if `replace_clocks`. The thread is at ptrace's
/// event for `execve`; it leaves it. Answers whether the functions are replaced.
pub(crate) fn prepare(
    tid: Pid,
    base: u64,
    replace_clocks: bool,
    trap_cpuid: bool,
) -> Result<bool, Errno> {
    let image = read_image(tid, base);
    let Some(call) = image.windows(2).position(|bytes| bytes == [0x0f, 0x05]) else {
        return Ok(false);
    };
    let call = base + call as u64;
    // From the event to the end of `execve`; before that the kernel still changes registers.
    if !next_stop(tid)? {
        return Ok(false);
    }
    let regs = ptrace::getregs(tid)?;
    // Random numbers in hardware are hidden by it: see `tell_features`.
    if trap_cpuid {
        make_call(tid, regs, call, libc::SYS_arch_prctl, [ARCH_SET_CPUID, 0, 0, 0, 0, 0])?;
    }
    let Some(plan) = plan(&image).filter(|_| replace_clocks) else { return Ok(false) };
    if !map_page(tid, regs, call)? {
        return Ok(false);
    }
    // Code is not writable, except for a tracer.
    let written = std::fs::OpenOptions::new()
        .write(true)
        .open(format!("/proc/{tid}/mem"))
        .and_then(|memory| {
            plan.iter().try_for_each(|(at, bytes)| memory.write_all_at(bytes, base + *at as u64))
        });
    Ok(written.is_ok())
}

/// Makes the thread map the page.
fn map_page(tid: Pid, before: user_regs_struct, instruction: u64) -> Result<bool, Errno> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let arguments = [PAGE, 4096, access as u64, flags as u64, u64::MAX, 0];
    Ok(make_call(tid, before, instruction, libc::SYS_mmap, arguments)? == Some(PAGE))
}

/// Makes the thread do a call, by an instruction that the vDSO has anyway, and answers the result.
fn make_call(
    tid: Pid,
    before: user_regs_struct,
    instruction: u64,
    number: i64,
    arguments: [u64; 6],
) -> Result<Option<u64>, Errno> {
    let mut regs = before;
    regs.rip = instruction;
    regs.rax = number as u64;
    // No call is under way that would have to be restarted.
    regs.orig_rax = u64::MAX;
    [regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9] = arguments;
    ptrace::setregs(tid, regs)?;
    // Into the call and out of it.
    let reached = next_stop(tid)? && next_stop(tid)?;
    let result = ptrace::getregs(tid)?.rax;
    ptrace::setregs(tid, before)?;
    Ok(reached.then_some(result))
}

fn next_stop(tid: Pid) -> Result<bool, Errno> {
    ptrace::syscall(tid, None)?;
    Ok(matches!(wait(Some(tid)), Ok(Some((_, Stop::CallEnd)))))
}

fn read_image(tid: Pid, base: u64) -> Vec<u8> {
    let mut image = Vec::new();
    while image.len() < LARGEST {
        let start = image.len();
        image.resize(start + 4096, 0);
        if memory::read(tid, base + start as u64, &mut image[start..]).is_err() {
            image.truncate(start);
            break;
        }
    }
    image
}

/// What to write where, as offsets into the image: the code into the body of a function that is long
/// enough, and jumps to it at the start of each function. `None` if there is no such function.
fn plan(image: &[u8]) -> Option<Vec<(usize, Vec<u8>)>> {
    let functions = FUNCTIONS.map(|name| find(image, name));
    let host =
        functions.iter().flatten().find(|function| function.length >= BEFORE + CODE.len())?;
    let code = host.start + BEFORE;
    let mut plan = vec![(code, CODE.to_vec())];
    for (index, function) in functions.iter().enumerate() {
        let Some(function) = function else { continue };
        if function.length < JUMP {
            return None;
        }
        let distance = (code + ENTRY * index) as i64 - (function.start + JUMP) as i64;
        let mut jump = vec![0xe9];
        jump.extend_from_slice(&i32::try_from(distance).ok()?.to_le_bytes());
        plan.push((function.start, jump));
    }
    Some(plan)
}

/// A function by its name, from the image's dynamic symbols.
fn find(image: &[u8], name: &str) -> Option<Function> {
    let half = |at: usize| Some(u16::from_le_bytes(image.get(at..at + 2)?.try_into().ok()?));
    let word = |at: usize| Some(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?));
    let long = |at: usize| {
        let bytes = image.get(at..at + 8)?.try_into().ok()?;
        usize::try_from(u64::from_le_bytes(bytes)).ok()
    };
    if image.get(..5)? != b"\x7fELF\x02" {
        return None;
    }
    // Elf64_Ehdr: section headers at 40, their size at 58, their number at 60.
    let (headers, size, count) = (long(40)?, half(58)? as usize, half(60)? as usize);
    const DYNAMIC_SYMBOLS: u32 = 11;
    let sections = (0..count).map(|index| headers + index * size);
    let section = sections.into_iter().find(|&at| word(at + 4) == Some(DYNAMIC_SYMBOLS))?;
    // Elf64_Shdr: offset at 24, size at 32, the section of names at 40.
    let (symbols, length, names) = (long(section + 24)?, long(section + 32)?, word(section + 40)?);
    let names = long(headers + names as usize * size + 24)?;
    // Elf64_Sym: name (4), kind (4 in all), value at 8, size at 16.
    (symbols..symbols + length).step_by(24).find_map(|symbol| {
        let text = image.get(names + word(symbol)? as usize..)?;
        let is_it = text.strip_prefix(name.as_bytes())?.first() == Some(&0);
        is_it.then_some(Function { start: long(symbol + 8)?, length: long(symbol + 16)? })
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Our own process's vDSO.
    fn image() -> Vec<u8> {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.ends_with("[vdso]")).unwrap();
        let base = u64::from_str_radix(line.split('-').next().unwrap(), 16).unwrap();
        read_image(Pid::this(), base)
    }

    #[test]
    fn the_code_is_what_its_source_says() {
        let directory = tempfile::tempdir().unwrap();
        let object = directory.path().join("clocks.o");
        let binary = directory.path().join("clocks.bin");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/vdso/clocks.s");
        let run = |command: &mut Command| command.status();
        let built = run(Command::new("as").arg("-o").arg(&object).arg(source)).and_then(|_| {
            run(Command::new("objcopy")
                .args(["-O", "binary", "-j", ".text"])
                .arg(&object)
                .arg(&binary))
        });
        if built.is_err() {
            eprintln!("skipped, as there is no assembler");
            return;
        }
        assert_eq!(std::fs::read(binary).unwrap(), CODE);
    }

    #[test]
    fn functions_are_found_by_name_and_others_are_not() {
        let image = image();
        let clock = find(&image, "__vdso_clock_gettime").unwrap();
        assert!(clock.start > 0 && clock.length > 0 && clock.start + clock.length <= image.len());
        assert_eq!(find(&image, "clock_gettime"), Some(clock), "it has two names");
        assert_eq!(find(&image, "__vdso_clock"), None, "a beginning is not the name");
        assert_eq!(find(&image[..64], "__vdso_clock_gettime"), None);
        assert_eq!(find(b"", "__vdso_clock_gettime"), None);
    }

    #[test]
    fn what_is_written_does_not_overlap() {
        let mut plan = plan(&image()).unwrap();
        plan.sort();
        for pair in plan.windows(2) {
            assert!(pair[0].0 + pair[0].1.len() <= pair[1].0, "{pair:?}");
        }
    }
}
