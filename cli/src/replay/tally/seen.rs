//! What those who are refused look like: their agent, and two of the paths they asked for.

use std::collections::HashMap;

/// Agents and paths of more clients than this are not kept: of those refused least they go first.
const ROOM: usize = 50_000;

/// A client's agent, and the first two paths that it was refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    pub(crate) agent: String,
    pub(crate) paths: Vec<String>,
    refused: u64,
}

/// What clients look like that were refused, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Seen(HashMap<u32, Look>);

impl Seen {
    /// Takes down a request that was refused.
    pub(super) fn add(&mut self, client: u32, agent: &str, path: &str) {
        if self.0.len() >= ROOM && !self.0.contains_key(&client) {
            self.make_room();
        }
        let look = self.0.entry(client).or_default();
        look.refused = look.refused.saturating_add(1);
        if look.agent.is_empty() && !agent.is_empty() {
            agent.clone_into(&mut look.agent);
        }
        if look.paths.len() < 2 && !path.is_empty() && !look.paths.iter().any(|known| known == path)
        {
            look.paths.push(path.to_owned());
        }
    }

    fn make_room(&mut self) {
        let mut counts: Vec<u64> = self.0.values().map(|look| look.refused).collect();
        counts.sort_unstable();
        let middle = counts.get(ROOM / 2).copied().unwrap_or(0);
        let mut surplus = ROOM / 2;
        self.0.retain(|_, look| {
            let goes = surplus > 0 && look.refused <= middle;
            surplus = surplus.saturating_sub(usize::from(goes));
            !goes
        });
    }

    /// What the client with that number looks like, as far as it is known.
    pub(crate) fn look(&self, client: u32) -> Look {
        self.0.get(&client).cloned().unwrap_or_default()
    }
}
