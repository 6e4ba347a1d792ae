//! The log of Envoy, in its default format.

use std::borrow::Cow;

use super::request_line::RequestLine;
use super::row::Row;
use super::words::Words;

/// Its columns. Others may follow.
pub(super) const COLUMNS: &[&str] = &[
    "start_time",
    "request",
    "response_code",
    "response_flags",
    "bytes_received",
    "bytes_sent",
    "duration_ms",
    "upstream_service_time",
    "x_forwarded_for",
    "user_agent",
    "request_id",
    "authority",
    "upstream_host",
];

/// Reads a line, of which at least the columns up to the authority must be there.
pub(super) fn read(line: &str) -> Result<Row<'_>, String> {
    let mut words = Words(line);
    let start = words.bracketed().ok_or("it must begin with a time in brackets")?;
    let request = words.quoted().ok_or("a request in quotes must follow the time")?;
    let mut all = Vec::with_capacity(COLUMNS.len());
    all.extend([start, request]);
    while let Some(word) = words.next() {
        all.push(word);
    }
    let [_, _, status, _, _, sent, duration, _, forwarded, agent, _, authority, ..] = all[..]
    else {
        return Err("it must have 12 columns or more, up to the authority".to_owned());
    };
    if !status.bytes().all(|b| b.is_ascii_digit()) {
        return Err("a response code must follow the request".to_owned());
    }
    Ok(Row {
        time: start,
        ip: Some(forwarded),
        request: RequestLine::read(request),
        status: Some(status),
        bytes: Some(sent),
        duration: Some(Cow::Borrowed(duration)),
        agent: Some(agent),
        host: Some(authority),
        columns: (COLUMNS, all),
        ..Row::default()
    })
}
