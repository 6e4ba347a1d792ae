//! A network that fails as a test says, between a client and a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to replies.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    None,
    /// They come late.
    Delay(Duration),
    /// They come when the fault is over.
    Hang,
    /// The connection of the next command of the module ends before its reply; then all is well.
    /// What a client asks for itself, such as the slots of a cluster, does not use it up.
    Drop,
    /// The connection ends instead, each time.
    DropAll,
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    target: watch::Sender<u16>,
    fault: Arc<watch::Sender<Fault>>,
    accepted: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let (target, leads_to) = watch::channel(port);
        let fault = Arc::new(watch::Sender::new(Fault::None));
        let shared = Arc::clone(&fault);
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let port = *leads_to.borrow();
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let doomed = Arc::new(AtomicBool::new(false));
                let (to, from) = (Arc::clone(&shared), Arc::clone(&shared));
                tokio::spawn(requests(from_client, to_server, to, Arc::clone(&doomed)));
                tokio::spawn(replies(from_server, to_client, from, doomed));
            }
        });
        Self { port: own, target, fault, accepted, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// How many connections were made to it.
    pub(crate) fn connections(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Where connections go that are made from now on.
    pub(crate) fn lead_to(&self, port: u16) {
        self.target.send_replace(port);
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    fault: Arc<watch::Sender<Fault>>,
    doomed: Arc<AtomicBool>,
) {
    let mut buffer = [0; 16_384];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let command = &buffer[..read];
        if matches!(*fault.borrow(), Fault::Drop) && command.windows(3).any(|word| word == b"RL.") {
            doomed.store(true, Ordering::SeqCst);
        }
        if to.write_all(command).await.is_err() {
            return;
        }
    }
}

async fn replies(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    fault: Arc<watch::Sender<Fault>>,
    doomed: Arc<AtomicBool>,
) {
    let mut seen = fault.subscribe();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if doomed.load(Ordering::SeqCst) {
            fault.send_replace(Fault::None);
            return;
        }
        let now = *seen.borrow_and_update();
        match now {
            Fault::None | Fault::Drop => {}
            Fault::Delay(time) => tokio::time::sleep(time).await,
            Fault::Hang => {
                if seen.changed().await.is_err() {
                    return;
                }
            }
            Fault::DropAll => return,
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
