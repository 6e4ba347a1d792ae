//! What a request is counted under: the method and the route, never the path that a client wrote.

use std::borrow::Cow;
use std::sync::Arc;

use crate::config_error::ConfigError;

const DEFINED: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
/// All methods that HTTP does not define are one, or clients could invent budgets.
const OTHER: &str = "*";
const METHODS: &str = "methods must be a list of HTTP methods, or '*' for all that HTTP does not define, \
     as in methods([\"POST\"])";
const OPTIONS: &str = "OPTIONS";
const APP: &str = "app";

/// The methods that a limit is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Methods(Arc<[&'static str]>);

impl Methods {
    /// Names of methods in any case; HEAD means GET, and `*` all that HTTP does not define.
    pub(crate) fn new<T: AsRef<str>>(
        methods: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let methods: Vec<_> =
            methods.into_iter().map(|name| listed(name.as_ref())).collect::<Result<_, _>>()?;
        if methods.is_empty() {
            return Err(ConfigError::new(format!("{METHODS}, not []")));
        }
        Ok(Self(methods.into()))
    }
}

fn listed(name: &str) -> Result<&'static str, ConfigError> {
    let upper = name.to_ascii_uppercase();
    match DEFINED.into_iter().find(|method| *method == upper) {
        Some(method) => Ok(counted(method)),
        None if name == OTHER => Ok(OTHER),
        None => Err(ConfigError::new(format!("{METHODS}, not '{name}'"))),
    }
}

/// The method that a request counts as.
fn counted(method: &str) -> &'static str {
    match DEFINED.into_iter().find(|defined| *defined == method) {
        Some("HEAD") => "GET",
        Some(method) => method,
        None => OTHER,
    }
}

/// Whether a limit for these methods, if not for all, is for this one.
pub(crate) fn is_for(method: &str, methods: Option<&Methods>) -> bool {
    methods.is_none_or(|Methods(methods)| methods.contains(&counted(method)))
}

/// What a limit counts a request under: by its name, else by method and route template, else for
/// the whole app.
pub(crate) fn of<'a>(method: &str, template: Option<&str>, name: Option<&'a str>) -> Cow<'a, str> {
    let method = counted(method);
    match (name, template) {
        (None, Some(template)) => [method, " ", template].concat().into(),
        // OPTIONS never uses the budget of the request that it announces.
        (name, _) if method == OPTIONS => format!("{OPTIONS} {}", name.unwrap_or(APP)).into(),
        (name, _) => name.unwrap_or(APP).into(),
    }
}
