//! Who may connect: at most so many threads hold sockets at once.
//!
//! A slot belongs to a thread, not to a socket. It comes back once the thread has ended or holds no open socket, which
//! is looked at once a round; then it goes to the thread that has waited longest.

use crate::thread::ThreadId;
use hashbrown::HashSet;
use std::collections::VecDeque;

/// So many threads waiting for each slot are enough.
const WAITING_PER_SLOT: usize = 2;

#[derive(Debug)]
pub(crate) struct Slots {
    /// The reference admits one more than it says.
    count: usize,
    holders: HashSet<ThreadId>,
    waiting: VecDeque<ThreadId>,
}

impl Slots {
    /// For `--max-parallelism`, by default 20.
    pub fn new(parallelism: usize) -> Slots {
        Slots { count: parallelism.saturating_add(1), holders: HashSet::default(), waiting: VecDeque::new() }
    }

    /// Takes a slot for a thread if it has none; false: it is noted as waiting, and has to be parked.
    pub fn take(&mut self, id: ThreadId) -> bool {
        if self.holders.contains(&id) {
            return true;
        }
        if self.holders.len() >= self.count || !self.waiting.is_empty() {
            self.waiting.push_back(id);
            return false;
        }
        self.holders.insert(id)
    }

    /// Threads that wait.
    pub fn waiting_count(&self) -> usize {
        self.waiting.len()
    }

    /// Who came now would have to wait for long.
    pub fn is_crowded(&self) -> bool {
        self.waiting.len() >= self.count.saturating_mul(WAITING_PER_SLOT)
    }

    /// Takes back what is not used, and gives it to threads that are to be woken.
    pub fn hand_over(
        &mut self,
        has_sockets: impl Fn(ThreadId) -> bool,
        is_waiting: impl Fn(ThreadId) -> bool,
    ) -> Vec<ThreadId> {
        let mut next = Vec::new();
        if self.holders.len() < self.count && self.waiting.is_empty() {
            return next;
        }
        self.holders.retain(|&id| has_sockets(id));
        while self.holders.len() < self.count {
            let Some(id) = self.waiting.pop_front() else { break };
            if is_waiting(id) {
                self.holders.insert(id);
                next.push(id);
            }
        }
        next
    }

    pub fn clear(&mut self) {
        self.holders.clear();
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_go_to_those_who_wait_longest() {
        let mut slots = Slots::new(1);
        let id = ThreadId;
        assert!(slots.take(id(1)) && slots.take(id(2)) && slots.take(id(1)));
        assert!(!slots.take(id(3)) && !slots.take(id(4)) && !slots.take(id(5)));
        assert_eq!(slots.waiting_count(), 3);
        assert_eq!(slots.hand_over(|_| true, |_| true), []);
        // Thread 2 has closed its sockets; thread 3 was killed while it waited.
        assert_eq!(slots.hand_over(|other| other != id(2), |other| other != id(3)), [id(4)]);
        assert!(slots.take(id(4)));
        assert_eq!(slots.waiting_count(), 1);
    }
}
