//! The policies that there are.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::metrics::{Count, Decisions};
use crate::server::Field;
use crate::server::exclusive::{Exclusive, Held};
use crate::words::bounds::{LONGEST_NAME, MAX_POLICIES};
use crate::words::clause::AnyClause;
use crate::words::{Error, Quoted};

/// What a name stands for.
#[derive(Debug)]
pub(crate) struct Policy {
    /// One clause or more.
    pub(crate) clauses: Box<[AnyClause]>,
    /// Calls that named it.
    pub(crate) decisions: Decisions,
    /// Limits on trial of its, that would have refused.
    pub(crate) shadow_denied: Count,
}

/// A name. Calls bring bytes, and are spared asking whether they are text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name(Box<str>);

impl Borrow<[u8]> for Name {
    #[inline]
    fn borrow(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Policies by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policies {
    by_name: BTreeMap<Name, Arc<Policy>>,
}

static POLICIES: Exclusive<Policies> = Exclusive::new(Policies::new());

impl Policies {
    /// None.
    pub(crate) const fn new() -> Self {
        Self { by_name: BTreeMap::new() }
    }

    /// Those in force. Not to be held across anything that may ask for them again.
    pub(crate) fn in_force() -> Held<'static, Self> {
        POLICIES.hold()
    }

    /// Whether all names stand for the same clauses.
    pub(crate) fn are_those_of(&self, others: &Self) -> bool {
        let clauses =
            |(name, policy): (&Name, &Arc<Policy>)| (name.clone(), policy.clauses.clone());
        self.by_name.iter().map(clauses).eq(others.by_name.iter().map(clauses))
    }

    /// What `name` stands for.
    #[inline]
    pub(crate) fn get(&self, name: &[u8]) -> Option<Arc<Policy>> {
        self.by_name.get(name).map(Arc::clone)
    }

    /// Makes `name` stand for `clauses`.
    pub(crate) fn set(&mut self, name: &str, clauses: &[AnyClause]) -> Result<(), Error> {
        if !is_name(name) {
            return Err(Error::PolicyName { was: Quoted::new(name.as_bytes()) });
        }
        if self.by_name.len() >= MAX_POLICIES && !self.by_name.contains_key(name.as_bytes()) {
            return Err(Error::TooManyPolicies);
        }
        let policy = Policy {
            clauses: clauses.into(),
            decisions: Decisions::new(),
            shadow_denied: Count::new(),
        };
        self.by_name.insert(Name(name.into()), Arc::new(policy));
        Ok(())
    }

    /// Takes all of `others` over, in place of those with the same names.
    pub(crate) fn add(&mut self, others: &Self) -> Result<(), Error> {
        let mut all = self.clone();
        all.by_name.extend(others.clone().by_name);
        if all.by_name.len() > MAX_POLICIES {
            return Err(Error::TooManyPolicies);
        }
        *self = all;
        Ok(())
    }

    /// Forgets `name`; whether it was there.
    pub(crate) fn remove(&mut self, name: &[u8]) -> bool {
        self.by_name.remove(name).is_some()
    }

    /// Names and policies, in the order of the names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Arc<Policy>)> {
        self.by_name.iter().map(|(name, policy)| (name.0.as_ref(), policy))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }
}

/// Gives what INFO shows of the policies in force: how many, and how often each allowed and denied.
/// Nothing while somebody changes them.
pub(crate) fn fields(field: Field<'_>) {
    let Some(policies) = POLICIES.try_hold() else { return };
    field(&["policies"], policies.len() as u64);
    for (name, policy) in policies.iter() {
        field(&["policy_", name, "_allowed"], policy.decisions.allowed());
        field(&["policy_", name, "_denied"], policy.decisions.denied());
        field(&["policy_", name, "_shadow_denied"], policy.shadow_denied.get());
    }
}

/// Whether a policy may have this name: letters, digits and a few signs.
fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@-".contains(&byte);
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(fits)
}
