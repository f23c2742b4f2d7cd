//! What there is at a moment: the link, and what it led to before.

use crate::history::History;
use crate::link::{self, Link};
use crate::output::Result;
use crate::place::Place;
use crate::state::State;
use crate::walk::Found;

#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) link: Option<Link>,
    pub(crate) history: History,
}

impl Site {
    pub(crate) fn look(place: &Place) -> Result<Self> {
        let link = Link::look(place)?;
        let record = match State::open(place)? {
            Some(state) => state.read(place)?,
            None => Vec::new(),
        };
        let current = link.as_ref().and_then(|link| link.target.as_ref());
        let history = History::of(record, current);
        Ok(Self { link, history })
    }

    /// The link, which must be there.
    pub(crate) fn link(&self, place: &Place) -> Result<&Link> {
        self.link.as_ref().ok_or_else(|| link::missing(place))
    }

    /// The directory that the link leads to, if there is one.
    pub(crate) fn target(&self) -> Option<&Found> {
        self.link.as_ref()?.target.as_ref()
    }
}
