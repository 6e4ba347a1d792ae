//! Whom to limit: `ip`, `user`, `ip+path`.

use std::str::FromStr;

/// The fields whose values together are a client.
#[derive(Clone, Debug)]
pub(crate) struct KeyFields(Vec<String>);

impl KeyFields {
    /// Their names, in order.
    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for KeyFields {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names: Vec<String> = text.split('+').map(|name| name.trim().to_owned()).collect();
        if names.iter().any(String::is_empty) {
            return Err(format!("must be a field, or several joined by '+', not '{text}'"));
        }
        Ok(Self(names))
    }
}
