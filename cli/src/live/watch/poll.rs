//! Asking all servers again and again, beside the screen.

use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::sleep;

use super::sample::{Sample, reset_top, sample};
use crate::live::primaries::Primaries;
use crate::live::server::Away;

/// What there is to show.
#[derive(Debug)]
pub(super) enum News {
    /// What all servers say now.
    Sample(Sample),
    /// What came of a reset.
    Reset(Result<(), Away>),
}

/// What asks, until it is dropped.
#[derive(Debug)]
pub(super) struct Poll {
    pub(super) news: Receiver<News>,
    resets: Sender<()>,
}

impl Poll {
    /// Begins to ask, once in each `interval`.
    pub(super) fn begin(primaries: Primaries, interval: Duration) -> Self {
        let (sender, news) = channel(1);
        let (resets, asked) = channel(1);
        tokio::spawn(ask(primaries, interval, sender, asked));
        Self { news, resets }
    }

    /// Has all servers forget whom they denied; what comes of it is news.
    pub(super) fn reset(&self) {
        // One that is under way already is enough.
        let _ = self.resets.try_send(());
    }
}

async fn ask(
    mut primaries: Primaries,
    interval: Duration,
    news: Sender<News>,
    mut resets: Receiver<()>,
) {
    let mut wait = Duration::ZERO;
    loop {
        let told = tokio::select! {
            Some(()) = resets.recv() => News::Reset(reset_top(&mut primaries).await),
            () = sleep(wait) => News::Sample(sample(&mut primaries).await),
        };
        // What a reset did is shown at once.
        wait = if matches!(told, News::Reset(_)) { Duration::ZERO } else { interval };
        if news.send(told).await.is_err() {
            return;
        }
    }
}
