//! A line that was read.

use std::borrow::Cow;

use super::field::Field;
use super::row::Row;
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
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
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
