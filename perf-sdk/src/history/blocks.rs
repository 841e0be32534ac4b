//! Blocks, given out and taken back.

use super::memory::{BODY, Block, Slab};

/// No block.
pub(super) const NONE: u32 = u32::MAX;

/// All blocks that there are.
#[derive(Debug)]
pub(super) struct Blocks {
    slab: Slab<Block>,
    /// The first of the list of those that were given back.
    free: u32,
    /// Blocks from here on were never given out.
    fresh: u32,
    held: u32,
}

impl Blocks {
    pub(super) fn new(bytes: usize) -> Option<Self> {
        Some(Self { slab: Slab::new(bytes)?, free: NONE, fresh: 0, held: 0 })
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.slab.bytes()
    }

    /// Blocks that are given out.
    #[cfg(test)]
    pub(super) fn held(&self) -> u32 {
        self.held
    }

    pub(super) fn take(&mut self) -> Option<u32> {
        let taken = if self.free == NONE {
            if self.fresh as usize >= self.slab.len() {
                return None;
            }
            self.fresh += 1;
            self.fresh - 1
        } else {
            let taken = self.free;
            self.free = self.slab[taken as usize].next;
            taken
        };
        self.held += 1;
        let block = &mut self.slab[taken as usize];
        (block.next, block.head) = (NONE, super::memory::Head::default());
        Some(taken)
    }

    pub(super) fn give(&mut self, id: u32) {
        self.slab[id as usize].next = self.free;
        self.free = id;
        self.held -= 1;
    }

    /// Gives back a whole list.
    pub(super) fn give_list(&mut self, first: u32) {
        let mut id = first;
        while id != NONE {
            let next = self.get(id).next;
            self.give(id);
            id = next;
        }
    }

    pub(super) fn get(&self, id: u32) -> &Block {
        &self.slab[id as usize]
    }

    pub(super) fn get_mut(&mut self, id: u32) -> &mut Block {
        &mut self.slab[id as usize]
    }

    /// The blocks of a list.
    pub(super) fn list(&self, first: u32) -> impl Iterator<Item = (u32, &Block)> {
        let mut id = first;
        std::iter::from_fn(move || {
            let block = (id != NONE).then(|| (id, self.get(id)))?;
            id = block.1.next;
            Some(block)
        })
    }

    /// Blocks that bytes take.
    pub(super) fn needed(bytes: usize) -> usize {
        bytes.div_ceil(BODY).max(1)
    }

    /// Stores bytes in a list of its own. `None` if there are not enough blocks.
    pub(super) fn store<'a>(&mut self, parts: impl Iterator<Item = &'a [u8]>) -> Option<u32> {
        let first = self.take()?;
        let mut id = first;
        for byte in parts.flatten() {
            let mut used = usize::from(self.get(id).head.used);
            if used == BODY {
                let Some(next) = self.take() else {
                    self.give_list(first);
                    return None;
                };
                self.get_mut(id).next = next;
                (id, used) = (next, 0);
            }
            let block = self.get_mut(id);
            block.body[used] = *byte;
            block.head.used += 1;
        }
        Some(first)
    }

    /// Whether exactly these bytes were stored there.
    pub(super) fn holds(&self, first: u32, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        let is_beginning = self.list(first).all(|(_, block)| {
            let part = &block.body[..usize::from(block.head.used).min(BODY)];
            let is_same = rest.starts_with(part);
            rest = rest.get(part.len()..).unwrap_or_default();
            is_same
        });
        is_beginning && rest.is_empty()
    }

    /// Whether what was stored there begins with these bytes.
    pub(super) fn begins_with(&self, first: u32, bytes: &[u8]) -> bool {
        let mut stored = self.stored(first);
        bytes.iter().all(|byte| stored.next() == Some(*byte))
    }

    /// The bytes that were stored there.
    pub(super) fn stored(&self, first: u32) -> impl Iterator<Item = u8> {
        self.list(first).flat_map(|(_, block)| block.body.iter().take(usize::from(block.head.used)).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_used_again_and_end() {
        let mut blocks = Blocks::new(4_096).unwrap();
        let all: Vec<u32> = std::iter::from_fn(|| blocks.take()).collect();
        assert_eq!((all.len(), blocks.held()), (32, 32));
        all[..3].iter().for_each(|id| blocks.give(*id));
        let text = vec![b'x'; BODY * 2 + 1];
        let stored = blocks.store([&text[..5], &text[5..]].into_iter()).unwrap();
        assert!(blocks.stored(stored).eq(text.iter().copied()));
        assert_eq!((blocks.take(), blocks.store([&text[..]].into_iter())), (None, None));
        blocks.give_list(stored);
        assert_eq!(blocks.store([&[b'y'; BODY * 4][..]].into_iter()), None);
        assert_eq!(blocks.held(), 29, "what was taken in vain was given back");
        assert_eq!(blocks.stored(blocks.list(NONE).next().map_or(NONE, |block| block.0)).count(), 0);
    }
}
