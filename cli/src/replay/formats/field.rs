//! The names of what a line says.

/// What a line may say, by the name that options have for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Ip,
    Method,
    Path,
    Query,
    Status,
    Bytes,
    Duration,
    Agent,
    Referer,
    Host,
    User,
    Time,
    /// A name that only some formats know: any of JSON, a column of a load balancer's log.
    Other(String),
}

impl Field {
    /// The one that is called so.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "ip" => Self::Ip,
            "method" => Self::Method,
            "path" => Self::Path,
            "query" => Self::Query,
            "status" => Self::Status,
            "bytes" => Self::Bytes,
            "duration" => Self::Duration,
            "agent" => Self::Agent,
            "referer" => Self::Referer,
            "host" => Self::Host,
            "user" => Self::User,
            "time" => Self::Time,
            other => Self::Other(other.to_owned()),
        }
    }
}
