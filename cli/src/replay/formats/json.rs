//! Lines of JSON. Every server has names of its own, so a field is looked for under several.

use std::borrow::Cow;

use serde_json::Value;

use super::field::Field;
use super::request_line::{RequestLine, Target};

const IP: &[&str] = &[
    "ip",
    "client_ip",
    "clientip",
    "clientIp",
    "remote_addr",
    "remote_ip",
    "remoteIp",
    "remoteAddr",
    "remoteAddress",
    "ClientHost",
    "ClientAddr",
    "client",
    "request.client_ip",
    "request.remote_ip",
    "req.remoteAddress",
    "x_forwarded_for",
    "http_x_forwarded_for",
];
const METHOD: &[&str] = &[
    "method",
    "request_method",
    "requestMethod",
    "RequestMethod",
    "request.method",
    "req.method",
    "http_method",
    "verb",
];
const PATH: &[&str] = &[
    "path",
    "uri",
    "url",
    "request_uri",
    "requestUrl",
    "request_path",
    "RequestPath",
    "request.uri",
    "request.path",
    "req.url",
];
const QUERY: &[&str] = &["query", "query_string", "args"];
const STATUS: &[&str] = &[
    "status",
    "status_code",
    "statusCode",
    "response_code",
    "DownstreamStatus",
    "response.status",
    "res.statusCode",
];
const BYTES: &[&str] = &[
    "bytes",
    "body_bytes_sent",
    "bytes_sent",
    "size",
    "response_size",
    "bytes_out",
    "DownstreamContentSize",
    "responseSize",
];
const DURATION: &[&str] =
    &["duration", "request_time", "latency", "Duration", "responseTime", "elapsed", "duration_ms"];
const AGENT: &[&str] = &[
    "agent",
    "user_agent",
    "userAgent",
    "http_user_agent",
    "request.headers.User-Agent",
    "req.headers.user-agent",
    "request_User-Agent",
];
const REFERER: &[&str] =
    &["referer", "referrer", "http_referer", "request.headers.Referer", "req.headers.referer"];
const HOST: &[&str] =
    &["host", "http_host", "request.host", "RequestHost", "authority", "vhost", "server_name"];
const USER: &[&str] =
    &["user", "remote_user", "user_id", "userId", "username", "ClientUsername", "user.id"];
const TIME: &[&str] = &[
    "time",
    "timestamp",
    "@timestamp",
    "ts",
    "time_iso8601",
    "time_local",
    "msec",
    "datetime",
    "date",
    "start_time",
    "StartUTC",
];
/// A request's first line as a whole.
const REQUEST: &[&str] = &["request", "request_line", "requestLine"];

/// Reads a line, which must be an object.
pub(super) fn read(line: &str) -> Result<Value, String> {
    match serde_json::from_str(line) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("it must be a JSON object".to_owned()),
        Err(error) => Err(format!("it must be JSON: {error}")),
    }
}

/// What an object says of that; null, `-` and nothing are nothing.
pub(super) fn get<'a>(line: &'a Value, field: &Field) -> Option<Cow<'a, str>> {
    match field {
        Field::Ip => first(line, IP),
        Field::Status => first(line, STATUS),
        Field::Bytes => first(line, BYTES),
        Field::Duration => first(line, DURATION),
        Field::Agent => first(line, AGENT),
        Field::Referer => first(line, REFERER),
        Field::Host => first(line, HOST),
        Field::User => first(line, USER),
        Field::Time => first(line, TIME),
        Field::Other(name) => at(line, name),
        Field::Method => first(line, METHOD)
            .or_else(|| of_request_line(line, |request| request.method.map(str::to_owned))),
        Field::Path => first(line, PATH)
            .map(|text| of_target(text, |target| Some(target.path)).unwrap_or_default())
            .or_else(|| of_request_line(line, |request| request.target.map(|t| t.path.to_owned()))),
        Field::Query => first(line, QUERY)
            .or_else(|| of_target(first(line, PATH)?, |target| target.query))
            .or_else(|| of_request_line(line, |request| request.target?.query.map(str::to_owned))),
    }
}

fn of_target<'a>(
    text: Cow<'a, str>,
    part: for<'t> fn(Target<'t>) -> Option<&'t str>,
) -> Option<Cow<'a, str>> {
    match text {
        Cow::Borrowed(text) => part(Target::read(text)).map(Cow::Borrowed),
        Cow::Owned(text) => part(Target::read(&text)).map(|part| Cow::Owned(part.to_owned())),
    }
}

fn of_request_line<'a>(
    line: &'a Value,
    part: for<'r> fn(RequestLine<'r>) -> Option<String>,
) -> Option<Cow<'a, str>> {
    part(RequestLine::read(&first(line, REQUEST)?)).map(Cow::Owned)
}

fn first<'a>(line: &'a Value, names: &[&str]) -> Option<Cow<'a, str>> {
    names.iter().find_map(|name| at(line, name))
}

/// What stands under a name: a name with dots in it, or else a path of names.
fn at<'a>(line: &'a Value, name: &str) -> Option<Cow<'a, str>> {
    if let Some(text) = line.get(name).and_then(text) {
        return Some(text);
    }
    let (outer, rest) = name.split_once('.')?;
    at(line.get(outer)?, rest)
}

/// A single value as text; of a list the first.
fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => super::words::said(text).map(Cow::Borrowed),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(is) => Some(Cow::Borrowed(if *is { "true" } else { "false" })),
        Value::Array(all) => all.first().filter(|first| !first.is_array()).and_then(text),
        Value::Null | Value::Object(_) => None,
    }
}
