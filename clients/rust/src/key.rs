//! Who is limited, and the key that counts his use.

use std::fmt::{self, Write};
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::address::{self, Ipv6Prefix};

const LONGEST: usize = 128;

/// Who asks. The kind is part of the key, so an account named `192.0.2.1` does not share that address's budget.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// An address; of IPv6 the prefix that the limiter is set to counts, /64 by default.
    Ip(IpAddr),
    /// An account's id.
    User(String),
    /// An API key or token, of which only a hash is sent.
    Key(String),
}

impl Subject {
    /// The address that is written in `text`: with or without brackets, port and zone.
    ///
    /// # Errors
    /// When it is no address.
    pub fn ip(text: &str) -> Result<Self, CannotIdentify> {
        address::parse(text).map(Self::Ip).ok_or(CannotIdentify)
    }

    /// The account with this id.
    pub fn user(id: impl fmt::Display) -> Self {
        Self::User(id.to_string())
    }

    /// The bearer of this API key or token.
    pub fn key(secret: impl Into<String>) -> Self {
        Self::Key(secret.into())
    }

    /// Its kind, as the key has it: `ip`, `user` or `key`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ip(_) => "ip",
            Self::User(_) => "user",
            Self::Key(_) => "key",
        }
    }

    /// The field of the key, encoded; nothing where there is none.
    fn field(&self, ipv6_prefix: Ipv6Prefix) -> Option<String> {
        match self {
            Self::Ip(address) => Some(encoded(&address::bucket(*address, ipv6_prefix))),
            Self::User(text) | Self::Key(text) if text.is_empty() => None,
            Self::Key(secret) => Some(hashed(secret)),
            Self::User(id) if id.len() > LONGEST => Some(hashed(id)),
            Self::User(id) => Some(encoded(id)),
        }
    }
}

/// What one use is counted under: a scope, such as `login` or `GET /items/{id}`, and a subject.
///
/// ```
/// use redis_rl::{Ipv6Prefix, Key, Subject};
///
/// let key = Key::new("GET /items/{id}", Subject::user("a:b"));
/// assert_eq!(key.encoded("rl", Ipv6Prefix::default())?, "rl:GET%20%2Fitems%2F%7Bid%7D:user:a%3Ab");
/// # Ok::<(), redis_rl::CannotIdentify>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    scope: String,
    subject: Subject,
}

impl Key {
    /// The key of a subject within a scope.
    pub fn new(scope: impl Into<String>, subject: Subject) -> Self {
        Self { scope: scope.into(), subject }
    }

    /// Who is counted.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The key in Redis, `{prefix}:{scope}:{kind}:{subject}`: four fields, whatever a client wrote.
    ///
    /// # Errors
    /// When the subject is empty, as an id that was never set is.
    pub fn encoded(&self, prefix: &str, ipv6_prefix: Ipv6Prefix) -> Result<String, CannotIdentify> {
        let (prefix, scope) = (encoded(prefix), encoded(&self.scope));
        let subject = self.subject.field(ipv6_prefix).ok_or(CannotIdentify)?;
        Ok(format!("{prefix}:{scope}:{}:{subject}", self.subject.kind()))
    }
}

/// Nobody can be told apart: no address (a Unix socket), or none that can be read. Handled like an
/// outage, since one bucket for all who are unknown would let one of them lock out the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CannotIdentify;

impl fmt::Display for CannotIdentify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "nobody to limit: the request has no address, or its subject is empty (serve with \
             into_make_service_with_connect_info, insert a PeerAddr, or give the layer a key)",
        )
    }
}

impl std::error::Error for CannotIdentify {}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => write_hex(&mut out, "%", byte, true),
        }
    }
    out
}

/// `=` never comes from encoding, so nobody can name himself into another's bucket.
fn hashed(text: &str) -> String {
    let mut out = String::from("sha256=");
    for byte in Sha256::digest(text) {
        write_hex(&mut out, "", byte, false);
    }
    out
}

fn write_hex(out: &mut String, before: &str, byte: u8, upper: bool) {
    // Writing to a String does not fail.
    let _ =
        if upper { write!(out, "{before}{byte:02X}") } else { write!(out, "{before}{byte:02x}") };
}
