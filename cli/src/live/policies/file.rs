//! A file of policies: JSON as RL.POLICY LOAD takes it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::clause::canonical;
use crate::failure::Failure;

/// Policies by their names, each a list of clauses in the spelling of RL.POLICY GET.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policies(pub(crate) BTreeMap<String, Vec<String>>);

impl Policies {
    /// Reads those of a file.
    pub(crate) fn of_file(path: &Path) -> Result<Self, Failure> {
        let bytes = std::fs::read(path).map_err(|error| Failure::of_file(path, error))?;
        let json = str::from_utf8(&bytes).map_err(|error| Failure::of_file(path, error))?;
        Self::read(json).map_err(|error| Failure::of_file(path, error))
    }

    /// Reads JSON; the error names the place and the reason.
    pub(crate) fn read(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    /// As JSON, which RL.POLICY LOAD takes.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Policies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PoliciesVisitor)
    }
}

struct PoliciesVisitor;

impl<'de> Visitor<'de> for PoliciesVisitor {
    type Value = Policies;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of policies, each a list of clauses")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Policies, A::Error> {
        let mut policies = BTreeMap::new();
        while let Some((name, clauses)) = map.next_entry::<String, Vec<String>>()? {
            let clauses = spelled(&name, &clauses).map_err(A::Error::custom)?;
            if policies.contains_key(&name) {
                return Err(A::Error::custom(format_args!("policy '{name}' is there twice")));
            }
            policies.insert(name, clauses);
        }
        Ok(Policies(policies))
    }
}

fn spelled(name: &str, clauses: &[String]) -> Result<Vec<String>, String> {
    let in_policy = |what: String| format!("policy '{name}': {what}");
    if !is_name(name) {
        return Err(in_policy(
            "a name must be 1 to 64 letters, digits or signs of . _ : / @ -".into(),
        ));
    }
    if clauses.is_empty() {
        return Err(in_policy("it must have at least one clause".into()));
    }
    let numbered = clauses.iter().zip(1..);
    let spelled = numbered.map(|(clause, number)| {
        canonical(clause).map_err(|what| in_policy(format!("clause {number}: {what}")))
    });
    spelled.collect()
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._:/@-".contains(c);
    (1..=64).contains(&name.len()) && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_in_their_canonical_spelling() {
        let json = r#"{"b": ["fixed 5 60"], "a": ["TOKEN 20 10 1s", "log 3 3600"]}"#;
        let read = Policies::read(json).unwrap();
        assert_eq!(read.to_json(), r#"{"a":["TOKEN 20 10 1s","LOG 3 1h"],"b":["FIXED 5 1m"]}"#);
        assert_eq!(Policies::read("{}").unwrap(), Policies::default());
    }

    #[test]
    fn an_error_names_the_line_and_the_reason() {
        for (json, reason) in [
            ("", "EOF while parsing"),
            ("[]", "an object of policies"),
            ("{\"a\":[]}", "policy 'a': it must have at least one clause"),
            ("{\"a\":\n[\"FIXED 5 1m\", \"FIXED 5 1y\"]}", "policy 'a': clause 2: period must be"),
            ("{\"a b\":[\"FIXED 5 1m\"]}", "a name must be"),
            ("{\"a\":[\"FIXED 5 1m\"],\n\"a\":[\"FIXED 6 1m\"]}", "policy 'a' is there twice"),
            ("{} {}", "trailing characters"),
            ("{\"a\":[5]}", "invalid type: integer `5`"),
        ] {
            let error = Policies::read(json).unwrap_err();
            assert!(error.contains(reason), "{json}: {error}");
            assert!(error.contains(" at line "), "{json}: {error}");
        }
    }
}
