//! What a file would change at a server.

use std::io::{self, Write};

use super::file::Policies;
use crate::style::{ADDED, CHANGED, REMOVED, painted};

/// What there is to add, to change and to remove, each in order of the names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    added: Policies,
    /// As they are to be.
    changed: Policies,
    /// As they are.
    before: Policies,
    removed: Policies,
}

impl Difference {
    /// From what a server has to what it should have.
    pub(crate) fn between(has: &Policies, wanted: &Policies) -> Self {
        let mut found = Self::default();
        for (name, clauses) in &wanted.0 {
            let (name, clauses) = (name.clone(), clauses.clone());
            match has.0.get(&name) {
                None => drop(found.added.0.insert(name, clauses)),
                Some(other) if *other != clauses => {
                    found.before.0.insert(name.clone(), other.clone());
                    found.changed.0.insert(name, clauses);
                }
                Some(_) => {}
            }
        }
        let removed = has.0.iter().filter(|(name, _)| !wanted.0.contains_key(*name));
        found.removed.0 = removed.map(|(name, clauses)| (name.clone(), clauses.clone())).collect();
        found
    }

    /// The same where nothing is removed.
    pub(crate) fn without_removed(self) -> Self {
        Self { removed: Policies::default(), ..self }
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.added.0.is_empty() && self.changed.0.is_empty() && self.removed.0.is_empty()
    }

    /// What has to be loaded.
    pub(crate) fn to_load(&self) -> Policies {
        let both = self.added.0.iter().chain(&self.changed.0);
        Policies(both.map(|(name, clauses)| (name.clone(), clauses.clone())).collect())
    }

    /// The names of what has to be removed.
    pub(crate) fn to_remove(&self) -> impl Iterator<Item = &str> {
        self.removed.0.keys().map(String::as_str)
    }

    /// How much there is to do, in words.
    pub(crate) fn to_do(&self) -> String {
        self.counted(["to add", "to change", "to remove"]).unwrap_or_else(|| "no difference".into())
    }

    /// The same once it is done.
    pub(crate) fn done(&self) -> String {
        self.counted(["added", "changed", "removed"]).unwrap_or_else(|| "nothing to do".into())
    }

    fn counted(&self, words: [&str; 3]) -> Option<String> {
        let policies = [&self.added, &self.changed, &self.removed];
        let counted = policies.into_iter().zip(words).filter(|(some, _)| !some.0.is_empty());
        let parts: Vec<String> =
            counted.map(|(some, word)| format!("{} {word}", some.0.len())).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// Writes a line for each policy that differs.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for (name, clauses) in &self.added.0 {
            let line = format!("+ {name}: {}", clauses.join(", "));
            writeln!(out, "  {}", painted(ADDED, &line))?;
        }
        for (name, clauses) in &self.changed.0 {
            let before = self.before.0.get(name).map(|clauses| clauses.join(", "));
            let line =
                format!("~ {name}: {} -> {}", before.unwrap_or_default(), clauses.join(", "));
            writeln!(out, "  {}", painted(CHANGED, &line))?;
        }
        for (name, clauses) in &self.removed.0 {
            let line = format!("- {name}: {}", clauses.join(", "));
            writeln!(out, "  {}", painted(REMOVED, &line))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(has: &str, wanted: &str) -> Difference {
        Difference::between(&Policies::read(has).unwrap(), &Policies::read(wanted).unwrap())
    }

    #[test]
    fn it_says_what_to_add_to_change_and_to_remove() {
        let found = between(
            r#"{"same": ["FIXED 5 1m"], "old": ["LOG 1 1s"], "api": ["FIXED 5 1m"]}"#,
            r#"{"same": ["fixed 5 60"], "new": ["LOG 2 1s"], "api": ["FIXED 6 1m", "LOG 3 1h"]}"#,
        );
        let mut written = Vec::new();
        found.write(&mut written).unwrap();
        let lines = anstream::adapter::strip_bytes(&written).into_vec();
        assert_eq!(
            String::from_utf8(lines).unwrap(),
            "  + new: LOG 2 1s\n  ~ api: FIXED 5 1m -> FIXED 6 1m, LOG 3 1h\n  - old: LOG 1 1s\n"
        );
        assert_eq!(found.to_do(), "1 to add, 1 to change, 1 to remove");
        assert_eq!(
            found.to_load().to_json(),
            r#"{"api":["FIXED 6 1m","LOG 3 1h"],"new":["LOG 2 1s"]}"#
        );
        assert_eq!(found.to_remove().collect::<Vec<_>>(), ["old"]);
        assert_eq!(found.without_removed().done(), "1 added, 1 changed");
    }

    #[test]
    fn the_order_of_clauses_counts_and_their_spelling_does_not() {
        assert!(between(r#"{"a": ["FIXED 5 1m"]}"#, r#"{"a": ["fixed 5 60s"]}"#).is_empty());
        let swapped =
            between(r#"{"a": ["LOG 1 1s", "FIXED 5 1m"]}"#, r#"{"a": ["FIXED 5 1m", "LOG 1 1s"]}"#);
        assert_eq!(swapped.to_do(), "1 to change");
    }
}
