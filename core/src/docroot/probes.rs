//! Asking for files of former releases. These may lie on a file system of their own, which may hang
//! while the current release answers.

use super::turn::Turn;

/// Of the threads of a process, one at a time asks.
pub struct Probes(Turn<()>);

impl Probes {
    /// Nobody asks.
    #[must_use]
    pub fn none() -> Self {
        Probes(Turn::new(()))
    }

    /// Asks. `None`: a thread that asks has not come back for a second.
    pub fn run<T>(&self, probe: impl FnOnce() -> T) -> Option<T> {
        let _asking = self.0.begin().ok()?;
        Some(probe())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn one_probe_that_hangs_keeps_one_thread() {
        let probes = &Probes::none();
        assert_eq!(probes.run(|| 42), Some(42));
        let (end, ended) = mpsc::channel::<()>();
        let (begin, begun) = mpsc::channel();
        thread::scope(|scope| {
            let hangs = scope.spawn(move || {
                probes.run(|| {
                    begin.send(()).unwrap();
                    ended.recv().unwrap();
                })
            });
            begun.recv().unwrap();
            assert_eq!(probes.run(|| 42), None);
            end.send(()).unwrap();
            assert_eq!(hangs.join().unwrap(), Some(()));
        });
        assert_eq!(probes.run(|| 42), Some(42));
    }
}
