//! Who is limited, and the key that counts their use.

pub(crate) mod address;

use std::fmt;
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use self::address::Ipv6Prefix;

const LONGEST: usize = 128;
/// Bytes that most keys fit in.
const USUAL: usize = 96;

/// Who asks. The kind is part of the key, so an account named `192.0.2.1` does not share that
/// address's budget.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// An address; of IPv6 the prefix that the limiter is set to counts, /64 by default.
    Ip(IpAddr),
    /// An account's id.
    User(String),
    /// An API key or token, of which only a hash is sent.
    Key(String),
    /// A kind of your own, such as `team`, and an id.
    Other(&'static str, String),
}

impl Subject {
    /// The address that is written in `text`: with or without brackets, port and zone.
    ///
    /// # Errors
    /// When it is not an address.
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

    /// Something of another kind, such as a `team`, with this id.
    pub fn other(kind: &'static str, id: impl fmt::Display) -> Self {
        Self::Other(kind, id.to_string())
    }

    /// Its kind, as the key has it: `ip`, `user`, `key`, or one of your own.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ip(_) => "ip",
            Self::User(_) => "user",
            Self::Key(_) => "key",
            Self::Other(kind, _) => kind,
        }
    }

    /// Write its fields of a key, the last two.
    pub(crate) fn encode(
        &self,
        ipv6_prefix: Ipv6Prefix,
        out: &mut String,
    ) -> Result<(), CannotIdentify> {
        encode(self.kind(), out);
        out.push(':');
        match self {
            Self::Ip(IpAddr::V4(address)) => address::write_v4(*address, out),
            Self::Ip(address) => encode(&address::bucket(*address, ipv6_prefix), out),
            Self::User(text) | Self::Key(text) | Self::Other(_, text) if text.is_empty() => {
                return Err(CannotIdentify);
            }
            Self::Key(secret) => hash(secret, out),
            Self::User(id) | Self::Other(_, id) if id.len() > LONGEST => hash(id, out),
            Self::User(id) | Self::Other(_, id) => encode(id, out),
        }
        Ok(())
    }
}

/// Text is a user, wherever a subject is asked for: what a client wrote never names a whole key.
impl From<String> for Subject {
    fn from(id: String) -> Self {
        Self::User(id)
    }
}

impl From<&str> for Subject {
    fn from(id: &str) -> Self {
        Self::User(id.to_owned())
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
    slot: Option<String>,
}

impl Key {
    /// The key of a subject within a scope. Text for a subject is a user's id.
    pub fn new(scope: impl Into<String>, subject: impl Into<Subject>) -> Self {
        Self { scope: scope.into(), subject: subject.into(), slot: None }
    }

    /// The same key in the slot of a cluster that this text chooses, such as a tenant's id: keys
    /// that are checked together must share one. It is another key than without.
    #[must_use]
    pub fn slot(mut self, text: impl Into<String>) -> Self {
        self.slot = Some(text.into());
        self
    }

    /// Whether it has a slot of its own choice.
    pub(crate) const fn has_slot(&self) -> bool {
        self.slot.is_some()
    }

    /// What it counts in.
    pub(crate) fn scope(&self) -> &str {
        &self.scope
    }

    /// Who is counted.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The key in Redis, `{prefix}:{scope}:{kind}:{subject}`: four fields, whatever a client wrote.
    /// A slot follows the prefix as a hash tag: `rl{acme}:user:user:ann`.
    ///
    /// # Errors
    /// When the subject or the slot is empty, as an id that was never set is.
    pub fn encoded(&self, prefix: &str, ipv6_prefix: Ipv6Prefix) -> Result<String, CannotIdentify> {
        let mut key = family(prefix, self.slot.as_deref(), &self.scope)?;
        self.subject.encode(ipv6_prefix, &mut key)?;
        Ok(key)
    }
}

/// There is nobody to limit: no address, none that can be read, or an empty id. A layer answers
/// 400, whatever it does in an outage, since one bucket for all who are unknown would let one of
/// them lock out the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CannotIdentify;

impl fmt::Display for CannotIdentify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the client cannot be identified: it has no address, or its id is empty (serve with \
             into_make_service_with_connect_info, insert a PeerAddr, or give the layer a key)",
        )
    }
}

impl std::error::Error for CannotIdentify {}

/// What all keys of a scope begin with.
pub(crate) fn family(
    prefix: &str,
    slot: Option<&str>,
    scope: &str,
) -> Result<String, CannotIdentify> {
    let mut key = String::with_capacity(USUAL);
    encode(prefix, &mut key);
    match slot {
        None => {}
        Some("") => return Err(CannotIdentify),
        Some(slot) => {
            key.push('{');
            encode(slot, &mut key);
            key.push('}');
        }
    }
    key.push(':');
    encode(scope, &mut key);
    key.push(':');
    Ok(key)
}

fn encode(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(end) = rest.find(|c: char| !is_plain(c)) {
        let (plain, escaped) = rest.split_at_checked(end).unwrap_or_default();
        out.push_str(plain);
        let mut others = escaped.chars();
        if let Some(character) = others.next() {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                out.push('%');
                out.extend(hex(byte).map(|digit| digit.to_ascii_uppercase()));
            }
        }
        rest = others.as_str();
    }
    out.push_str(rest);
}

const fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_' | '~')
}

/// `=` never comes from encoding, so nobody can name himself into another's bucket.
fn hash(text: &str, out: &mut String) {
    out.push_str("sha256=");
    out.extend(Sha256::digest(text).into_iter().flat_map(hex));
}

fn hex(byte: u8) -> impl Iterator<Item = char> {
    [byte >> 4, byte & 15].into_iter().filter_map(|half| char::from_digit(u32::from(half), 16))
}
