//! All servers, asked whenever somebody asks for their metrics.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::families::{Instance, text_of};
use crate::live::counters::Counters;
use crate::live::primaries::Primaries;
use crate::live::server::{Away, Server, command, text};
use crate::words::Address;

/// The servers behind all URLs, and what was last said of each.
#[derive(Debug)]
pub(crate) struct Scrape {
    urls: Vec<Primaries>,
    /// Who is away, and why.
    away: BTreeMap<String, Away>,
}

impl Scrape {
    pub(crate) fn new(urls: &[Address]) -> Self {
        let urls = urls.iter().cloned().map(Primaries::new).collect();
        Self { urls, away: BTreeMap::new() }
    }

    /// Asks all servers at once. One that does not answer in time is away.
    pub(crate) async fn metrics(&mut self) -> String {
        let found = join_all(self.urls.iter_mut().map(Primaries::refresh)).await;
        let mut away: BTreeMap<String, Away> = BTreeMap::new();
        for (url, found) in self.urls.iter().zip(found) {
            if let Err(why) = found {
                away.insert(url.name(), why);
            }
        }
        // Two URLs may be of one cluster.
        let mut named = BTreeSet::new();
        let servers = self.urls.iter_mut().flat_map(Primaries::servers);
        let servers = servers.filter(|server| named.insert(server.name()));
        let instances = join_all(servers.map(instance)).await;
        for (name, counters) in &instances {
            if let Err(why) = counters {
                away.insert(name.clone(), why.clone());
            }
        }
        self.tell(away);
        text_of(&instances)
    }

    /// Tells who has gone away and who has come back since the last time.
    fn tell(&mut self, away: BTreeMap<String, Away>) {
        for (name, why) in &away {
            if self.away.get(name) != Some(why) {
                eprintln!("redis-rl: {name} is away: {why}");
            }
        }
        for name in self.away.keys().filter(|name| !away.contains_key(*name)) {
            eprintln!("redis-rl: {name} is back");
        }
        self.away = away;
    }
}

async fn instance(server: &mut Server) -> Instance {
    let told = server.ask_one(command(&["INFO", "ratelimit"])).await;
    (server.name(), told.and_then(|info| Counters::read(&text(&info))))
}
