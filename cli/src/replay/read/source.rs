//! Where lines come from: a file, standard input, either of them compressed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::progress::Progress;

const BUFFER: usize = 256 * 1024;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Opens the log at `path`, or standard input for `-`, and unpacks it if it is compressed.
pub(super) fn open(path: &Path, progress: &Progress) -> io::Result<Box<dyn BufRead>> {
    let raw: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(io::stdin()),
        false => Box::new(File::open(path)?),
    };
    let mut raw = BufReader::with_capacity(BUFFER, progress.of_read(raw));
    if !raw.fill_buf()?.starts_with(&GZIP) {
        return Ok(Box::new(raw));
    }
    Ok(Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(raw))))
}

/// How many bytes there are to read, if that is known.
pub(super) fn size(paths: &[PathBuf]) -> Option<u64> {
    let sizes = paths.iter().map(|path| {
        let file = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
        Some(file.len())
    });
    sizes.sum()
}
