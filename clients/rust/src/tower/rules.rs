//! Which requests are limited, by what, and what they cost.

use std::borrow::Cow;
use std::sync::Arc;

use http::request::Parts;
use http::{Request, Response, response};

use super::answers::Refusal;
use super::met::{self, Id, Meeting, Met, Place};
use super::scope::{self, Methods};
use super::who::{ClientIp, KeyFor, LimitsFor};
use crate::error::Error;
use crate::keys::{CannotIdentify, Subject};
use crate::limiter::Limiter;
use crate::limits::LimitSet;

type Cost<B> = dyn Fn(&Request<B>) -> u64 + Send + Sync;
type Exempt<B> = dyn Fn(&Request<B>) -> bool + Send + Sync;
/// Whether a response counts.
pub(super) type CountIf = dyn Fn(&response::Parts) -> bool + Send + Sync;
type Reject = dyn Fn(&Refusal<'_>, &Parts) -> Response<String> + Send + Sync;

/// What a layer was told.
pub(super) struct Rules<B> {
    pub(super) id: Id,
    pub(super) limits: Arc<dyn LimitsFor<B>>,
    pub(super) key: Arc<dyn KeyFor<B>>,
    pub(super) cost: Arc<Cost<B>>,
    pub(super) exempt: Option<Arc<Exempt<B>>>,
    pub(super) methods: Option<Methods>,
    pub(super) reject: Option<Arc<Reject>>,
    pub(super) grpc: bool,
    pub(super) wait: bool,
    pub(super) count_if: Option<Arc<CountIf>>,
    pub(super) reserve: bool,
}

/// What a request asks the limiter.
pub(super) struct Question {
    /// The whole key.
    pub(super) key: String,
    pub(super) limits: LimitSet,
    pub(super) cost: u64,
}

impl<B> Rules<B> {
    pub(super) fn new(limits: impl LimitsFor<B> + 'static) -> Self
    where
        B: 'static,
    {
        Self {
            id: Id::new(),
            limits: Arc::new(limits),
            key: Arc::new(ClientIp::default()),
            cost: Arc::new(|_| 1),
            exempt: None,
            methods: None,
            reject: None,
            grpc: false,
            wait: false,
            count_if: None,
            reserve: false,
        }
    }

    /// What to ask of a request, or nothing where it is exempt, or charged already. Either way it
    /// has met this limit.
    pub(super) fn question<C>(
        &self,
        limiter: &Limiter<C>,
        request: &mut Request<B>,
    ) -> Result<Option<Question>, Error> {
        if !limiter.is_enabled() {
            return Ok(None);
        }
        let mut met = request.extensions_mut().remove::<Met>().unwrap_or_default();
        let question = self.meet(limiter, request, &mut met);
        request.extensions_mut().insert(met);
        question
    }

    fn meet<C>(
        &self,
        limiter: &Limiter<C>,
        request: &Request<B>,
        met: &mut Met,
    ) -> Result<Option<Question>, Error> {
        let method = request.method().as_str();
        let is_exempt = self.exempt.as_ref().is_some_and(|exempt| exempt(request));
        let asked = !is_exempt && scope::is_for(method, self.methods.as_ref());
        let subject = if asked { self.key.key(request)? } else { None };
        let Some(subject) = subject else {
            self.pass(limiter, request, met)?;
            return Ok(None);
        };
        let limits = self.limits.limits(request, &subject);
        let scope = Self::scope(request, &limits);
        let meeting = self.meeting(limiter, &scope, &limits);
        let whole = |key: &mut String| limiter.write_subject(&subject, key);
        let key = match met.ask(meeting, |scope| limiter.family(None, scope), whole)? {
            Place::At { key, .. } => key.to_owned(),
            Place::Charged => return Ok(None),
            Place::Taken(other) => return Err(twice(&scope, other, &subject)),
        };
        let cost = (self.cost)(request);
        Ok(Some(Question { key, limits, cost }))
    }

    /// Meet the limit without asking it, so that those after it count where they always do. Limits
    /// that depend on the subject are not known here, and leave no trace.
    fn pass<C>(
        &self,
        limiter: &Limiter<C>,
        request: &Request<B>,
        met: &mut Met,
    ) -> Result<(), CannotIdentify> {
        let Some(limits) = self.limits.fixed() else { return Ok(()) };
        let scope = Self::scope(request, limits);
        let meeting = self.meeting(limiter, &scope, limits);
        met.pass(meeting, |scope| limiter.family(None, scope))
    }

    fn scope<'a>(request: &Request<B>, limits: &'a LimitSet) -> Cow<'a, str> {
        scope::of(request.method().as_str(), route(request), limits.name())
    }

    fn meeting<'a, C>(
        &self,
        limiter: &Limiter<C>,
        scope: &'a str,
        limits: &LimitSet,
    ) -> Meeting<'a> {
        let named = limits.name().is_some();
        let counters = met::counters(limits, &limiter.known(limits));
        Meeting { id: self.id, scope, named, counters }
    }

    /// Whether charges may be settled.
    pub(super) fn settles(&self) -> bool {
        self.reserve || self.count_if.is_some()
    }

    pub(super) fn answer(&self, refusal: &Refusal<'_>, request: &Parts) -> Response<String> {
        match &self.reject {
            Some(reject) => reject(refusal, request),
            None if self.grpc && Refusal::is_grpc(&request.headers) => refusal.grpc(),
            None => refusal.response(),
        }
    }
}

fn twice(scope: &str, other: &str, subject: &Subject) -> Error {
    let kind = subject.kind();
    Error::Configuration(format!(
        "two limits of one request must not charge the same limiter, as '{other}' and '{scope}' do for \
         the same {kind}: give each a name of its own, or use one layer for both"
    ))
}

// Derived, it would ask that bodies can be cloned.
impl<B> Clone for Rules<B> {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            limits: Arc::clone(&self.limits),
            key: Arc::clone(&self.key),
            cost: Arc::clone(&self.cost),
            exempt: self.exempt.clone(),
            methods: self.methods.clone(),
            reject: self.reject.clone(),
            grpc: self.grpc,
            wait: self.wait,
            count_if: self.count_if.clone(),
            reserve: self.reserve,
        }
    }
}

#[cfg(feature = "axum")]
fn route<B>(request: &Request<B>) -> Option<&str> {
    request.extensions().get::<axum::extract::MatchedPath>().map(axum::extract::MatchedPath::as_str)
}

#[cfg(not(feature = "axum"))]
const fn route<B>(_: &Request<B>) -> Option<&'static str> {
    None
}
