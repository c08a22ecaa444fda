//! What a fresh program finds in its memory that would make two runs differ.
//!
//! The kernel leaves a list of facts, the auxiliary vector, above the environment on a new program's
//! stack. Two of them matter: where sixteen random bytes are (`AT_RANDOM`), from which C libraries
//! make their stack guards and hash seeds, and where the vDSO is (`AT_SYSINFO_EHDR`), the piece of
//! code through which programs read clocks without a call.

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::unistd::Pid;

use crate::{memory, vdso};

const AT_NULL: u64 = 0;
const AT_IGNORE: u64 = 1;
const AT_RANDOM: u64 = 25;
const AT_SYSINFO_EHDR: u64 = 33;
/// A stack has at most this many words of arguments and environment: the kernel's limit is 6 MiB.
const WORDS_AT_MOST: u64 = 1 << 20;

/// Replaces a fresh program's random bytes, and the functions of its vDSO if `replace_vdso`; otherwise,
/// or if that cannot be, hides the vDSO. Answers whether it is replaced. The thread is at ptrace's event
/// for `execve`, or behind it on return.
pub(crate) fn prepare(
    tid: Pid,
    random: &[u8; 16],
    replace_vdso: bool,
    trap_cpuid: bool,
) -> Result<bool, Errno> {
    let stack = ptrace::getregs(tid)?.rsp;
    let mut words = Words::new(tid, stack);
    // The number of arguments, the arguments, 0, the environment, 0, pairs.
    let _ = words.next()?;
    for _ in 0..2 {
        while words.next()? != 0 {}
    }
    let mut vdso = None;
    loop {
        let address = words.address;
        let (name, value) = (words.next()?, words.next()?);
        match name {
            AT_NULL => break,
            AT_RANDOM => memory::write(tid, value, random)?,
            AT_SYSINFO_EHDR => vdso = Some((address, value)),
            _ => {}
        }
    }
    let Some((entry, base)) = vdso else { return Ok(false) };
    if vdso::prepare(tid, base, replace_vdso, trap_cpuid)? {
        return Ok(true);
    }
    memory::write(tid, entry, &AT_IGNORE.to_le_bytes())?;
    Ok(false)
}

/// The words of a stack, read in pieces.
struct Words {
    tid: Pid,
    address: u64,
    end: u64,
    piece: Vec<u8>,
    used: usize,
}

impl Words {
    fn new(tid: Pid, address: u64) -> Self {
        Self { tid, address, end: address + 8 * WORDS_AT_MOST, piece: Vec::new(), used: 0 }
    }

    fn next(&mut self) -> Result<u64, Errno> {
        if self.used == self.piece.len() {
            // Up to the next page's end, which is mapped if this word is.
            let length = 4096 - (self.address % 4096);
            self.piece = vec![0; length as usize];
            self.used = 0;
            memory::read(self.tid, self.address, &mut self.piece)?;
            if self.address >= self.end {
                return Err(Errno::E2BIG);
            }
        }
        let mut word = [0; 8];
        word.copy_from_slice(&self.piece[self.used..self.used + 8]);
        self.used += 8;
        self.address += 8;
        Ok(u64::from_le_bytes(word))
    }
}
