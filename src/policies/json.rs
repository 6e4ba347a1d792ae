//! Policies as JSON: an object of names, each with a list of clauses as RL.LIMIT takes them.
//!
//! ```json
//! {"api": ["TOKEN 20 10 1s", "FIXED 10000 1d"], "login": ["FIXED 5 1m"]}
//! ```

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::registry::Policies;
use crate::words::clause::to_text;
use crate::words::clauses::Clauses;
use crate::words::error::{LONGEST_QUOTE, Quoted};
use crate::words::limits::Maxima;

/// Reads policies of limits up to `maxima`; the error names line, column and
/// reason.
pub(crate) fn read(json: &str, maxima: Maxima) -> Result<Policies, String> {
    let mut json = serde_json::Deserializer::from_str(json);
    let policies = json.deserialize_map(PoliciesVisitor { maxima });
    let read = policies.and_then(|policies| json.end().map(|()| policies));
    read.map_err(|error| shortened(&error.to_string()))
}

/// What is said of a text or number that is out of place, with no more than its beginning.
fn shortened(error: &str) -> String {
    let bounds = error.find(['"', '`']).zip(error.rfind(['"', '`']));
    let parts = bounds.and_then(|(start, end)| {
        Some((error.get(..start)?, error.get(start..end)?, error.get(end..)?))
    });
    match parts {
        Some((before, quoted, after)) if quoted.len() > LONGEST_QUOTE => {
            let start = quoted.as_bytes().get(..LONGEST_QUOTE).unwrap_or_default();
            format!("{before}{}...{after}", String::from_utf8_lossy(start))
        }
        _ => error.into(),
    }
}

/// Writes policies in one line.
pub(crate) fn write(policies: &Policies) -> String {
    serde_json::to_string(policies).unwrap_or_else(|_| "{}".into())
}

impl Serialize for Policies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, policy) in self.iter() {
            let clauses: Vec<_> = policy.clauses.iter().map(to_text).collect();
            map.serialize_entry(name, &clauses)?;
        }
        map.end()
    }
}

struct PoliciesVisitor {
    maxima: Maxima,
}

impl<'de> Visitor<'de> for PoliciesVisitor {
    type Value = Policies;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of policies, each a list of clauses")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Policies, A::Error> {
        let mut policies = Policies::default();
        while let Some(name) = map.next_key::<String>()? {
            let quoted = Quoted::new(name.as_bytes());
            if policies.get(name.as_bytes()).is_some() {
                return Err(de::Error::custom(format_args!("policy {quoted} is there twice")));
            }
            let clauses = map.next_value_seed(ListVisitor { name: quoted, maxima: self.maxima })?;
            policies.set(&name, &clauses.all()).map_err(de::Error::custom)?;
        }
        Ok(policies)
    }
}

/// Reads the clauses of the policy `name`, and stops at the first that is none.
struct ListVisitor {
    name: Quoted,
    maxima: Maxima,
}

impl<'de> DeserializeSeed<'de> for ListVisitor {
    type Value = Clauses;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Clauses, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Clauses;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of clauses")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Clauses, A::Error> {
        let Self { name, maxima } = self;
        let in_policy = |error: String| de::Error::custom(format_args!("policy {name}: {error}"));
        let mut clauses = Clauses::new(maxima);
        while let Some(text) = list.next_element::<String>()? {
            read_clause(&text, &mut clauses).map_err(in_policy)?;
        }
        if clauses.of_this_key().is_empty() {
            return Err(in_policy("it must have at least one clause".into()));
        }
        Ok(clauses)
    }
}

fn read_clause(text: &str, clauses: &mut Clauses) -> Result<(), String> {
    let mut words = text.split_ascii_whitespace().map(str::as_bytes);
    let first = words.next().unwrap_or_default();
    clauses.read(first, &mut words).map_err(|error| error.to_string())?;
    match words.next() {
        None => Ok(()),
        Some(_) => Err(format!("{} must be one clause", Quoted::new(text.as_bytes()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Policies, String> {
        super::read(json, Maxima { log: 100, lease: 50 })
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let json = r#"{"api":["TOKEN 20 10 1s","FIXED 10000 1d"],"l":["LOG 3 90s","LEAKY 5 1 1500ms","SLIDING 0 2w"]}"#;
        assert_eq!(write(&read(json).unwrap()), json);
        assert_eq!(write(&read(" { } ").unwrap()), "{}");
        assert_eq!(write(&read(r#"{"a":["fixed 5 60"]}"#).unwrap()), r#"{"a":["FIXED 5 1m"]}"#);
    }

    #[test]
    fn an_error_names_line_and_reason() {
        for (json, reason) in [
            ("", "EOF while parsing"),
            ("[]", "an object of policies"),
            ("{\"a\":[]}", "policy 'a': it must have at least one clause"),
            ("{\"a\":\n[\"FIXED 5 1y\"]}", "policy 'a': clause 1: period must be"),
            ("{\"a\":[\"FIXED 5 1m COST 2\"]}", "must be one clause"),
            ("{\"a\":[\"FIXED 5 1m\",\"FIXED 6 60\"]}", "clause 2 has the same algorithm"),
            ("{\"a\":[\"WINDOW 5 1m\"]}", "clause 1 must begin with"),
            ("{\"a b\":[\"FIXED 5 1m\"]}", "name must be"),
            ("{\"a\":[\"FIXED 5 1m\"],\n\"a\":[\"FIXED 5 1m\"]}", "policy 'a' is there twice"),
            ("{\"a\":[\"LOG 101 1m\"]}", "limit must be an integer from 0 to 100,"),
            ("{} {}", "trailing characters"),
            ("{\"a\":[5]}", "invalid type: integer `5`, expected a string"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(reason), "{json}: {error}");
            assert!(error.contains(" at line "), "{json}: {error}");
        }
    }
}
