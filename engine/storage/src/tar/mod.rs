//! Reading tar archives: ustar, GNU long names, PAX, sparse files. Strict, streaming, in constant memory.
//!
//! It writes nothing and knows no file system. Wherever the well-known readers disagree about what an archive means
//! (two sizes, two names, data behind a link, …) it refuses the archive, so that nobody can show one content to a
//! checker and another to us.

mod error;
mod header;
mod pax;
mod source;
mod sparse;
pub(crate) mod write;

#[cfg(test)]
pub(crate) mod build;
#[cfg(test)]
pub(crate) mod tests;

use std::io::Read;

pub use error::TarError;
use header::Header;
use pax::Pax;
use source::Source;
pub(crate) use sparse::Sparse;

use crate::record::length;

/// Bytes of a block; headers and data are padded to it.
pub(crate) const BLOCK: usize = 512;

/// The longest path the kernel takes in one call, without its final NUL.
pub(crate) const MAX_PATH: usize = 4095;

/// A PAX header holds attributes of one file; extended attributes are at most 64 KiB each. Go's reader has the same limit.
const MAX_PAX: u64 = 1 << 20;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Symlink,
    Hardlink,
    CharDevice,
    BlockDevice,
    Fifo,
}

/// One entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where its header begins.
    pub offset: u64,
    pub path: Vec<u8>,
    pub kind: Kind,
    /// Permission bits, with set-id and sticky bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Seconds since 1970, and nanoseconds of the last second.
    pub mtime: (i64, u32),
    /// Target of a symbolic or hard link.
    pub link: Vec<u8>,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Bytes of data that follow in the archive.
    pub size: u64,
    /// Where these bytes belong, when the file has holes.
    pub sparse: Option<Sparse>,
    /// Extended attributes, in the archive's order.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Reads entries one after another.
pub(crate) struct Reader<R> {
    source: Source<R>,
    /// Data of the current entry that was not yet taken, and the padding behind it.
    remaining: u64,
    padding: u64,
    /// Whether the end of the archive was reached.
    ended: bool,
}

/// What may stand before an entry and belongs to it.
#[derive(Default)]
struct Prefixes {
    pax: Option<Pax>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl<R: Read> Reader<R> {
    pub fn new(inner: R) -> Self {
        Self { source: Source::new(inner), remaining: 0, padding: 0, ended: false }
    }

    /// Reads the next entry; what was not taken of the data before is skipped.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, TarError> {
        if self.ended {
            return Ok(None);
        }
        self.skip_data()?;
        let mut prefixes = Prefixes::default();
        loop {
            let offset = self.source.position();
            let Some(block) = self.next_block(&prefixes)? else {
                self.ended = true;
                return Ok(None);
            };
            let header = Header::parse(&block, offset)?;
            match header.type_flag {
                b'x' => {
                    if prefixes.pax.is_some() || prefixes.long_name.is_some() || prefixes.long_link.is_some()
                    {
                        return Err(TarError::malformed(
                            offset,
                            "a PAX header follows another header of the same entry",
                        ));
                    }
                    let text = self.meta_text(&header, MAX_PAX, "PAX header")?;
                    prefixes.pax = Some(Pax::parse(&text, offset)?);
                }
                b'g' => {
                    if prefixes.pax.is_some() || prefixes.long_name.is_some() || prefixes.long_link.is_some()
                    {
                        return Err(TarError::malformed(
                            offset,
                            "a global header stands between an entry and its header",
                        ));
                    }
                    let text = self.meta_text(&header, MAX_PAX, "global PAX header")?;
                    Pax::parse(&text, offset)?.must_be_harmless(offset)?;
                }
                b'L' => Self::keep_long(&mut prefixes, true, self.long_text(&header)?, offset)?,
                b'K' => Self::keep_long(&mut prefixes, false, self.long_text(&header)?, offset)?,
                _ => return self.entry(&header, prefixes).map(Some),
            }
        }
    }

    /// Data of the current entry that lies ready; empty at its end. Say with [`Reader::consume`] what was taken.
    pub fn chunk(&mut self) -> Result<&[u8], TarError> {
        if self.remaining == 0 {
            return Ok(&[]);
        }
        if self.source.available().is_empty() && !self.source.fill()? {
            return Err(TarError::Truncated { offset: self.source.position() });
        }
        let available = self.source.available();
        let length = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(available.len());
        Ok(available.get(..length).unwrap_or_default())
    }

    /// Says that so many bytes of the last chunk were taken.
    pub fn consume(&mut self, length: usize) {
        self.source.consume(length);
        self.remaining = self.remaining.saturating_sub(crate::record::length(length));
    }

    /// Reads everything to the end of the input and gives the digest and the number of all its bytes.
    pub fn finish(self) -> Result<([u8; 32], u64), TarError> {
        self.source.finish()
    }

    fn skip_data(&mut self) -> Result<(), TarError> {
        loop {
            let length = self.chunk()?.len();
            if length == 0 {
                break;
            }
            self.consume(length);
        }
        self.remaining = std::mem::take(&mut self.padding);
        loop {
            let length = self.chunk()?.len();
            if length == 0 {
                return Ok(());
            }
            self.consume(length);
        }
    }

    /// The next header block; `None` at the end of the archive.
    fn next_block(&mut self, prefixes: &Prefixes) -> Result<Option<[u8; BLOCK]>, TarError> {
        let offset = self.source.position();
        let block = self.source.block()?;
        let ends = match block {
            None => true,
            Some(block) if block.iter().all(|byte| *byte == 0) => match self.source.block()? {
                None => true,
                Some(second) if second.iter().all(|byte| *byte == 0) => true,
                Some(_) => {
                    return Err(TarError::malformed(offset, "one empty block where the end needs two"));
                }
            },
            Some(_) => false,
        };
        if !ends {
            return Ok(block);
        }
        if prefixes.pax.is_some() || prefixes.long_name.is_some() || prefixes.long_link.is_some() {
            return Err(TarError::malformed(offset, "the archive ends between an entry and its header"));
        }
        Ok(None)
    }

    /// The data of a header that describes another entry.
    fn meta_text(&mut self, header: &Header, limit: u64, what: &'static str) -> Result<Vec<u8>, TarError> {
        if header.size > limit {
            return Err(TarError::TooLarge { offset: header.offset, what, size: header.size, limit });
        }
        self.begin_data(header.size);
        let mut text = Vec::new();
        loop {
            let chunk = self.chunk()?;
            let length = chunk.len();
            if length == 0 {
                break;
            }
            text.extend_from_slice(chunk);
            self.consume(length);
        }
        self.skip_data()?;
        Ok(text)
    }

    /// The text of a GNU long name: up to its NUL.
    fn long_text(&mut self, header: &Header) -> Result<Vec<u8>, TarError> {
        let mut text = self.meta_text(header, length(MAX_PATH) + 1, "GNU long name")?;
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        if text.get(end..).unwrap_or_default().iter().any(|byte| *byte != 0) {
            return Err(TarError::malformed(header.offset, "a GNU long name goes on behind its NUL"));
        }
        text.truncate(end);
        if text.is_empty() {
            return Err(TarError::malformed(header.offset, "a GNU long name is empty"));
        }
        Ok(text)
    }

    fn keep_long(prefixes: &mut Prefixes, name: bool, text: Vec<u8>, offset: u64) -> Result<(), TarError> {
        let place = if name { &mut prefixes.long_name } else { &mut prefixes.long_link };
        // A size in the PAX header would be the long name's for one reader and the entry's for another.
        if prefixes.pax.is_some() || place.is_some() {
            return Err(TarError::malformed(
                offset,
                "a GNU long name follows another header of the same entry",
            ));
        }
        *place = Some(text);
        Ok(())
    }

    fn begin_data(&mut self, size: u64) {
        self.remaining = size;
        self.padding = size.wrapping_neg() % length(BLOCK);
    }

    /// Puts an entry together from its header and what stood before it.
    fn entry(&mut self, header: &Header, prefixes: Prefixes) -> Result<Entry, TarError> {
        let offset = header.offset;
        let mut pax = prefixes.pax.unwrap_or_default();
        let path = pax.path.take().or(prefixes.long_name).unwrap_or_else(|| header.path.clone());
        let link = pax.link.take().or(prefixes.long_link).unwrap_or_else(|| header.link.clone());
        let size = pax.size.unwrap_or(header.size);
        let kind = kind_of(header, &path)?;
        if kind != Kind::File && size != 0 {
            return Err(TarError::malformed(offset, "data behind an entry that is not a file"));
        }
        check_text(&path, offset, "a path")?;
        if matches!(kind, Kind::Symlink | Kind::Hardlink) {
            check_text(&link, offset, "the target of a link")?;
        }
        self.begin_data(size);
        let sparse = if header.type_flag == b'S' {
            if pax.sparse.is_some() {
                return Err(TarError::malformed(offset, "two ways to tell of holes"));
            }
            Some(self.old_gnu_sparse(header)?)
        } else {
            match pax.sparse.take() {
                Some(_) if kind != Kind::File => {
                    return Err(TarError::malformed(offset, "holes in what is not a file"));
                }
                Some(told) => Some(self.pax_sparse(told, offset)?),
                None => None,
            }
        };
        if let Some(sparse) = &sparse {
            sparse.check(self.remaining, offset)?;
        }
        Ok(Entry {
            offset,
            path: sparse.as_ref().and_then(|sparse| sparse.name.clone()).unwrap_or(path),
            kind,
            mode: header.mode,
            uid: id(pax.uid.map_or(header.uid, Some), offset, "the owner is not a user id")?,
            gid: id(pax.gid.map_or(header.gid, Some), offset, "the group is not a group id")?,
            mtime: pax.mtime.unwrap_or((header.mtime, 0)),
            link,
            device: header.device,
            size: self.remaining,
            sparse,
            xattrs: pax.xattrs,
        })
    }

    /// The map of an old GNU sparse file: in the header, going on in blocks behind it that its size does not count.
    fn old_gnu_sparse(&mut self, header: &Header) -> Result<Sparse, TarError> {
        let (mut map, mut extended, size) = sparse::old_gnu_header(&header.block, header.offset)?;
        while extended {
            let Some(block) = self.source.block()? else {
                return Err(TarError::Truncated { offset: self.source.position() });
            };
            extended = sparse::old_gnu_extension(&block, &mut map, header.offset)?;
        }
        Ok(Sparse { size, map, name: None })
    }

    /// The map of a PAX sparse file: in the PAX header, or (format 1.0) at the beginning of the data.
    fn pax_sparse(&mut self, told: sparse::Told, offset: u64) -> Result<Sparse, TarError> {
        let sparse::Told { size, map, name } = told;
        if let Some(name) = &name {
            check_text(name, offset, "a path")?;
        }
        let map = match map {
            Some(map) => map,
            None => {
                let mut parser = sparse::DataMap::new();
                let mut block = [0_u8; BLOCK];
                let mut filled = 0;
                loop {
                    let chunk = self.chunk()?;
                    if chunk.is_empty() {
                        return Err(TarError::malformed(offset, "the map of holes does not end"));
                    }
                    let length = chunk.len().min(BLOCK - filled);
                    if let (Some(to), Some(from)) =
                        (block.get_mut(filled..filled + length), chunk.get(..length))
                    {
                        to.copy_from_slice(from);
                    }
                    self.consume(length);
                    filled += length;
                    if filled == BLOCK {
                        filled = 0;
                        if parser.block(&block, offset)? {
                            break parser.map;
                        }
                    }
                }
            }
        };
        Ok(Sparse { size, map, name })
    }
}

/// What kind an entry is, where readers agree.
fn kind_of(header: &Header, path: &[u8]) -> Result<Kind, TarError> {
    let slash = path.ends_with(b"/");
    let kind = match header.type_flag {
        // Before ustar a directory was a file whose name ends so.
        0 if slash => Kind::Directory,
        0 | b'0' | b'7' | b'S' => Kind::File,
        b'1' => Kind::Hardlink,
        b'2' => Kind::Symlink,
        b'3' => Kind::CharDevice,
        b'4' => Kind::BlockDevice,
        b'5' => Kind::Directory,
        b'6' => Kind::Fifo,
        flag => return Err(TarError::Unsupported { offset: header.offset, flag: char::from(flag) }),
    };
    if slash && kind == Kind::File {
        return Err(TarError::malformed(header.offset, "the name of a file ends with a slash"));
    }
    Ok(kind)
}

fn check_text(text: &[u8], offset: u64, what: &'static str) -> Result<(), TarError> {
    if text.is_empty() {
        return Err(TarError::Text { offset, what, fault: "is empty" });
    }
    if text.contains(&0) {
        return Err(TarError::Text { offset, what, fault: "holds a NUL" });
    }
    if text.len() > MAX_PATH {
        return Err(TarError::TooLarge { offset, what, size: length(text.len()), limit: length(MAX_PATH) });
    }
    Ok(())
}

/// An id below the one that means "leave as it is" to the kernel.
fn id(value: Option<i64>, offset: u64, what: &'static str) -> Result<u32, TarError> {
    value
        .and_then(|value| u32::try_from(value).ok())
        .filter(|id| *id != u32::MAX)
        .ok_or_else(|| TarError::malformed(offset, what))
}
