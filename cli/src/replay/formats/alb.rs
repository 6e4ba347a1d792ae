//! The log of Amazon's Application Load Balancer.

use std::borrow::Cow;

use super::request_line::RequestLine;
use super::row::Row;
use super::words::Words;

/// Its columns, as Amazon calls them. Later ones may be missing, and others may follow.
pub(super) const COLUMNS: &[&str] = &[
    "type",
    "time",
    "elb",
    "client:port",
    "target:port",
    "request_processing_time",
    "target_processing_time",
    "response_processing_time",
    "elb_status_code",
    "target_status_code",
    "received_bytes",
    "sent_bytes",
    "request",
    "user_agent",
    "ssl_cipher",
    "ssl_protocol",
    "target_group_arn",
    "trace_id",
    "domain_name",
    "chosen_cert_arn",
    "matched_rule_priority",
    "request_creation_time",
    "actions_executed",
    "redirect_url",
    "error_reason",
    "target:port_list",
    "target_status_code_list",
    "classification",
    "classification_reason",
    "conn_trace_id",
];

const TYPES: [&str; 6] = ["http", "https", "h2", "grpcs", "ws", "wss"];

/// Reads a line, of which at least the columns up to the request must be there.
pub(super) fn read(line: &str) -> Result<Row<'_>, String> {
    let mut words = Words(line);
    let mut all = Vec::with_capacity(COLUMNS.len());
    while let Some(word) = words.next() {
        all.push(word);
    }
    let [kind, time, _, client, _, before, target, after, status, _, _, bytes, request, ..] =
        all[..]
    else {
        return Err("it must have 13 columns or more, up to the request".to_owned());
    };
    if !TYPES.contains(&kind) {
        return Err(format!("its type must be one of {}, not '{kind}'", TYPES.join(", ")));
    }
    let request = RequestLine::read(request);
    Ok(Row {
        time,
        ip: Some(client),
        request,
        status: Some(status),
        bytes: Some(bytes),
        duration: duration([before, target, after]),
        agent: all.get(13).copied(),
        host: request.target.and_then(|target| target.host),
        columns: (COLUMNS, all),
        ..Row::default()
    })
}

/// The seconds that all three steps took; -1 where one of them did not happen.
fn duration(steps: [&str; 3]) -> Option<Cow<'static, str>> {
    let mut sum = 0.0;
    for step in steps {
        sum += step.parse::<f64>().ok().filter(|seconds| *seconds >= 0.0)?;
    }
    Some(Cow::Owned(format!("{sum:.3}")))
}
