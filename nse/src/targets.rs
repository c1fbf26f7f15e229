//! Targets that scripts add to the scan.

use std::collections::{HashSet, VecDeque};

/// Longest expression, in bytes; as in the reference.
const LEN_MAX: usize = 1024;
/// Expressions that may ever be added: a script that makes them up ends here.
const COUNT_MAX: usize = 1_000_000;

#[derive(Debug, Default)]
pub(crate) struct NewTargets {
    queue: VecDeque<String>,
    seen: HashSet<String>,
    /// The scan is over.
    pub is_closed: bool,
}

impl NewTargets {
    /// Adds a target; one that was there before is taken, and not scanned again.
    ///
    /// # Errors
    /// The sentence for the user.
    pub fn add(&mut self, target: String) -> Result<(), &'static str> {
        if self.is_closed {
            return Err("adding targets is disabled in the Post-scanning phase.");
        }
        if target.len() >= LEN_MAX {
            return Err("new target is too long (>= 1024), failed to add it.");
        }
        if self.seen.contains(&target) {
            return Ok(());
        }
        if self.seen.len() >= COUNT_MAX {
            return Err("too many new targets, failed to add one.");
        }
        self.seen.insert(target.clone());
        self.queue.push_back(target);
        Ok(())
    }

    /// The next one to be scanned.
    pub fn next(&mut self) -> Option<String> {
        self.queue.pop_front()
    }

    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Distinct ones that were ever added.
    pub fn seen(&self) -> usize {
        self.seen.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_taken_once() {
        let mut targets = NewTargets::default();
        let mut add = |target: &str| targets.add(target.to_owned());
        assert_eq!((add("192.0.2.1"), add("192.0.2.1"), add("192.0.2.0/30")), (Ok(()), Ok(()), Ok(())));
        assert!(add(&"x".repeat(LEN_MAX)).is_err());
        assert_eq!((targets.seen(), targets.waiting()), (2, 2));
        assert_eq!(targets.next().as_deref(), Some("192.0.2.1"));
        targets.is_closed = true;
        assert!(targets.add("192.0.2.9".to_owned()).is_err());
    }
}
