//! A worker that asks before each job: no more than ten mails a second, for all workers together.
//!
//! `REDIS_URL` names the server; each argument is a recipient.

use std::env;
use std::error::Error;
use std::time::Duration;

use redis_rl::{Key, LimitSet, Limiter, Subject};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    // A job can wait longer than a request.
    let patience = Duration::from_secs(30);
    let connection = redis_rl::connect(url)?.connect_timeout(patience);
    let limiter = Limiter::builder(connection).timeout(patience).build();
    limiter.probe().await?;

    let limits = LimitSet::named("mail", "token 10/second")?;
    let provider = Key::new("mail", Subject::user("provider"));
    for recipient in env::args().skip(1) {
        loop {
            let outcome = limiter.check(&provider, &limits, 1).await?;
            if outcome.allowed {
                break;
            }
            let wait = outcome.retry_after().ok_or("the limit is 0")?;
            tokio::time::sleep(wait).await;
        }
        println!("mail to {recipient}");
    }
    Ok(())
}
