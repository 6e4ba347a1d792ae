//! A plain service behind a layer, without a framework.

use std::convert::Infallible;
use std::net::SocketAddr;

use http::{HeaderMap, Request, Response};
use redis_rl::Connection;
use redis_rl::tower::{PeerAddr, RateLimitInfo, RateLimitLayer};
use tower::{Layer, ServiceExt, service_fn};

use super::{Server, limits, patient};

pub(crate) type Layered = RateLimitLayer<Connection, String>;

pub(crate) fn layer(server: &Server, text: &str) -> Layered {
    RateLimitLayer::new(patient(&server.url()).build(), limits(text))
}

pub(crate) fn request(method: &str) -> Request<String> {
    let peer: SocketAddr = "192.0.2.1:1234".parse().unwrap();
    Request::builder().method(method).extension(PeerAddr(peer)).body(String::new()).unwrap()
}

/// Send one request through the layer to a service that answers what it was told of the limits.
pub(crate) async fn through(layer: &Layered, request: Request<String>) -> Response<String> {
    let inner = service_fn(async |request: Request<String>| {
        let info = request.extensions().get::<RateLimitInfo>().expect("it is always there");
        let told = match info.outcomes().len() {
            0 => "exempt".to_owned(),
            _ => format!("{:?}", info.remaining()),
        };
        Ok::<_, Infallible>(Response::new(told))
    });
    layer.layer(inner).oneshot(request).await.unwrap()
}

pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}
