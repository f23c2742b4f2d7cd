//! What a regex makes of the beginning of a text, whatever follows.
//!
//! A rule that denies `current/private/` is looked at with a path below the release in its place.
//! Whether it still denies all that it denied is a question about all files below the link. A
//! regex that has read a beginning is in a set of states, and what it will match depends on that
//! set alone; so the question is answered by comparing two sets.
//!
//! This is the common part of PCRE's syntax. Where the answer depends on the rest, as with a
//! lookbehind, it errs on the side of a difference.

mod class;
mod parse;
mod step;

use parse::parse;
use step::Step;

/// A compiled regex.
#[derive(Debug)]
pub struct Regex {
    program: Vec<Step>,
}

impl Regex {
    /// Compiles `pattern`. `None`: its syntax is not known here.
    #[must_use]
    pub fn parse(pattern: &[u8], ignore_case: bool) -> Option<Self> {
        let mut program = parse(pattern, ignore_case)?;
        program.push(Step::Match);
        Some(Regex { program })
    }

    /// The state after a text that begins with `beginning` has been read that far.
    #[must_use]
    pub fn after(&self, beginning: &[u8]) -> States {
        let mut states = States {
            reached: vec![false; self.program.len()],
            has_matched: false,
            depends_on_rest: false,
            may_be_empty: false,
        };
        // A regex may begin to match anywhere.
        self.reach(0, &mut states, true, beginning.is_empty());
        for (at, &byte) in beginning.iter().enumerate() {
            let is_end = at + 1 == beginning.len();
            let before = std::mem::replace(&mut states.reached, vec![false; self.program.len()]);
            for (place, _) in before.iter().enumerate().filter(|(_, reached)| **reached) {
                if matches!(self.program[place], Step::Byte(class) if class.has(byte)) {
                    self.reach(place + 1, &mut states, false, is_end);
                }
            }
            self.reach(0, &mut states, false, is_end);
        }
        states
    }

    /// Adds `place`, and all that is reached from there without a byte more.
    fn reach(&self, place: usize, states: &mut States, is_start: bool, is_end: bool) {
        let mut places = vec![place];
        while let Some(place) = places.pop() {
            if std::mem::replace(&mut states.reached[place], true) {
                continue;
            }
            match self.program[place] {
                Step::Split(one, other) => places.extend([one, other]),
                Step::Start if is_start => places.push(place + 1),
                Step::LookAhead if !is_end => {
                    states.depends_on_rest = true;
                    places.push(place + 1);
                }
                Step::LookBehind => {
                    states.depends_on_rest = true;
                    places.push(place + 1);
                }
                Step::Match => states.has_matched = true,
                // A `^` behind it would count.
                Step::End if is_start => states.may_be_empty = is_end,
                Step::Start | Step::End | Step::LookAhead | Step::Byte(_) => {}
            }
        }
    }
}

/// What a [`Regex`] has made of a beginning.
#[derive(Debug)]
pub struct States {
    reached: Vec<bool>,
    has_matched: bool,
    depends_on_rest: bool,
    /// Nothing has been read, and that may be all.
    may_be_empty: bool,
}

impl States {
    /// Whether each text that matches with this beginning also matches with the `other` one, of
    /// the same regex. In doubt the answer is no.
    #[must_use]
    pub fn is_within(&self, other: &States) -> bool {
        let mut both = self.reached.iter().zip(&other.reached);
        !self.depends_on_rest
            && !other.depends_on_rest
            && (other.may_be_empty || !self.may_be_empty)
            && (other.has_matched
                || !self.has_matched && both.all(|(here, there)| *there || !*here))
    }
}
