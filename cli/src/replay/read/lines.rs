//! Lines, one after the other, each of a bounded length.

use std::collections::VecDeque;
use std::io::{self, BufRead};

use memchr::memchr;

/// Longer lines are cut, so that a file without line breaks does not fill the memory.
const LONGEST: usize = 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of a log.
pub(super) struct Lines {
    reader: Box<dyn BufRead>,
    /// Lines that were looked at ahead of their turn.
    ahead: VecDeque<Vec<u8>>,
    number: u64,
}

impl Lines {
    pub(super) fn new(reader: Box<dyn BufRead>) -> Self {
        Self { reader, ahead: VecDeque::new(), number: 0 }
    }

    /// The number of the line that was read last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The first `count` lines, or all if there are fewer. They are read again in their turn.
    pub(super) fn look_ahead(&mut self, count: usize) -> io::Result<&VecDeque<Vec<u8>>> {
        while self.ahead.len() < count {
            let mut line = Vec::new();
            if !read_line(&mut self.reader, &mut line)? {
                break;
            }
            if self.ahead.is_empty() && line.starts_with(BYTE_ORDER_MARK) {
                line.drain(..BYTE_ORDER_MARK.len());
            }
            self.ahead.push_back(line);
        }
        Ok(&self.ahead)
    }

    /// Reads the next line into `line`, without its end. Whether there was one.
    pub(super) fn next(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        let is_any = match self.ahead.pop_front() {
            Some(ahead) => {
                *line = ahead;
                true
            }
            None => read_line(&mut self.reader, line)?,
        };
        self.number = self.number.saturating_add(u64::from(is_any));
        Ok(is_any)
    }
}

fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut is_any = false;
    loop {
        let buffer = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if buffer.is_empty() {
            break;
        }
        is_any = true;
        let end = memchr(b'\n', buffer);
        let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
        let room = LONGEST.saturating_sub(line.len());
        line.extend_from_slice(part.get(..room).unwrap_or(part));
        let used = part.len().saturating_add(usize::from(end.is_some()));
        reader.consume(used);
        if end.is_some() {
            break;
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(is_any)
}
