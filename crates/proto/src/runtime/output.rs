//! Stdout, written in large pieces.

use std::io;

use super::BATCH_BYTES;

/// Collects output and writes it when it is 64 KiB or when the batch ends.
pub(super) struct Output<W> {
    inner: W,
    buffer: Vec<u8>,
}

impl<W: io::Write> Output<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, buffer: Vec::with_capacity(BATCH_BYTES) }
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        self.inner.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    #[cold]
    fn write_beyond_buffer(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_buffer()?;
        if bytes.len() < BATCH_BYTES {
            self.buffer.extend_from_slice(bytes);
            return Ok(());
        }
        self.inner.write_all(bytes)
    }
}

impl<W: io::Write> io::Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    // A message is made of some twenty small pieces.
    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > BATCH_BYTES - self.buffer.len() {
            return self.write_beyond_buffer(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.write_buffer()?;
        }
        self.inner.flush()
    }
}
