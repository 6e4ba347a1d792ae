//! Who a request comes from, and which limits it has: closures, or types of your own.

use http::Request;

use crate::keys::{CannotIdentify, Subject};
use crate::limits::LimitSet;

/// Tells who a request comes from. Closures of `&Request<B>` do, if they return an [`Identity`]:
///
/// ```
/// use http::Request;
/// use redis_rl::{Subject, tower::ClientIp};
///
/// let ip = ClientIp::default();
/// let caller = move |request: &Request<String>| match request.headers().get("x-api-key") {
///     Some(key) => Ok(Subject::key(String::from_utf8_lossy(key.as_bytes()))),
///     None => ip.of(request),
/// };
/// # fn is_key(_: impl redis_rl::tower::KeyFor<String>) {}
/// # is_key(caller);
/// ```
///
/// What takes time, such as looking up a session, belongs in a layer before this one, which leaves
/// what it found in the request's extensions.
pub trait KeyFor<B>: Send + Sync {
    /// Who asks, or nothing where the request is exempt.
    ///
    /// # Errors
    /// When there is nobody to limit; the request is then answered 400.
    fn key(&self, request: &Request<B>) -> Result<Option<Subject>, CannotIdentify>;
}

impl<B, F, I> KeyFor<B> for F
where
    F: Fn(&Request<B>) -> I + Send + Sync,
    I: Identity,
{
    fn key(&self, request: &Request<B>) -> Result<Option<Subject>, CannotIdentify> {
        self(request).identity()
    }
}

/// What a key closure may return: a [`Subject`], or text, which is a user's id; an `Option` of them
/// (nothing: exempt); or a `Result` of any.
pub trait Identity {
    /// The same in its widest form.
    ///
    /// # Errors
    /// When there is nobody to limit.
    fn identity(self) -> Result<Option<Subject>, CannotIdentify>;
}

impl Identity for Subject {
    fn identity(self) -> Result<Option<Subject>, CannotIdentify> {
        Ok(Some(self))
    }
}

impl Identity for String {
    fn identity(self) -> Result<Option<Subject>, CannotIdentify> {
        Ok(Some(self.into()))
    }
}

impl Identity for &'static str {
    fn identity(self) -> Result<Option<Subject>, CannotIdentify> {
        Ok(Some(self.into()))
    }
}

impl<I: Identity> Identity for Option<I> {
    fn identity(self) -> Result<Option<Subject>, CannotIdentify> {
        self.map_or(Ok(None), Identity::identity)
    }
}

impl<I: Identity> Identity for Result<I, CannotIdentify> {
    fn identity(self) -> Result<Option<Subject>, CannotIdentify> {
        self?.identity()
    }
}

/// Tells which limits a request has: a [`LimitSet`] for all, or a closure of the request and who
/// sent it.
pub trait LimitsFor<B>: Send + Sync {
    /// The limits of this request.
    fn limits(&self, request: &Request<B>, subject: &Subject) -> LimitSet;

    /// The limits that all requests have, if they are the same for all.
    fn fixed(&self) -> Option<&LimitSet> {
        None
    }
}

impl<B> LimitsFor<B> for LimitSet {
    fn limits(&self, _: &Request<B>, _: &Subject) -> LimitSet {
        self.clone()
    }

    fn fixed(&self) -> Option<&LimitSet> {
        Some(self)
    }
}

impl<B, F> LimitsFor<B> for F
where
    F: Fn(&Request<B>, &Subject) -> LimitSet + Send + Sync,
{
    fn limits(&self, request: &Request<B>, subject: &Subject) -> LimitSet {
        self(request, subject)
    }
}
