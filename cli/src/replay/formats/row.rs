//! What a line of words says.

use std::borrow::Cow;

use super::field::Field;
use super::request_line::RequestLine;
use super::words::{plain, said};

/// What a line of words says, as it is written.
#[derive(Default)]
pub(crate) struct Row<'a> {
    pub(super) time: &'a str,
    pub(super) ip: Option<&'a str>,
    pub(super) user: Option<&'a str>,
    pub(super) request: RequestLine<'a>,
    pub(super) status: Option<&'a str>,
    pub(super) bytes: Option<&'a str>,
    pub(super) duration: Option<Cow<'a, str>>,
    pub(super) referer: Option<&'a str>,
    pub(super) agent: Option<&'a str>,
    pub(super) host: Option<&'a str>,
    /// All words by the names of their columns, where the format has names for them.
    pub(super) columns: (&'static [&'static str], Vec<&'a str>),
}

impl Row<'_> {
    /// What it says of that.
    pub(super) fn get(&self, field: &Field) -> Option<Cow<'_, str>> {
        let target = self.request.target;
        let word = match field {
            Field::Time => Some(self.time),
            Field::Ip => self.ip,
            Field::User => self.user,
            Field::Method => self.request.method,
            Field::Path => target.map(|target| target.path),
            Field::Query => target.and_then(|target| target.query),
            Field::Status => self.status,
            Field::Bytes => self.bytes,
            Field::Duration => self.duration.as_deref(),
            Field::Referer => self.referer,
            Field::Agent => self.agent,
            Field::Host => self.host,
            Field::Other(name) => {
                let (names, words) = &self.columns;
                let place = names.iter().position(|column| column == name)?;
                words.get(place).copied()
            }
        };
        word.and_then(said).map(plain)
    }
}
