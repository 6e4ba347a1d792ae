//! The crate tower-redis-cell as it is published, over this module's CL.THROTTLE.

use std::convert::Infallible;

use http::{Request, Response};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_redis_cell::redis_cell::Policy;
use tower_redis_cell::{
    Error, ProvideRule, ProvideRuleResult, RateLimitConfig, RateLimitLayer, Rule,
};

use crate::support::Server;

/// A burst of two, then one an hour.
const POLICY: Policy = Policy::new(2, 1, std::time::Duration::from_secs(3600), 1);

#[derive(Clone)]
struct ByUser;

impl ProvideRule<Request<String>> for ByUser {
    fn provide<'a>(&self, request: &'a Request<String>) -> ProvideRuleResult<'a> {
        Ok(Some(Rule::new(request.body().as_str(), POLICY)))
    }
}

#[tokio::test]
async fn tower_redis_cell_runs_unchanged() {
    let (server, _clock) = Server::clocked();
    let config = RateLimitConfig::new(ByUser, |error, _: &Request<String>| match error {
        Error::RateLimit(denied) => {
            let after = denied.details.retry_after;
            Response::builder().status(429).body(format!("{after}")).unwrap()
        }
        other => Response::builder().status(500).body(other.to_string()).unwrap(),
    });
    let inner =
        service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::new())));
    let layer = RateLimitLayer::new(config, server.connection().await);
    let mut service = ServiceBuilder::new().layer(layer).service(inner);
    let mut ask = async |user: &str| {
        let response =
            service.ready().await.unwrap().call(Request::new(user.to_owned())).await.unwrap();
        (response.status().as_u16(), response.into_body())
    };
    for expected in [200, 200, 200] {
        assert_eq!(ask("alice").await.0, expected);
    }
    let (status, after) = ask("alice").await;
    assert_eq!(status, 429, "{after}");
    assert!((3590..=3600).contains(&after.parse::<u64>().unwrap()), "{after}");
    assert_eq!(ask("bob").await.0, 200);
    assert_eq!(server.calls("cl.throttle").await, 5);
}
