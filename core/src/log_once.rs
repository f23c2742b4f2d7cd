//! Log lines that the whole server writes once, whichever process comes first.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Remembers which lines have been written, in memory that all processes share. All zeroes: none.
#[derive(Clone, Copy)]
pub struct LogOnce(&'static [AtomicU64]);

impl LogOnce {
    /// How many places are tried before a line counts as new.
    const PROBES: usize = 64;

    /// Remembers in `memory`.
    #[must_use]
    pub fn new(memory: &'static [AtomicU64]) -> Self {
        LogOnce(memory)
    }

    /// Remembers for this process alone, where memory cannot be shared.
    #[must_use]
    pub fn private(lines: usize) -> Self {
        LogOnce::new(Vec::leak((0..lines).map(|_| AtomicU64::new(0)).collect()))
    }

    /// Whether `line` has not been written yet. When there is no room any more, every line is new.
    #[must_use]
    pub fn is_first(self, line: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        line.hash(&mut hasher);
        let key = hasher.finish().max(1);
        let len = self.0.len();
        for probe in 0..Self::PROBES.min(len) {
            let place = &self.0[(key as usize % len + probe) % len];
            match place.compare_exchange(0, key, Relaxed, Relaxed) {
                Ok(_) => return true,
                Err(known) if known == key => return false,
                Err(_) => {}
            }
        }
        true
    }

    /// Forgets all lines: the configuration is read again.
    pub fn clear(self) {
        for place in self.0 {
            place.store(0, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_first_once() {
        let lines = LogOnce::private(256);
        for line in ["RD04: a", "RD04: b", ""] {
            assert!(lines.is_first(line));
            assert!(!lines.is_first(line));
        }
        lines.clear();
        assert!(lines.is_first("RD04: a"));
    }

    #[test]
    fn without_room_every_line_is_first() {
        let lines = LogOnce::private(1);
        assert!(lines.is_first("RD04: a"));
        assert!(!lines.is_first("RD04: a"));
        assert!(lines.is_first("RD04: b") && lines.is_first("RD04: b"));
        assert!(LogOnce::private(0).is_first("RD04: a"));
    }
}
