//! Reading and writing a stopped thread's memory.

use std::io::{IoSlice, IoSliceMut};

use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv, process_vm_writev};
use nix::unistd::Pid;

/// Fills `buffer` from `address`; `EFAULT` unless all of it can be read.
pub(crate) fn read(pid: Pid, address: u64, buffer: &mut [u8]) -> Result<(), Errno> {
    if buffer.is_empty() {
        return Ok(());
    }
    let length = buffer.len();
    let remote = [RemoteIoVec { base: address as usize, len: length }];
    let got = process_vm_readv(pid, &mut [IoSliceMut::new(buffer)], &remote)?;
    if got == length { Ok(()) } else { Err(Errno::EFAULT) }
}

/// Writes all of `bytes` to `address`, or answers `EFAULT`.
pub(crate) fn write(pid: Pid, address: u64, bytes: &[u8]) -> Result<(), Errno> {
    if bytes.is_empty() {
        return Ok(());
    }
    let remote = [RemoteIoVec { base: address as usize, len: bytes.len() }];
    let put = process_vm_writev(pid, &[IoSlice::new(bytes)], &remote)?;
    if put == bytes.len() { Ok(()) } else { Err(Errno::EFAULT) }
}

/// `N` bytes at `address`.
pub(crate) fn array<const N: usize>(pid: Pid, address: u64) -> Result<[u8; N], Errno> {
    let mut bytes = [0; N];
    read(pid, address, &mut bytes)?;
    Ok(bytes)
}

/// A number of 32 bits.
pub(crate) fn read_u32(pid: Pid, address: u64) -> Result<u32, Errno> {
    array(pid, address).map(u32::from_le_bytes)
}

/// A number of 64 bits.
pub(crate) fn read_u64(pid: Pid, address: u64) -> Result<u64, Errno> {
    array(pid, address).map(u64::from_le_bytes)
}

/// Two numbers of 64 bits: a `timespec`, a `timeval`, an `iovec`.
pub(crate) fn read_pair(pid: Pid, address: u64) -> Result<(u64, u64), Errno> {
    let bytes: [u8; 16] = array(pid, address)?;
    let half = |from: usize| {
        let mut number = [0; 8];
        number.copy_from_slice(&bytes[from..from + 8]);
        u64::from_le_bytes(number)
    };
    Ok((half(0), half(8)))
}

/// Writes two numbers of 64 bits.
pub(crate) fn write_pair(pid: Pid, address: u64, first: u64, second: u64) -> Result<(), Errno> {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&first.to_le_bytes());
    bytes[8..].copy_from_slice(&second.to_le_bytes());
    write(pid, address, &bytes)
}

/// A text that ends in a zero, which is not part of it; `None` if it is longer than `most`.
pub(crate) fn text(pid: Pid, address: u64, most: usize) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    while text.len() <= most {
        let at = address + text.len() as u64;
        // Up to a page's end, behind which there may be nothing.
        let piece = ((4096 - at % 4096) as usize).min(most + 1 - text.len());
        let start = text.len();
        text.resize(start + piece, 0);
        read(pid, at, &mut text[start..]).ok()?;
        if let Some(end) = text[start..].iter().position(|&byte| byte == 0) {
            text.truncate(start + end);
            return Some(text);
        }
        if text.len() > most {
            return None;
        }
    }
    None
}
