//! Which requests are limited, by what, and what they cost.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::request::Parts;
use http::{Request, Response, response};

use super::answers::Refusal;
use super::met::{self, Id, Meeting, Met, Place};
use super::scope::{self, Methods};
use super::who::{ClientIp, KeyFor, LimitsFor};
use crate::error::Error;
use crate::keys::{CannotIdentify, Subject};
use crate::limiter::{Asked, Limiter};
use crate::limits::LimitSet;

pub(in crate::tower) type Cost<B> = dyn Fn(&Request<B>) -> u64 + Send + Sync;
pub(in crate::tower) type Slot<B> = dyn Fn(&Request<B>) -> String + Send + Sync;
type Exempt<B> = dyn Fn(&Request<B>) -> bool + Send + Sync;
/// Whether a response counts, when that is known.
pub(in crate::tower) type Counting = Pin<Box<dyn Future<Output = bool> + Send>>;
pub(in crate::tower) type CountIf = dyn Fn(&response::Parts) -> Counting + Send + Sync;
type Reject = dyn Fn(&Refusal<'_>, &Parts) -> Response<String> + Send + Sync;

/// What a layer was told.
pub(in crate::tower) struct Rules<B> {
    pub(in crate::tower) id: Id,
    pub(in crate::tower) limits: Arc<dyn LimitsFor<B>>,
    pub(in crate::tower) key: Arc<dyn KeyFor<B>>,
    pub(in crate::tower) cost: Arc<Cost<B>>,
    pub(in crate::tower) exempt: Option<Arc<Exempt<B>>>,
    pub(in crate::tower) methods: Option<Methods>,
    pub(in crate::tower) reject: Option<Arc<Reject>>,
    pub(in crate::tower) grpc: bool,
    pub(in crate::tower) wait: bool,
    pub(in crate::tower) count_if: Option<Arc<CountIf>>,
    pub(in crate::tower) reserve: bool,
    /// Subjects that are asked along with the first.
    pub(in crate::tower) others: Vec<Other<B>>,
    pub(in crate::tower) slot: Option<Arc<Slot<B>>>,
}

/// Another subject of a request, with limits of its own.
pub(in crate::tower) struct Other<B> {
    pub(in crate::tower) id: Id,
    pub(in crate::tower) limits: LimitSet,
    pub(in crate::tower) key: Arc<dyn KeyFor<B>>,
    pub(in crate::tower) cost: Option<Arc<Cost<B>>>,
}

/// What a request asks the limiter.
pub(in crate::tower) enum Question {
    One {
        /// The whole key.
        key: String,
        limits: LimitSet,
        cost: u64,
    },
    All {
        asked: Vec<Asked>,
        slotted: bool,
    },
}

impl<B> Rules<B> {
    pub(in crate::tower) fn new(limits: impl LimitsFor<B> + 'static) -> Self
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
            others: Vec::new(),
            slot: None,
        }
    }

    /// What to ask of a request, or nothing where it is exempt, or charged already. Either way it
    /// has met this limit.
    pub(in crate::tower) fn question<C>(
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
        if !self.others.is_empty() || self.slot.is_some() {
            return self.meet_all(limiter, request, met, asked);
        }
        let Some(subject) = (if asked { self.key.key(request)? } else { None }) else {
            self.pass(limiter, request, met)?;
            return Ok(None);
        };
        let limits = self.limits.limits(request, &subject);
        let key = Self::ask(limiter, request, met, self.id, None, &subject, &limits)?;
        Ok(key.map(|key| Question::One { key, limits, cost: (self.cost)(request) }))
    }

    /// The same for several subjects. Those that are exempt or charged already are left out.
    fn meet_all<C>(
        &self,
        limiter: &Limiter<C>,
        request: &Request<B>,
        met: &mut Met,
        ask: bool,
    ) -> Result<Option<Question>, Error> {
        let slot = self.slot.as_ref().filter(|_| ask).map(|slot| slot(request));
        let slot = slot.as_deref();
        let mut asked = Vec::with_capacity(self.others.len().saturating_add(1));
        let first = (self.id, &self.key, None, &self.cost);
        let others = self.others.iter().map(|other| {
            (other.id, &other.key, Some(&other.limits), other.cost.as_ref().unwrap_or(&self.cost))
        });
        for (id, key, limits, cost) in std::iter::once(first).chain(others) {
            let Some(subject) = (if ask { key.key(request)? } else { None }) else {
                if let Some(limits) = limits.or_else(|| self.limits.fixed()) {
                    let scope = Self::scope(request, limits);
                    let meeting = Self::meeting(limiter, id, &scope, limits);
                    met.pass(meeting, |scope| limiter.family(slot, scope))?;
                }
                continue;
            };
            let limits = limits.cloned().unwrap_or_else(|| self.limits.limits(request, &subject));
            if let Some(key) = Self::ask(limiter, request, met, id, slot, &subject, &limits)? {
                let scope = || Self::scope(request, &limits).into_owned();
                let name = limits.name().map_or_else(scope, str::to_owned);
                asked.push(Asked { name, key, limits, cost: cost(request) });
            }
        }
        let slotted = slot.is_some();
        Ok((!asked.is_empty()).then_some(Question::All { asked, slotted }))
    }

    /// The key where a limit counts, or nothing where it has charged the request already.
    fn ask<C>(
        limiter: &Limiter<C>,
        request: &Request<B>,
        met: &mut Met,
        id: Id,
        slot: Option<&str>,
        subject: &Subject,
        limits: &LimitSet,
    ) -> Result<Option<String>, Error> {
        let scope = Self::scope(request, limits);
        let meeting = Self::meeting(limiter, id, &scope, limits);
        let whole = |key: &mut String| limiter.write_subject(subject, key);
        match met.ask(meeting, |scope| limiter.family(slot, scope), whole)? {
            Place::At { key, .. } => Ok(Some(key.to_owned())),
            Place::Charged => Ok(None),
            Place::Taken => Err(twice(&scope, subject)),
        }
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
        let meeting = Self::meeting(limiter, self.id, &scope, limits);
        met.pass(meeting, |scope| limiter.family(None, scope))
    }

    fn scope<'a>(request: &Request<B>, limits: &'a LimitSet) -> Cow<'a, str> {
        scope::of(request.method().as_str(), route(request), limits.name())
    }

    fn meeting<'a, C>(
        limiter: &Limiter<C>,
        id: Id,
        scope: &'a str,
        limits: &LimitSet,
    ) -> Meeting<'a> {
        let named = limits.name().is_some();
        let counters = met::counters(limits, &limiter.known(limits));
        Meeting { id, scope, named, counters }
    }

    /// Whether charges may be settled.
    pub(in crate::tower) fn settles(&self) -> bool {
        self.reserve || self.count_if.is_some()
    }

    pub(in crate::tower) fn answer(
        &self,
        refusal: &Refusal<'_>,
        request: &Parts,
    ) -> Response<String> {
        match &self.reject {
            Some(reject) => reject(refusal, request),
            None if self.grpc && Refusal::is_grpc(&request.headers) => refusal.grpc(),
            None => refusal.response(),
        }
    }
}

fn twice(scope: &str, subject: &Subject) -> Error {
    let kind = subject.kind();
    Error::Configuration(format!(
        "two limits of one request must not charge the same limiter, as two named '{scope}' do for the \
         same {kind}: give each a name of its own, or use one layer for both"
    ))
}

// Derived, they would ask that bodies can be cloned.
impl<B> Clone for Other<B> {
    fn clone(&self) -> Self {
        let (limits, key) = (self.limits.clone(), Arc::clone(&self.key));
        Self { id: self.id, limits, key, cost: self.cost.clone() }
    }
}

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
            others: self.others.clone(),
            slot: self.slot.clone(),
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
