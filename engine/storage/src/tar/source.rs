//! The input of an archive: read in large pieces, hashed as it comes.

use std::io::{ErrorKind, Read};

use sha2::{Digest, Sha256};

use super::{BLOCK, error::TarError};
use crate::record::length;

/// Large enough that writing a big file takes few calls; small enough for many layers at once.
const BUFFER: usize = 256 * 1024;

pub(super) struct Source<R> {
    inner: R,
    hasher: Sha256,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes read from the input.
    total: u64,
    ended: bool,
}

impl<R: Read> Source<R> {
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            hasher: Sha256::new(),
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
            total: 0,
            ended: false,
        }
    }

    /// How many bytes were taken.
    pub fn position(&self) -> u64 {
        self.total - length(self.end - self.start)
    }

    /// What lies ready.
    pub fn available(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Says that so many bytes were taken.
    pub fn consume(&mut self, length: usize) {
        self.start = (self.start + length).min(self.end);
    }

    /// Reads a new piece when nothing lies ready; false at the end of the input.
    pub fn fill(&mut self) -> Result<bool, TarError> {
        if self.start < self.end {
            return Ok(true);
        }
        (self.start, self.end) = (0, 0);
        // Decompressors give small pieces; a full buffer means fewer writes.
        while !self.ended
            && let Some(free) = self.buffer.get_mut(self.end..)
            && !free.is_empty()
        {
            match self.inner.read(free) {
                Ok(0) => self.ended = true,
                Ok(length) => {
                    let length = length.min(free.len());
                    self.hasher.update(free.get(..length).unwrap_or_default());
                    self.end += length;
                    self.total += crate::record::length(length);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(TarError::Read { offset: self.total, source }),
            }
        }
        Ok(self.end > 0)
    }

    /// Takes one block; `None` when the input ends before it.
    pub fn block(&mut self) -> Result<Option<[u8; BLOCK]>, TarError> {
        let mut block = [0_u8; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            if !self.fill()? {
                if filled == 0 {
                    return Ok(None);
                }
                return Err(TarError::Truncated { offset: self.position() });
            }
            let available = self.available();
            let length = available.len().min(BLOCK - filled);
            if let (Some(to), Some(from)) = (block.get_mut(filled..filled + length), available.get(..length))
            {
                to.copy_from_slice(from);
            }
            self.consume(length);
            filled += length;
        }
        Ok(Some(block))
    }

    /// Reads the input to its end; the digest and number of all bytes.
    pub fn finish(mut self) -> Result<([u8; 32], u64), TarError> {
        loop {
            self.start = self.end;
            if !self.fill()? {
                return Ok((self.hasher.finalize().into(), self.total));
            }
        }
    }
}
