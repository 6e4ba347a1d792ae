//! A line that was read.

use std::borrow::Cow;

use super::field::Field;
use super::request_line::RequestLine;
use super::words::{plain, said};
use super::{alb, envoy, json, ncsa};

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Combined,
    Common,
    Json,
    Alb,
    Envoy,
}

impl Kind {
    /// What a line says, or why it cannot be read.
    pub(crate) fn read(self, line: &str) -> Result<Record<'_>, String> {
        match self {
            Self::Combined => ncsa::combined(line).map(Record::Row),
            Self::Common => ncsa::common(line).map(Record::Row),
            Self::Alb => alb::read(line).map(Record::Row),
            Self::Envoy => envoy::read(line).map(Record::Row),
            Self::Json => json::read(line).map(Record::Json),
        }
    }

    /// Whether lines may say that.
    pub(crate) fn has(self, field: &Field) -> bool {
        match (self, field) {
            (Self::Json, _) => true,
            (Self::Alb, Field::Other(name)) => alb::COLUMNS.contains(&name.as_str()),
            (Self::Envoy, Field::Other(name)) => envoy::COLUMNS.contains(&name.as_str()),
            (Self::Combined | Self::Common, Field::Duration | Field::Host | Field::Other(_)) => {
                false
            }
            (Self::Common, Field::Agent | Field::Referer) => false,
            _ => true,
        }
    }

    /// As the option has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Combined => "combined",
            Self::Common => "common",
            Self::Json => "json",
            Self::Alb => "alb",
            Self::Envoy => "envoy",
        }
    }
}

/// What a line says.
pub(crate) enum Record<'a> {
    Row(Row<'a>),
    Json(serde_json::Value),
}

impl Record<'_> {
    /// What it says of that; `-` is nothing.
    pub(crate) fn get(&self, field: &Field) -> Option<Cow<'_, str>> {
        match self {
            Self::Row(row) => row.get(field),
            Self::Json(value) => json::get(value, field),
        }
    }
}

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
    fn get(&self, field: &Field) -> Option<Cow<'_, str>> {
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
