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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// Notes the lengths of what is written.
    struct Lengths<'a>(&'a mut Vec<usize>);

    impl io::Write for Lengths<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn pieces_are_written_together_and_what_is_too_large_by_itself() {
        let mut lengths = Vec::new();
        let mut output = Output::new(Lengths(&mut lengths));
        for length in [100, BATCH_BYTES - 100, 30, 40, BATCH_BYTES, 5, 6, 2 * BATCH_BYTES, 7] {
            output.write_all(&vec![b'x'; length]).unwrap();
        }
        output.flush().unwrap();
        output.flush().unwrap();
        assert_eq!(lengths, [BATCH_BYTES, 70, BATCH_BYTES, 11, 2 * BATCH_BYTES, 7]);
    }
}
