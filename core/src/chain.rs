//! Where a link leads, as text in the memory that all processes share: what the status page shows.
//!
//! Anything may be found there: half of a text, while another process writes or since one was
//! killed in the middle, or whatever a taken-over process has put there. So each text has a
//! checksum over itself and over the link's stamp, as the version that it belongs to. What does
//! not match is no text.

use std::ffi::{CStr, CString};
use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::Ordering::Relaxed;

use crate::stamp::Stamp;
use crate::sync::AtomicU64;

/// The longest text, in words. (A model looks at each of them in every order.)
const WORDS: usize = if cfg!(loom) { 2 } else { 128 };

/// The longest text, in bytes.
const BYTES: usize = WORDS * size_of::<u64>();

/// Stands in the place of a length.
const TOO_LONG: u64 = u64::MAX;

/// How often a text is read that another process may be writing.
const TRIES: usize = if cfg!(loom) { 1 } else { 8 };

/// Where a link leads, as shown by [`SharedChain`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chain {
    /// Nobody has written it since the last flip.
    Unknown,
    /// It is longer than 1 KiB.
    TooLong,
    /// See [`chain`](crate::resolve::chain()). At least one path.
    Paths(Vec<CString>),
}

/// A link's chain in shared memory. All zeroes: unknown.
#[repr(C)]
pub struct SharedChain {
    checksum: AtomicU64,
    len: AtomicU64,
    /// The paths, each with its NUL.
    words: [AtomicU64; WORDS],
}

impl SharedChain {
    /// An unknown one.
    #[must_use]
    pub fn unknown() -> Self {
        SharedChain {
            checksum: AtomicU64::new(0),
            len: AtomicU64::new(0),
            words: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// What was written for this `stamp`.
    #[must_use]
    pub fn read(&self, stamp: Stamp) -> Chain {
        let mut text = [0; BYTES];
        for _ in 0..TRIES {
            let len = self.len.load(Relaxed);
            let text = match usize::try_from(len) {
                Ok(len) if len <= BYTES => &mut text[..len],
                _ => &mut [],
            };
            for (bytes, word) in text.chunks_mut(size_of::<u64>()).zip(&self.words) {
                bytes.copy_from_slice(&word.load(Relaxed).to_ne_bytes()[..bytes.len()]);
            }
            if self.checksum.load(Relaxed) == checksum(stamp, len, text) {
                return if len == TOO_LONG {
                    Chain::TooLong
                } else {
                    parse(text)
                };
            }
        }
        Chain::Unknown
    }

    /// Writes where the link leads, for whoever reads it with the same `stamp`.
    pub fn write(&self, stamp: Stamp, paths: &[CString]) {
        let text: Vec<u8> = paths
            .iter()
            .flat_map(|path| path.as_bytes_with_nul())
            .copied()
            .collect();
        let (len, text) = if text.len() <= BYTES {
            (text.len() as u64, &*text)
        } else {
            (TOO_LONG, &[][..])
        };
        self.len.store(len, Relaxed);
        for (bytes, word) in text.chunks(size_of::<u64>()).zip(&self.words) {
            let mut value = [0; size_of::<u64>()];
            value[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_ne_bytes(value), Relaxed);
        }
        self.checksum.store(checksum(stamp, len, text), Relaxed);
    }
}

fn parse(text: &[u8]) -> Chain {
    let paths: Option<Vec<CString>> = text
        .split_inclusive(|&byte| byte == 0)
        .map(|path| CStr::from_bytes_with_nul(path).ok().map(CStr::to_owned))
        .collect();
    match paths {
        Some(paths) if !paths.is_empty() => Chain::Paths(paths),
        _ => Chain::Unknown,
    }
}

/// `DefaultHasher::new()` has fixed keys, so all processes agree. Never 0, which fresh memory
/// holds.
fn checksum(stamp: Stamp, len: u64, text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(stamp.word());
    hasher.write_u64(len);
    hasher.write(text);
    hasher.finish().max(1)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp(target: &CStr) -> Stamp {
        Stamp::UNSEEN.next(target)
    }

    #[test]
    fn a_text_counts_only_with_the_stamp_that_it_was_written_for() {
        let chain = SharedChain::unknown();
        assert_eq!(chain.read(Stamp::UNSEEN), Chain::Unknown);
        let paths = vec![
            c"/code/current/public".to_owned(),
            c"/code/releases/42/public".to_owned(),
        ];
        chain.write(stamp(c"/a"), &paths);
        assert_eq!(chain.read(stamp(c"/a")), Chain::Paths(paths));
        assert_eq!(chain.read(stamp(c"/b")), Chain::Unknown);
        assert_eq!(chain.read(Stamp::UNSEEN), Chain::Unknown);
    }

    #[test]
    fn a_kibibyte_is_room_enough_or_it_says_so() {
        let chain = SharedChain::unknown();
        let path = |len| vec![CString::new(vec![b'x'; len]).unwrap()];
        for len in [1, 7, 8, 9, BYTES - 1] {
            chain.write(stamp(c"/a"), &path(len));
            assert_eq!(chain.read(stamp(c"/a")), Chain::Paths(path(len)));
        }
        chain.write(stamp(c"/a"), &path(BYTES));
        assert_eq!(chain.read(stamp(c"/a")), Chain::TooLong);
    }

    proptest! {
        /// Whoever can write there can also write a checksum.
        #[test]
        fn no_memory_makes_a_reader_panic(
            words in proptest::collection::vec(any::<u64>(), WORDS),
            len in prop_oneof![Just(0), Just(TOO_LONG), any::<u64>(), 0..2 * BYTES as u64],
            right in any::<bool>(),
        ) {
            let chain = SharedChain::unknown();
            let mut text = Vec::new();
            for (word, shared) in words.iter().zip(&chain.words) {
                shared.store(*word, Relaxed);
                text.extend_from_slice(&word.to_ne_bytes());
            }
            chain.len.store(len, Relaxed);
            let text = text.get(..len.min(BYTES as u64) as usize).unwrap();
            let text = if len <= BYTES as u64 { text } else { &[] };
            let sum = checksum(stamp(c"/a"), len, text);
            chain.checksum.store(if right { sum } else { !sum }, Relaxed);
            match chain.read(stamp(c"/a")) {
                Chain::Unknown => {}
                Chain::TooLong => prop_assert!(right && len > BYTES as u64),
                Chain::Paths(paths) => {
                    prop_assert!(right);
                    let read: Vec<u8> =
                        paths.iter().flat_map(|path| path.as_bytes_with_nul()).copied().collect();
                    prop_assert_eq!(&*read, text);
                }
            }
        }
    }
}
