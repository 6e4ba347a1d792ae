//! What `INFO ratelimit` counts, sorted by what it is about.

use rl_core::Algorithm;

use super::server::Away;

/// What every field of the section begins with.
const PREFIX: &str = "ratelimit_";

/// How often something was allowed, and how often denied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decisions {
    pub(crate) allowed: u64,
    pub(crate) denied: u64,
}

/// The counts of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PolicyCounts {
    pub(crate) name: String,
    pub(crate) calls: Decisions,
    /// Further fields of it, by their names without the policy's.
    pub(crate) more: Vec<(String, u64)>,
}

/// All fields of the section.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counters {
    pub(crate) calls: Decisions,
    /// By the name that INFO gives the algorithm.
    pub(crate) algorithms: Vec<(String, Decisions)>,
    pub(crate) policies: Vec<PolicyCounts>,
    /// Everything else, known or not, in the order of INFO.
    pub(crate) others: Vec<(String, f64)>,
}

impl PolicyCounts {
    /// One of its further fields; 0 where it is missing.
    pub(crate) fn more(&self, name: &str) -> u64 {
        self.more.iter().find(|(other, _)| other == name).map_or(0, |(_, count)| *count)
    }
}

impl Counters {
    /// Reads what INFO told.
    pub(crate) fn read(info: &str) -> Result<Self, Away> {
        let mut read = Self::default();
        let mut found = false;
        for (name, value) in info.lines().filter_map(field) {
            found |= name == "decisions_allowed";
            read.add(name, value);
        }
        if found { Ok(read) } else { Err(Away("the module is not loaded there".into())) }
    }

    /// The value of one of the others.
    pub(crate) fn other(&self, name: &str) -> Option<f64> {
        self.others.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
    }

    fn add(&mut self, name: &str, value: &str) {
        let count = value.parse::<u64>();
        let added = match (name.strip_prefix("policy_"), count) {
            (Some(rest), Ok(count)) => self.add_of_policy(rest, count),
            (None, Ok(count)) => self.add_decisions(name, count),
            _ => false,
        };
        if !added && let Ok(value) = value.parse::<f64>() {
            self.others.push((name.into(), value));
        }
    }

    fn add_decisions(&mut self, name: &str, count: u64) -> bool {
        let Some((about, verdict)) = name.rsplit_once('_') else { return false };
        let decisions = if about == "decisions" {
            &mut self.calls
        } else if Algorithm::ALL.iter().any(|algorithm| algorithm.name() == about) {
            entry(&mut self.algorithms, about)
        } else {
            return false;
        };
        decisions.set(verdict, count)
    }

    /// Adds a field of a policy: each begins with `NAME_allowed`, and its others follow it. So
    /// `a_shadow_denied` is known to be of the policy `a` or `a_shadow`.
    fn add_of_policy(&mut self, rest: &str, count: u64) -> bool {
        if let Some(name) = rest.strip_suffix("_allowed") {
            let calls = Decisions { allowed: count, denied: 0 };
            // INFO keeps ':' for itself, and no name has a '|'.
            self.policies.push(PolicyCounts {
                name: name.replace('|', ":"),
                calls,
                more: Vec::new(),
            });
            return true;
        }
        let Some(policy) = self.policies.last_mut() else { return false };
        let Some(about) = rest.replace('|', ":").strip_prefix(&policy.name).map(str::to_owned)
        else {
            return false;
        };
        match about.strip_prefix('_') {
            Some("denied") => policy.calls.denied = count,
            Some(other) => policy.more.push((other.into(), count)),
            None => return false,
        }
        true
    }
}

impl Decisions {
    /// Adds another server's.
    pub(crate) fn add(&mut self, other: Self) {
        self.allowed = self.allowed.saturating_add(other.allowed);
        self.denied = self.denied.saturating_add(other.denied);
    }

    fn set(&mut self, verdict: &str, count: u64) -> bool {
        match verdict {
            "allowed" => self.allowed = count,
            "denied" => self.denied = count,
            _ => return false,
        }
        true
    }
}

fn entry<'a>(algorithms: &'a mut Vec<(String, Decisions)>, name: &str) -> &'a mut Decisions {
    let place = algorithms.iter().position(|(other, _)| other == name);
    let place = place.unwrap_or_else(|| {
        algorithms.push((name.into(), Decisions::default()));
        algorithms.len().saturating_sub(1)
    });
    // It is there, or was just added.
    #[expect(clippy::indexing_slicing)]
    &mut algorithms[place].1
}

/// The name and value of a line of the section.
fn field(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix(PREFIX)?.split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "# ratelimit_ratelimit\r\n\
        ratelimit_decisions_allowed:7\r\nratelimit_decisions_denied:3\r\n\
        ratelimit_fixed_allowed:5\r\nratelimit_fixed_denied:2\r\n\
        ratelimit_shadow_allowed:4\r\nratelimit_shadow_denied:1\r\n\
        ratelimit_brand_new:12\r\nratelimit_ratio:0.5\r\nratelimit_word:yes\r\n\
        ratelimit_policies:2\r\n\
        ratelimit_policy_a_allowed:1\r\nratelimit_policy_a_denied:2\r\n\
        ratelimit_policy_a_shadow_denied:3\r\n\
        ratelimit_policy_a_shadow_allowed:4\r\nratelimit_policy_a_shadow_denied:5\r\n\
        ratelimit_policy_a_shadow_shadow_denied:6\r\n\
        ratelimit_policy_t|1_allowed:8\r\nratelimit_policy_t|1_denied:9\r\n";

    #[test]
    fn every_field_has_its_place() {
        let read = Counters::read(INFO).unwrap();
        assert_eq!(read.calls, Decisions { allowed: 7, denied: 3 });
        assert_eq!(read.algorithms, [("fixed".into(), Decisions { allowed: 5, denied: 2 })]);
        let others = [
            ("shadow_allowed", 4.0),
            ("shadow_denied", 1.0),
            ("brand_new", 12.0),
            ("ratio", 0.5),
            ("policies", 2.0),
        ];
        assert_eq!(read.others, others.map(|(name, value)| (name.to_owned(), value)));
        assert_eq!(read.other("brand_new"), Some(12.0));
    }

    #[test]
    fn policies_are_known_by_their_names_whatever_these_are() {
        let read = Counters::read(INFO).unwrap();
        let policy = |name: &str, allowed, denied, more: &[u64]| PolicyCounts {
            name: name.into(),
            calls: Decisions { allowed, denied },
            more: more.iter().map(|count| ("shadow_denied".into(), *count)).collect(),
        };
        let all =
            [policy("a", 1, 2, &[3]), policy("a_shadow", 4, 5, &[6]), policy("t:1", 8, 9, &[])];
        assert_eq!(read.policies, all);
    }

    #[test]
    fn a_server_without_the_module_has_no_such_section() {
        assert!(Counters::read("# Server\r\nredis_version:7.0.15\r\n").is_err());
    }
}
