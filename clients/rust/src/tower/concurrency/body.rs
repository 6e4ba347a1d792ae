//! A body that holds a place until it has ended.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::limiter::Lease;

pin_project! {
    /// The body of a response that was limited by a [`ConcurrencyLayer`](super::ConcurrencyLayer).
    /// The request's place is given back when the body ends or is dropped.
    #[derive(Debug)]
    pub struct HeldBody<B> {
        #[pin]
        body: B,
        lease: Option<Lease>,
    }
}

impl<B> HeldBody<B> {
    pub(super) const fn new(body: B, lease: Option<Lease>) -> Self {
        Self { body, lease }
    }
}

impl<B: Body> Body for HeldBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(context));
        if !matches!(frame, Some(Ok(_))) || this.body.is_end_stream() {
            *this.lease = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
