//! The example of a worker, as a process.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Server, program};

#[test]
fn it_asks_before_each_job_and_waits_as_it_is_told() {
    let server = Server::start();
    let recipients: Vec<String> = (0..13).map(|n| format!("user{n}")).collect();
    let began = Instant::now();
    let done =
        Command::new(program("worker")).args(&recipients).env("REDIS_URL", server.url()).output();
    let done = done.unwrap();
    let expected: String = recipients.iter().map(|name| format!("mail to {name}\n")).collect();
    assert_eq!(String::from_utf8_lossy(&done.stdout), expected);
    assert!(began.elapsed() >= Duration::from_millis(290), "ten at once, then one each 100 ms");
}
