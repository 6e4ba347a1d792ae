//! Deadlines that blame the right one: Redis, or this process, which was too busy to look.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

/// The clock is looked at this often within the deadline, to see whether this process keeps up.
const LOOKS: f32 = 4.0;
/// Turns in which the runtime may hand over what lies in the socket already.
const TURNS: u32 = 3;

/// Who let a deadline pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missed {
    /// Nothing came.
    ByRedis,
    /// This process was late itself, twice.
    ByProcess,
}

/// What `work` comes to within `timeout`. A process that was late itself gives it that time again,
/// once; what lies in the socket when the time is over is read before it is given up.
pub(crate) async fn within<T>(
    timeout: Duration,
    work: impl Future<Output = T>,
) -> Result<T, Missed> {
    let mut work = pin!(work);
    let look = timeout.div_f32(LOOKS).max(Duration::from_millis(1));
    let (mut missed, mut left) = (Missed::ByRedis, timeout);
    let mut given_again = false;
    while !left.is_zero() {
        let (since, wait) = (Instant::now(), look.min(left));
        if let Ok(done) = tokio::time::timeout(wait, work.as_mut()).await {
            return Ok(done);
        }
        left = left.saturating_sub(look);
        let is_late = since.elapsed().saturating_sub(wait) > look;
        if is_late && given_again {
            (missed, left) = (Missed::ByProcess, Duration::ZERO);
        } else if is_late {
            (given_again, left) = (true, timeout);
        }
    }
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
        let poll = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
        if let Poll::Ready(done) = poll {
            return Ok(done);
        }
    }
    Err(missed)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::sync::oneshot;

    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(100);

    #[tokio::test(start_paused = true)]
    async fn what_never_comes_is_given_up_in_time() {
        let began = Instant::now();
        assert_eq!(within(TIMEOUT, pending::<()>()).await, Err(Missed::ByRedis));
        assert_eq!(began.elapsed(), TIMEOUT);
    }

    #[tokio::test]
    async fn what_came_while_the_process_was_busy_is_taken() {
        let (send, receive) = oneshot::channel();
        let answers = tokio::spawn(async move {
            // The answer is there, but the runtime's one thread is busy until the time is over.
            std::thread::sleep(Duration::from_millis(200));
            tokio::task::yield_now().await;
            send.send(7).unwrap();
        });
        assert_eq!(within(TIMEOUT, receive).await, Ok(Ok(7)));
        answers.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_lies_in_the_socket_is_read_before_the_clock_decides() {
        let (send, receive) = oneshot::channel();
        let answers = tokio::spawn(async move {
            tokio::time::sleep(TIMEOUT).await;
            // As a connection, which reads in one turn of the runtime and hands over in the next.
            tokio::task::yield_now().await;
            send.send(7).unwrap();
        });
        assert_eq!(within(TIMEOUT, receive).await, Ok(Ok(7)));
        answers.await.unwrap();
    }

    #[tokio::test]
    async fn time_is_given_again_once() {
        let busy = tokio::spawn(async {
            for _ in 0..20 {
                std::thread::sleep(Duration::from_millis(200));
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(within(TIMEOUT, pending::<()>()).await, Err(Missed::ByProcess));
        busy.abort();
    }
}
