//! The words of a line: separated by spaces, some of them in quotes or brackets.

use std::borrow::Cow;

/// What is left of a line.
#[derive(Clone, Copy)]
pub(super) struct Words<'a>(pub(super) &'a str);

impl<'a> Words<'a> {
    /// The next word, without the quotes or brackets around it; none at the end, or where a quote
    /// or a bracket is not closed.
    pub(super) fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start_matches(' ');
        let (word, rest) = match text.as_bytes().first()? {
            b'"' => {
                let inner = text.get(1..)?;
                let end = closing_quote(inner)?;
                (inner.get(..end)?, inner.get(end..)?.get(1..)?)
            }
            b'[' => text.get(1..)?.split_once(']')?,
            _ => text.split_once(' ').unwrap_or((text, "")),
        };
        self.0 = rest;
        Some(word)
    }

    /// The next word, if it is in quotes.
    pub(super) fn quoted(&mut self) -> Option<&'a str> {
        self.0.trim_start_matches(' ').starts_with('"').then(|| self.next())?
    }

    /// The next word, if it is in brackets.
    pub(super) fn bracketed(&mut self) -> Option<&'a str> {
        self.0.trim_start_matches(' ').starts_with('[').then(|| self.next())?
    }

    /// Whether nothing is left.
    pub(super) fn is_over(&self) -> bool {
        self.0.trim_ascii().is_empty()
    }
}

/// Where the quote ends: at the first that no backslash stands before.
fn closing_quote(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut from = 0_usize;
    loop {
        let at = from.saturating_add(memchr::memchr2(b'"', b'\\', bytes.get(from..)?)?);
        if bytes.get(at) == Some(&b'"') {
            return Some(at);
        }
        from = at.saturating_add(2);
    }
}

/// A word that stands for something: `-` and nothing do not.
pub(super) fn said(word: &str) -> Option<&str> {
    (!word.is_empty() && word != "-").then_some(word)
}

/// The word without the backslashes that quotes and backslashes have before them.
pub(super) fn plain(word: &str) -> Cow<'_, str> {
    if !word.contains('\\') {
        return Cow::Borrowed(word);
    }
    let mut text = String::with_capacity(word.len());
    let mut letters = word.chars().peekable();
    while let Some(letter) = letters.next() {
        let escaped = letters.next_if(|next| letter == '\\' && matches!(next, '"' | '\\'));
        text.push(escaped.unwrap_or(letter));
    }
    Cow::Owned(text)
}
