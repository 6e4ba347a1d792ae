//! A request's first line: `GET /path?query HTTP/1.1`.

use super::words::said;

/// What a request's first line says.
#[derive(Clone, Copy, Default)]
pub(super) struct RequestLine<'a> {
    pub(super) method: Option<&'a str>,
    pub(super) target: Option<Target<'a>>,
}

impl<'a> RequestLine<'a> {
    /// Reads it. Garbage, which scanners send, has neither method nor target.
    pub(super) fn read(line: &'a str) -> Self {
        let mut words = line.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Self::default();
        };
        if !method.bytes().all(|b| b.is_ascii_graphic()) {
            return Self::default();
        }
        Self { method: said(method), target: said(target).map(Target::read) }
    }
}

/// What a request is for.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) host: Option<&'a str>,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Reads a path or a whole address.
    pub(super) fn read(text: &'a str) -> Self {
        let (host, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.bytes().all(|b| b.is_ascii_alphabetic()) => {
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let (host, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
                (Some(host), if rest.is_empty() { "/" } else { rest })
            }
            _ => (None, text),
        };
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        match rest.split_once('?') {
            Some((path, query)) => Self { host, path, query: Some(query) },
            None => Self { host, path: rest, query: None },
        }
    }
}
