//! A plain root file system archive, as `import` takes it: possibly compressed, with nothing to check it against.

use std::io::{self, Read};

use crate::decompress::{self, DecompressLimits};

/// Makes an uncompressed tar stream of what `reader` gives, such as standard input.
pub fn open_tar_reader(
    reader: impl Read + Send + 'static,
    limits: &DecompressLimits,
) -> io::Result<Box<dyn Read + Send>> {
    decompress::open_unverified(reader, limits)
}
