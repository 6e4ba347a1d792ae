//! Which requests count: `status>=400`, `path~^/api/`.

use std::cmp::Ordering;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use regex::Regex;

/// A condition on one field.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    field: String,
    test: Test,
}

/// What a field's value must be.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    /// The text, or the same number.
    Is(String),
    /// Not that; a field that is missing is not.
    IsNot(String),
    /// An address of this network.
    Within(IpNet),
    /// No address of this network.
    Without(IpNet),
    /// A number that compares so, or is equal where that is said too.
    Compares(Ordering, bool, f64),
    /// Text in which the expression is found.
    Matches(Regex),
}

impl Condition {
    /// The field it is about.
    pub(crate) fn field(&self) -> &str {
        &self.field
    }

    /// Whether the field's value, if it has one, is what it must be.
    pub(crate) fn holds(&self, value: Option<&str>) -> bool {
        match &self.test {
            // As logs write what is missing.
            Test::Is(text) if is_nothing(text) => value.is_none_or(is_nothing),
            Test::IsNot(text) if is_nothing(text) => value.is_some_and(|value| !is_nothing(value)),
            Test::IsNot(text) => value.is_none_or(|value| !is_same(value, text)),
            Test::Without(network) => value.is_none_or(|value| !is_within(value, network)),
            test => value.is_some_and(|value| test.holds(value)),
        }
    }
}

impl Test {
    fn holds(&self, value: &str) -> bool {
        match self {
            Self::Is(text) => is_same(value, text),
            Self::IsNot(text) => !is_same(value, text),
            Self::Within(network) => is_within(value, network),
            Self::Without(network) => !is_within(value, network),
            Self::Compares(order, or_equal, number) => {
                let compared = value.parse::<f64>().ok().and_then(|v| v.partial_cmp(number));
                compared.is_some_and(|c| c == *order || *or_equal && c == Ordering::Equal)
            }
            Self::Matches(regex) => regex.is_match(value),
        }
    }
}

fn is_nothing(text: &str) -> bool {
    matches!(text, "" | "-")
}

/// Whether both are the same text or the same number.
fn is_same(value: &str, text: &str) -> bool {
    value == text || matches!((value.parse::<f64>(), text.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
}

fn is_within(value: &str, network: &IpNet) -> bool {
    value.parse::<IpAddr>().is_ok_and(|address| network.contains(&address.to_canonical()))
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "must be FIELD and one of = != < <= > >= ~ and a value, such as 'status>=400', not '{text}'"
            )
        };
        let at = text.find(['=', '!', '<', '>', '~']).filter(|at| *at > 0).ok_or_else(wrong)?;
        let (field, rest) = text.split_at_checked(at).ok_or_else(wrong)?;
        let words = ["!=", "<=", ">=", "=", "<", ">", "~"];
        let word = words.into_iter().find(|word| rest.starts_with(word)).ok_or_else(wrong)?;
        let value = rest.strip_prefix(word).unwrap_or_default();
        let field = field.trim().to_owned();
        let test = read(&field, word, value).map_err(|what| format!("{what}, in '{text}'"))?;
        Ok(Self { field, test })
    }
}

fn read(field: &str, word: &str, value: &str) -> Result<Test, String> {
    let network = (field == "ip").then(|| value.parse::<IpNet>().ok()).flatten();
    let number = || {
        let number: Option<f64> = value.trim().parse().ok().filter(|number: &f64| !number.is_nan());
        number.ok_or_else(|| format!("'{word}' must be followed by a number, not by '{value}'"))
    };
    Ok(match (word, network) {
        ("=", Some(network)) => Test::Within(network),
        ("!=", Some(network)) => Test::Without(network),
        ("=", None) => Test::Is(value.to_owned()),
        ("!=", None) => Test::IsNot(value.to_owned()),
        ("<", _) => Test::Compares(Ordering::Less, false, number()?),
        ("<=", _) => Test::Compares(Ordering::Less, true, number()?),
        (">", _) => Test::Compares(Ordering::Greater, false, number()?),
        (">=", _) => Test::Compares(Ordering::Greater, true, number()?),
        _ => Test::Matches(
            Regex::new(value).map_err(|error| format!("the expression cannot be read: {error}"))?,
        ),
    })
}
