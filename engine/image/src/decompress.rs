//! From a compressed, untrusted byte stream to a tar stream: how it is compressed, how far it may grow, and the check
//! of the compressed bytes on the way.
//!
//! The bytes say how they are compressed; media types are not asked. It knows nothing about tar.

use std::fmt;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

use crate::digest::{Digest, DigestReader, VerifyError};

/// Bytes read at once: large enough that system calls do not count, small enough for many layers at a time.
const BUFFER: usize = 128 << 10;
/// A zstd frame may ask for a window of at most 2^27 bytes, which `zstd --ultra -22` does.
const ZSTD_WINDOW_LOG: u32 = 27;
/// The memory that an xz stream may ask for, in KiB: `xz -9` asks for 64 MiB.
const XZ_MEMORY: u32 = 256 << 10;

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all, or in no way that has a mark of its own.
    None,
    /// gzip, of any number of members.
    Gzip,
    /// Zstandard, of any number of frames.
    Zstd,
    /// xz, of any number of streams.
    Xz,
    /// bzip2, of any number of streams.
    Bzip2,
}

impl Compression {
    /// Tells the compression by the first bytes, of which six are enough.
    pub fn detect(first: &[u8]) -> Result<Compression, DecompressError> {
        let known: [(&[u8], Result<Compression, &'static str>); 7] = [
            (&[0x1f, 0x8b], Ok(Compression::Gzip)),
            (&[0x28, 0xb5, 0x2f, 0xfd], Ok(Compression::Zstd)),
            (&[0xfd, b'7', b'z', b'X', b'Z', 0], Ok(Compression::Xz)),
            (b"BZh", Ok(Compression::Bzip2)),
            (b"LZIP", Err("lzip")),
            (&[0x04, 0x22, 0x4d, 0x18], Err("lz4")),
            (b"PK\x03\x04", Err("zip")),
        ];
        match known.into_iter().find(|(mark, _)| first.starts_with(mark)) {
            Some((_, Ok(compression))) => Ok(compression),
            Some((_, Err(name))) => Err(DecompressError::Unsupported { name }),
            // zstd's skippable frames, which a writer may put in front.
            None => match first {
                [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Compression::Zstd),
                _ => Ok(Compression::None),
            },
        }
    }
}

/// How far a stream may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecompressLimits {
    /// The most bytes that may come out.
    pub max_bytes: u64,
    /// The most bytes that may come out for each that went in …
    pub max_ratio: u64,
    /// … once so many have come out; real images have files of zeros.
    pub ratio_floor: u64,
}

impl Default for DecompressLimits {
    /// One TiB in all; beyond 8 GiB no more than 200 to one. File systems compress 3:1, sources 10:1; a bomb 1000:1.
    fn default() -> DecompressLimits {
        DecompressLimits { max_bytes: 1 << 40, max_ratio: 200, ratio_floor: 8 << 30 }
    }
}

/// Says why a stream is not decompressed; carried by [`io::Error`]s of kind `InvalidData`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecompressError {
    /// It is compressed in a way we do not have.
    #[error("{name} compression is not supported; gzip, zstd, xz and bzip2 are")]
    Unsupported {
        /// The way.
        name: &'static str,
    },
    /// A layer is compressed in a way for which images have no media type.
    #[error("a layer compressed with {name} has no media type; gzip and zstd have one")]
    UntypedLayer {
        /// The way.
        name: &'static str,
    },
    /// It needs too much memory.
    #[error("it takes more than {} MiB of memory to decompress it", XZ_MEMORY >> 10)]
    Memory,
    /// Too much came out.
    #[error("the archive is larger than {limit} bytes when unpacked")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// Too much came out of too little.
    #[error("the archive looks like a decompression bomb: {compressed} bytes became more than {limit}")]
    Bomb {
        /// Bytes that went in.
        compressed: u64,
        /// Bytes that came out.
        limit: u64,
    },
}

fn invalid(err: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, err)
}

/// Something that counts what was read through it, and can tell at the end whether it was right.
trait Counted: Read {
    fn count(&self) -> u64;
}

impl<R: Read> Counted for DigestReader<R> {
    fn count(&self) -> u64 {
        DigestReader::count(self)
    }
}

/// Counts, and believes everything.
#[derive(Debug)]
struct Counting<R> {
    inner: R,
    count: u64,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buf)?;
        self.count += length as u64;
        Ok(length)
    }
}

impl<R: Read> Counted for Counting<R> {
    fn count(&self) -> u64 {
        self.count
    }
}

type Input<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

enum Decoder<R: Read> {
    Plain(Input<R>),
    Gzip(Box<MultiGzDecoder<Input<R>>>),
    Zstd(zstd::stream::read::Decoder<'static, Input<R>>),
    Xz(Box<XzReader<Input<R>>>),
    Bzip2(MultiBzDecoder<Input<R>>),
}

/// Reads the uncompressed bytes within the limits.
struct Uncompressed<R: Read> {
    decoder: Decoder<R>,
    limits: DecompressLimits,
    count: u64,
    finished: bool,
}

/// Opens a blob of known digest and size as an uncompressed stream; both are verified when the end is reached.
pub fn open_verified(
    reader: impl Read + Send + 'static,
    digest: &Digest,
    size: u64,
    limits: &DecompressLimits,
) -> io::Result<Box<dyn Read + Send>> {
    open(DigestReader::new(reader, digest.clone(), Some(size)), limits)
}

/// Opens a stream of which nothing is known as an uncompressed stream.
pub fn open_unverified(
    reader: impl Read + Send + 'static,
    limits: &DecompressLimits,
) -> io::Result<Box<dyn Read + Send>> {
    open(Counting { inner: reader, count: 0 }, limits)
}

fn open<R: Counted + Send + 'static>(
    mut reader: R,
    limits: &DecompressLimits,
) -> io::Result<Box<dyn Read + Send>> {
    let mut first = Vec::with_capacity(6);
    reader.by_ref().take(6).read_to_end(&mut first)?;
    let compression = Compression::detect(&first).map_err(invalid)?;
    let input = BufReader::with_capacity(BUFFER, Cursor::new(first).chain(reader));
    let decoder = match compression {
        Compression::None => Decoder::Plain(input),
        Compression::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(input))),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Decoder::Zstd(decoder)
        }
        Compression::Xz => Decoder::Xz(Box::new(XzReader::new_mem_limit(input, true, XZ_MEMORY))),
        Compression::Bzip2 => Decoder::Bzip2(MultiBzDecoder::new(input)),
    };
    Ok(Box::new(Uncompressed { decoder, limits: *limits, count: 0, finished: false }))
}

impl<R: Counted> Uncompressed<R> {
    fn input(&mut self) -> &mut Input<R> {
        match &mut self.decoder {
            Decoder::Plain(input) => input,
            Decoder::Gzip(decoder) => decoder.get_mut(),
            Decoder::Zstd(decoder) => decoder.get_mut(),
            Decoder::Xz(decoder) => decoder.inner_mut(),
            Decoder::Bzip2(decoder) => decoder.get_mut(),
        }
    }

    /// Reads what the decoder left, so that the whole blob is verified.
    fn drain(&mut self) -> io::Result<()> {
        let input = self.input();
        loop {
            let length = input.fill_buf()?.len();
            if length == 0 {
                return Ok(());
            }
            input.consume(length);
        }
    }

    /// Prefers to say that the blob is not what was announced over what its decoder stumbled upon.
    fn explain(&mut self, err: io::Error) -> io::Error {
        if err.get_ref().is_some_and(|it| it.is::<VerifyError>()) {
            return err;
        }
        match self.drain() {
            Err(wrong) if wrong.get_ref().is_some_and(|it| it.is::<VerifyError>()) => wrong,
            _ => err,
        }
    }

    fn check_growth(&mut self) -> Result<(), DecompressError> {
        let (count, limits) = (self.count, self.limits);
        if count > limits.max_bytes {
            return Err(DecompressError::TooLarge { limit: limits.max_bytes });
        }
        if count > limits.ratio_floor {
            let compressed = self.input().get_ref().get_ref().1.count();
            let limit = compressed.saturating_mul(limits.max_ratio);
            if count > limit {
                return Err(DecompressError::Bomb { compressed, limit });
            }
        }
        Ok(())
    }
}

impl<R: Counted> Read for Uncompressed<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.finished || buf.is_empty() {
            return Ok(0);
        }
        let result = match &mut self.decoder {
            Decoder::Plain(input) => input.read(buf),
            Decoder::Gzip(decoder) => decoder.read(buf),
            Decoder::Zstd(decoder) => decoder.read(buf),
            Decoder::Xz(decoder) => decoder.read(buf),
            Decoder::Bzip2(decoder) => decoder.read(buf),
        };
        match result {
            Ok(0) => {
                self.drain()?;
                self.finished = true;
                Ok(0)
            }
            Ok(length) => {
                self.count += length as u64;
                self.check_growth().map_err(invalid)?;
                Ok(length)
            }
            Err(err) if err.kind() == io::ErrorKind::Interrupted => Err(err),
            Err(err) if err.kind() == io::ErrorKind::OutOfMemory => Err(invalid(DecompressError::Memory)),
            Err(err) => Err(self.explain(err)),
        }
    }
}

impl<R: Read> fmt::Debug for Uncompressed<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Uncompressed({} bytes)", self.count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(content: &[u8]) -> Vec<u8> {
        zstd::encode_all(content, 3).unwrap()
    }

    fn xz_with(content: &[u8], dictionary: u32) -> Vec<u8> {
        let mut options = lzma_rust2::XzOptions::with_preset(1);
        options.lzma_options.dict_size = dictionary;
        let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn xz(content: &[u8]) -> Vec<u8> {
        xz_with(content, 1 << 20)
    }

    fn bzip2(content: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    type Compress = fn(&[u8]) -> Vec<u8>;
    const ALL: [Compress; 4] = [gzip, zstd, xz, bzip2];

    fn content() -> Vec<u8> {
        (0..50_000u32).flat_map(|number| number.to_le_bytes()).collect()
    }

    fn read(blob: Vec<u8>, digest: &Digest, size: u64, limits: &DecompressLimits) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        open_verified(Cursor::new(blob), digest, size, limits)?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[track_caller]
    fn check(blob: Vec<u8>, expected: &[u8]) {
        let limits = DecompressLimits::default();
        let digest = Digest::sha256(&blob);
        let size = blob.len() as u64;
        assert!(read(blob.clone(), &digest, size, &limits).unwrap() == expected);
        let mut out = Vec::new();
        open_unverified(Cursor::new(blob.clone()), &limits).unwrap().read_to_end(&mut out).unwrap();
        assert!(out == expected);
        let mut cut = blob.clone();
        cut.pop();
        let err = read(cut, &digest, size, &limits).unwrap_err();
        assert!(err.get_ref().unwrap().is::<VerifyError>(), "{err}");
        let mut wrong = blob.clone();
        let middle = wrong.len() / 2;
        wrong[middle] ^= 1;
        let err = read(wrong, &digest, size, &limits).unwrap_err();
        assert!(err.get_ref().unwrap().is::<VerifyError>(), "{err}");
        let mut long = blob;
        long.push(0);
        assert!(read(long, &digest, size, &limits).is_err());
    }

    #[test]
    fn how_it_is_compressed_is_told_by_the_bytes() {
        let content = content();
        check(content.clone(), &content);
        for compress in ALL {
            check(compress(&content), &content);
            check(compress(b""), b"");
        }
    }

    #[test]
    fn several_members_and_frames_follow_each_other() {
        let content = content();
        let twice = [content.clone(), content.clone()].concat();
        for compress in ALL {
            check([compress(&content), compress(&content)].concat(), &twice);
        }
        let frame = zstd(&content);
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &frame, &frame].concat();
        check(skippable, &twice);
    }

    #[test]
    fn short_streams_are_no_trouble() {
        check(b"x".to_vec(), b"x");
        let empty = Digest::sha256(b"");
        assert!(read(Vec::new(), &empty, 0, &DecompressLimits::default()).unwrap().is_empty());
    }

    #[test]
    fn a_truncated_stream_of_unknown_size_is_an_error() {
        for mut blob in ALL.map(|compress| compress(&content())) {
            blob.truncate(blob.len() / 2);
            let mut reader = open_unverified(Cursor::new(blob), &DecompressLimits::default()).unwrap();
            assert!(reader.read_to_end(&mut Vec::new()).is_err());
        }
    }

    #[test]
    fn what_we_cannot_decompress_is_refused_by_name() {
        let err = open_unverified(&b"LZIPrest"[..], &DecompressLimits::default()).err().unwrap();
        assert!(err.to_string().contains("lzip"));
    }

    #[test]
    fn who_wants_all_the_memory_is_refused() {
        let mut reader =
            open_unverified(Cursor::new(xz_with(b"little", 1 << 20)), &DecompressLimits::default()).unwrap();
        reader.read_to_end(&mut Vec::new()).unwrap();
        let large = xz_with(b"little", 512 << 20);
        let mut reader = open_unverified(Cursor::new(large), &DecompressLimits::default()).unwrap();
        let err = reader.read_to_end(&mut Vec::new()).unwrap_err();
        assert!(err.to_string().contains("256 MiB"), "{err}");
    }

    #[test]
    fn bombs_are_stopped() {
        let zeros = vec![0; 4 << 20];
        for blob in ALL.map(|compress| compress(&zeros)) {
            let digest = Digest::sha256(&blob);
            let size = blob.len() as u64;
            let small = DecompressLimits { max_bytes: 1 << 20, ..DecompressLimits::default() };
            let err = read(blob.clone(), &digest, size, &small).unwrap_err();
            assert!(err.to_string().contains("larger"), "{err}");
            let narrow =
                DecompressLimits { max_ratio: 50, ratio_floor: 1 << 20, ..DecompressLimits::default() };
            let err = read(blob, &digest, size, &narrow).unwrap_err();
            assert!(err.to_string().contains("bomb"), "{err}");
        }
    }
}
