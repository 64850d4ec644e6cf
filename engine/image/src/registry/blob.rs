//! A blob's bytes from a registry; a broken transfer is taken up where it broke.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::BodyReader;

use super::endpoint::{Endpoint, Request};
use super::error::{RegistryError, TransportError};
use super::http::{Answer, header, printable, transport_io};
use crate::digest::{Digest, VerifyError};
use crate::source::Progress;

/// A transfer that moves less than this while we wait for as long as a transfer may stand still is broken.
const SLOWEST: u64 = 16 << 10;
/// So many bytes without a break make earlier breaks forgotten.
const FORGIVEN: u64 = 4 << 20;

/// Which blob is wanted.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    pub repository: String,
    pub digest: Digest,
    pub size: u64,
}

/// Reads a blob. It does not check the digest.
pub(super) struct BlobReader {
    endpoint: Arc<Endpoint>,
    blob: Blob,
    progress: Arc<dyn Progress>,
    body: Option<BodyReader<'static>>,
    position: u64,
    /// Where the last break was.
    broken_at: u64,
    tries: u32,
    waited: Duration,
    moved: u64,
}

impl BlobReader {
    /// Asks for the blob from its beginning.
    pub(super) fn open(
        endpoint: Arc<Endpoint>,
        blob: Blob,
        progress: Arc<dyn Progress>,
    ) -> Result<BlobReader, RegistryError> {
        let mut reader = BlobReader {
            endpoint,
            blob,
            progress,
            body: None,
            position: 0,
            broken_at: 0,
            tries: 1,
            waited: Duration::ZERO,
            moved: 0,
        };
        reader.body = Some(reader.request()?);
        Ok(reader)
    }

    fn what(&self) -> String {
        format!("blob {}", self.blob.digest)
    }

    /// Asks for what is left.
    fn request(&self) -> Result<BodyReader<'static>, RegistryError> {
        let what = self.what();
        let mut headers = Vec::new();
        if self.position > 0 {
            headers.push(("range", format!("bytes={}-", self.position)));
        }
        let path = format!("blobs/{}", self.blob.digest);
        let request =
            Request { method: "GET", repository: &self.blob.repository, path: &path, headers, what: &what };
        let answer = self.endpoint.ask(&request, self.progress.as_ref())?;
        let registry = || self.endpoint.registry.clone();
        match answer.status().as_u16() {
            206 if self.position > 0 && range_start(&answer) == Some(self.position) => {
                Ok(answer.into_body().into_reader())
            }
            200 => {
                if let Some(length) = answer.body().content_length()
                    && length != self.blob.size
                {
                    let source = self.wrong_size(length);
                    return Err(RegistryError::Content { registry: registry(), what, source });
                }
                // A server without ranges begins anew; what was read already is passed over.
                let mut body = answer.into_body().into_reader();
                let passed = io::copy(&mut body.by_ref().take(self.position), &mut io::sink())
                    .map_err(|err| self.endpoint.broken(&what, transport_io(err)))?;
                match passed == self.position {
                    true => Ok(body),
                    false => Err(self.endpoint.broken(&what, TransportError::Io(early()))),
                }
            }
            status => Err(RegistryError::Status {
                registry: registry(),
                what,
                status,
                detail: printable("this is not the range that was asked for"),
            }),
        }
    }

    fn wrong_size(&self, actual: u64) -> VerifyError {
        let (expected_digest, expected) = (self.blob.digest.clone(), self.blob.size);
        match actual < expected {
            true => VerifyError::TooShort { expected_digest, expected, actual },
            false => VerifyError::TooLong { expected_digest, expected },
        }
    }

    /// Decides whether a break is worth another try, and waits before it.
    fn take_up(&mut self, source: TransportError) -> Result<(), RegistryError> {
        let options = self.endpoint.http().options();
        if self.position - self.broken_at >= FORGIVEN {
            self.tries = 1;
        }
        if self.tries >= options.tries {
            return Err(self.endpoint.broken(&self.what(), source));
        }
        self.progress.retrying(&self.what(), &source.to_string());
        let delay = options.retry_delay.saturating_mul(1 << (self.tries - 1).min(5));
        if options.cancel.wait(delay) {
            return Err(self.endpoint.broken(&self.what(), TransportError::Cancelled));
        }
        self.tries += 1;
        self.broken_at = self.position;
        (self.waited, self.moved) = (Duration::ZERO, 0);
        Ok(())
    }

    /// Counts how much came in how much waiting, so that a byte now and then does not hold us for ever.
    fn check_speed(&mut self, length: u64, waited: Duration) -> Result<(), TransportError> {
        self.waited += waited;
        self.moved += length;
        if self.moved >= SLOWEST {
            (self.waited, self.moved) = (Duration::ZERO, 0);
        }
        match self.waited > self.endpoint.http().options().idle_timeout {
            true => Err(TransportError::Timeout { what: "the transfer nearly stands still" }),
            false => Ok(()),
        }
    }

    fn read_once(&mut self, buf: &mut [u8]) -> Result<usize, TransportError> {
        if self.endpoint.http().options().cancel.is_cancelled() {
            return Err(TransportError::Cancelled);
        }
        let Some(body) = self.body.as_mut() else { return Err(TransportError::Io(early())) };
        let start = Instant::now();
        let result = body.read(buf);
        let waited = start.elapsed();
        match result {
            // Past the announced size every ending is an end.
            Ok(0) | Err(_) if self.position >= self.blob.size => Ok(0),
            Ok(0) => Err(TransportError::Io(early())),
            Ok(length) => {
                self.check_speed(length as u64, waited)?;
                Ok(length)
            }
            Err(err) => Err(transport_io(err)),
        }
    }
}

impl Read for BlobReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            let break_reason = match self.read_once(buf) {
                Ok(length) => {
                    self.position += length as u64;
                    if length > 0 {
                        self.progress.layer_bytes(&self.blob.digest, length as u64);
                    }
                    return Ok(length);
                }
                Err(err) => err,
            };
            self.body = None;
            if matches!(break_reason, TransportError::Cancelled) {
                return Err(io::Error::other(self.endpoint.broken(&self.what(), break_reason)));
            }
            self.take_up(break_reason).map_err(io::Error::other)?;
            match self.request() {
                Ok(body) => self.body = Some(body),
                // What a new connection could mend is tried again by the next round.
                Err(err @ (RegistryError::Connect { .. } | RegistryError::Broken { .. })) => {
                    if self.tries >= self.endpoint.http().options().tries {
                        return Err(io::Error::other(err));
                    }
                }
                Err(err) => return Err(io::Error::other(err)),
            }
        }
    }
}

fn early() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed in the middle")
}

/// Returns where the part of a 206 answer begins.
fn range_start(answer: &Answer) -> Option<u64> {
    let range = header(answer.headers(), "content-range")?;
    range.strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}
