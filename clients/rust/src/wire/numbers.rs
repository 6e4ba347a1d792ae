//! Replies that are arrays of numbers alone, as RL.LIMIT's: redis-rs is given them as one line.
//!
//! It reads each number of a reply into a tree, which costs more than the rest of a check. Between
//! it and the socket, `*2\r\n:1\r\n*1\r\n:5\r\n` becomes `+*2  :1  *1  :5\r\n`. All other replies
//! stay as they are.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use redis::{RedisResult, Value};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const CHUNK: usize = 16 * 1024;

/// A stream that joins the lines of such replies.
pub(crate) struct JoinNumbers<S> {
    stream: S,
    chunk: Box<[u8]>,
    /// What came of a reply that has not ended.
    begun: Vec<u8>,
    /// What is ready to be read, from `read` on.
    ready: Vec<u8>,
    read: usize,
    /// Set when something came that is no reply: from then on all is left as it is.
    lost: bool,
}

/// The first reply of some bytes.
#[derive(Debug, PartialEq, Eq)]
enum First {
    /// Its end has not come.
    Begun,
    /// An array of numbers, and how long it is.
    Numbers(usize),
    /// Another one, and how long it is.
    Other(usize),
    /// It is not a reply.
    Unknown,
}

impl<S> JoinNumbers<S> {
    pub(crate) fn new(stream: S) -> Self {
        let chunk = vec![0; CHUNK].into_boxed_slice();
        Self { stream, chunk, begun: Vec::new(), ready: Vec::new(), read: 0, lost: false }
    }

    /// Make ready what has come whole.
    fn join(&mut self) {
        let mut rest = self.begun.as_slice();
        while !rest.is_empty() {
            let first = if self.lost { First::Unknown } else { first(rest) };
            let (is_numbers, length) = match first {
                First::Begun => break,
                First::Numbers(length) => (true, length),
                First::Other(length) => (false, length),
                First::Unknown => {
                    self.lost = true;
                    (false, rest.len())
                }
            };
            let (reply, others) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            if is_numbers {
                join(reply, &mut self.ready);
            } else {
                self.ready.extend_from_slice(reply);
            }
            rest = others;
        }
        let done = self.begun.len().saturating_sub(rest.len());
        self.begun.drain(..done);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for JoinNumbers<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.read >= this.ready.len() {
            this.ready.clear();
            this.read = 0;
            let mut chunk = ReadBuf::new(&mut this.chunk);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut chunk))?;
            if chunk.filled().is_empty() {
                // The end. What came of a last reply is no reply.
                std::mem::swap(&mut this.ready, &mut this.begun);
                break;
            }
            this.begun.extend_from_slice(chunk.filled());
            this.join();
        }
        let ready = this.ready.get(this.read..).unwrap_or_default();
        let part = ready.get(..buffer.remaining()).unwrap_or(ready);
        buffer.put_slice(part);
        this.read = this.read.saturating_add(part.len());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for JoinNumbers<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

fn first(bytes: &[u8]) -> First {
    let (mut at, mut missing, mut is_numbers) = (0_usize, 1_usize, bytes.first() == Some(&b'*'));
    while missing > 0 {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { return First::Begun };
        let Some((kind, line)) = rest.get(..end).and_then(<[u8]>::split_first) else {
            return First::Unknown;
        };
        at = at.saturating_add(end).saturating_add(1);
        missing = missing.saturating_sub(1);
        if *kind == b':' {
            continue;
        }
        let length = length(line);
        is_numbers &= *kind == b'*' && length.is_some();
        match (kind, length) {
            (b'+' | b'-' | b',' | b'#' | b'_' | b'(', _) => {}
            (b'*' | b'$', None) => {}
            (b'*' | b'~' | b'>', Some(items)) => missing = missing.saturating_add(items),
            (b'%', Some(pairs)) => missing = missing.saturating_add(pairs.saturating_mul(2)),
            (b'$' | b'!' | b'=', Some(length)) => {
                at = at.saturating_add(length).saturating_add(2);
                if at > bytes.len() {
                    return First::Begun;
                }
            }
            _ => return First::Unknown,
        }
    }
    if is_numbers { First::Numbers(at) } else { First::Other(at) }
}

/// The number in a line; nothing where it is negative, as of what is null, or no number.
fn length(line: &[u8]) -> Option<usize> {
    std::str::from_utf8(line.strip_suffix(b"\r")?).ok()?.parse().ok()
}

fn join(reply: &[u8], line: &mut Vec<u8>) {
    line.push(b'+');
    let reply = reply.strip_suffix(b"\r\n").unwrap_or(reply);
    line.extend(reply.iter().map(|byte| if *byte < b' ' { b' ' } else { *byte }));
    line.extend_from_slice(b"\r\n");
}

/// An array of numbers that was joined, to be taken part by part.
pub(crate) struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    /// Nothing where it is another reply.
    pub(crate) fn of(reply: &'a Value) -> Option<Self> {
        line(reply).map(|line| Self(line.as_bytes()))
    }

    /// How many items an array that begins here has.
    pub(crate) fn array(&mut self) -> Option<usize> {
        usize::try_from(self.take(b'*')?).ok()
    }

    /// The number that stands here.
    pub(crate) fn number(&mut self) -> Option<i64> {
        self.take(b':')
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, kind: u8) -> Option<i64> {
        let mut rest = self.0.strip_prefix(&[kind])?;
        let is_negative = rest.first() == Some(&b'-');
        if is_negative {
            rest = rest.get(1..)?;
        }
        let mut number = 0_i64;
        while let Some((byte, others)) = rest.split_first() {
            rest = others;
            match byte {
                b'0'..=b'9' => {
                    let digit = i64::from(byte.wrapping_sub(b'0'));
                    number = number.checked_mul(10)?.checked_add(digit)?;
                }
                b' ' => {
                    rest = rest.strip_prefix(b" ")?;
                    break;
                }
                _ => return None,
            }
        }
        self.0 = rest;
        Some(if is_negative { number.wrapping_neg() } else { number })
    }
}

fn line(reply: &Value) -> Option<&str> {
    let Value::SimpleString(line) = reply else { return None };
    line.starts_with('*').then_some(line)
}

/// The reply as it came.
pub(crate) fn restored(reply: Value) -> RedisResult<Value> {
    let Some(line) = line(&reply) else { return Ok(reply) };
    let lines = line.replace("  ", "\r\n");
    redis::parse_redis_value([&lines, "\r\n"].concat().as_bytes())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn read(chunks: &[&[u8]]) -> String {
        let (mut server, client) = tokio::io::duplex(64);
        let chunks: Vec<Vec<u8>> = chunks.iter().map(|chunk| chunk.to_vec()).collect();
        let sent = tokio::spawn(async move {
            for chunk in chunks {
                tokio::io::AsyncWriteExt::write_all(&mut server, &chunk).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let mut all = String::new();
        JoinNumbers::new(client).read_to_string(&mut all).await.unwrap();
        sent.await.unwrap();
        all
    }

    const MANY: &str = "*2\r\n:1\r\n*5\r\n:1\r\n:10\r\n:9\r\n:-1\r\n:60000\r\n+OK\r\n$5\r\n*1\r\n:\r\n\
                        *2\r\n$1\r\na\r\n:1\r\n*0\r\n*-1\r\n$-1\r\n%1\r\n+a\r\n:1\r\n-ERR no\r\n*1\r\n:7\r\n";
    const JOINED: &str = "+*2  :1  *5  :1  :10  :9  :-1  :60000\r\n+OK\r\n$5\r\n*1\r\n:\r\n\
                          *2\r\n$1\r\na\r\n:1\r\n+*0\r\n*-1\r\n$-1\r\n%1\r\n+a\r\n:1\r\n-ERR no\r\n+*1  :7\r\n";

    #[tokio::test]
    async fn arrays_of_numbers_become_one_line_wherever_they_are_cut() {
        for at in 0..=MANY.len() {
            let (before, after) = MANY.as_bytes().split_at(at);
            assert_eq!(read(&[before, after]).await, JOINED, "cut at {at}");
        }
    }

    #[tokio::test]
    async fn what_is_no_reply_is_left_as_it_is() {
        let html = "HTTP/1.1 400\r\n\r\n*1\r\n:1\r\n";
        assert_eq!(read(&[html.as_bytes()]).await, html);
        assert_eq!(read(&[b"*1\r\n:1\r\n*2\r\n:1\r\n"]).await, "+*1  :1\r\n*2\r\n:1\r\n");
    }

    #[test]
    fn a_joined_reply_is_restored() {
        let reply = Value::SimpleString("*2  :1  *1  :5".to_owned());
        let tree = Value::Array(vec![Value::Int(1), Value::Array(vec![Value::Int(5)])]);
        assert_eq!(restored(reply), Ok(tree));
        assert_eq!(restored(Value::Okay), Ok(Value::Okay));
    }
}
