//! What all clones of a service share, and how they answer.

use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use http::{Request, Response};
use tokio::time::{Sleep, sleep};

use crate::error::Error;
use crate::limiter::Limiter;
use crate::limiter::charge::Charge;
use crate::outcome::Outcome;
use crate::tower::answers::policy_line::PolicyLine;
use crate::tower::answers::{Refusal, headers};
use crate::tower::info::RateLimitInfo;
use crate::tower::rules::Rules;

pub(in crate::tower) struct Guard<C, B> {
    pub(in crate::tower) limiter: Limiter<C>,
    pub(in crate::tower) rules: Rules<B>,
    pub(in crate::tower) policies: PolicyLine,
}

impl<C, B> Guard<C, B> {
    /// The wait that a LEAKY limit asks for, where the layer keeps it.
    pub(in crate::tower) fn hold(&self, outcome: &Outcome) -> Option<Pin<Box<Sleep>>> {
        let wait = outcome.wait();
        (self.rules.wait && !wait.is_zero()).then(|| Box::pin(sleep(wait)))
    }

    pub(in crate::tower) fn deny<R: From<String>>(
        &self,
        request: Request<B>,
        outcome: Outcome,
    ) -> Response<R> {
        let (request, _body) = request.into_parts();
        let outcome = Arc::new(outcome);
        let info = RateLimitInfo::with(request.extensions.get(), Arc::clone(&outcome));
        let refusal = Refusal::Denied(&outcome);
        let mut response = self.rules.answer(&refusal, &request).map(R::from);
        self.tell(&mut response, &outcome, None, info);
        response
    }

    pub(in crate::tower) fn fail<R: From<String>>(
        &self,
        request: Request<B>,
        error: &Error,
    ) -> Response<R> {
        let (request, _body) = request.into_parts();
        let refusal = Refusal::of(error);
        let mut response = self.rules.answer(&refusal, &request).map(R::from);
        refusal.mark(response.headers_mut());
        response
    }

    /// Add what is known to a response. An inner layer's information has this one's in it already.
    pub(in crate::tower) fn tell<R>(
        &self,
        response: &mut Response<R>,
        outcome: &Outcome,
        charge: Option<&Charge>,
        info: RateLimitInfo,
    ) {
        let (headers, legacy) = (response.headers_mut(), self.limiter.legacy());
        let settled = charge.and_then(Charge::settled).map(|actual| outcome.settled(actual));
        let outcome = settled.as_ref().unwrap_or(outcome);
        headers::apply(headers, outcome, &self.policies, legacy, SystemTime::now);
        response.extensions_mut().get_or_insert_with(|| info);
    }
}

/// Leave what handlers ask for, also where the request is exempt.
pub(in crate::tower) fn leave_info<B>(
    request: &mut Request<B>,
    outcome: Option<&Arc<Outcome>>,
) -> RateLimitInfo {
    let extensions = request.extensions_mut();
    let Some(outcome) = outcome else {
        return extensions.get_or_insert_default::<RateLimitInfo>().clone();
    };
    let info = RateLimitInfo::with(extensions.get(), Arc::clone(outcome));
    extensions.insert(info.clone());
    info
}
