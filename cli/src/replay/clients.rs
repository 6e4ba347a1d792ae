//! Who was read of: each client has a number, and a name that is kept once.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// The names of clients, by their numbers.
#[derive(Default)]
pub(crate) struct Names {
    text: String,
    /// Where each name ends.
    ends: Vec<u64>,
    table: HashTable<u32>,
    state: RandomState,
}

impl Names {
    /// The number of the client that is called so.
    pub(crate) fn id(&mut self, name: &str) -> u32 {
        let hash = self.state.hash_one(name);
        let (text, ends, state) = (&self.text, &self.ends, &self.state);
        if let Some(id) = self.table.find(hash, |id| name_of(text, ends, *id) == name) {
            return *id;
        }
        let id = u32::try_from(ends.len()).unwrap_or(u32::MAX);
        self.table.insert_unique(hash, id, |id| state.hash_one(name_of(text, ends, *id)));
        self.text.push_str(name);
        self.ends.push(self.text.len() as u64);
        id
    }

    /// What the client with that number is called.
    pub(crate) fn name(&self, id: u32) -> &str {
        name_of(&self.text, &self.ends, id)
    }
}

fn name_of<'a>(text: &'a str, ends: &[u64], id: u32) -> &'a str {
    let end = |place: usize| ends.get(place).and_then(|end| usize::try_from(*end).ok());
    let place = usize::try_from(id).unwrap_or(usize::MAX);
    let from = place.checked_sub(1).and_then(end).unwrap_or(0);
    end(place).and_then(|to| text.get(from..to)).unwrap_or_default()
}
