//! A plain root file system archive, as `import` takes it: possibly compressed, with nothing to check it against.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::decompress::{self, DecompressLimits};

/// Opens the archive at `path` as an uncompressed tar stream.
pub fn open_tar(path: &Path, limits: &DecompressLimits) -> io::Result<Box<dyn Read + Send>> {
    open_tar_reader(File::open(path)?, limits)
}

/// Makes an uncompressed tar stream of what `reader` gives, such as standard input.
pub fn open_tar_reader(
    reader: impl Read + Send + 'static,
    limits: &DecompressLimits,
) -> io::Result<Box<dyn Read + Send>> {
    decompress::open_unverified(reader, limits)
}
