//! Of the threads of a process, one at a time asks the file system for a docroot. It may
//! hang there, so the others wait for it only for a while.

use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex, wait_until};

/// How long a thread waits for another that asks.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often and how long it then waits once more. If the machine was busy or stood still, the
/// thread that asks goes on meanwhile: that is not a hang.
const CHANCES: u32 = 5;
const CHANCE: Duration = Duration::from_millis(100);

/// How often hangs are logged, at most.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Whose turn it is to ask.
pub(super) struct Turn<T> {
    state: Mutex<State<T>>,
    ended: Condvar,
}

struct State<T> {
    /// What only the thread that asks may use. It takes this out, so `None`: a thread asks.
    memory: Option<T>,
    /// When the others stop waiting for the thread that asks, if one waits already.
    deadline: Option<Instant>,
    /// A thread has waited in vain for the one that asks.
    hangs: bool,
    hang_logged_at: Option<Instant>,
    /// A hang was logged, and its end was not.
    hang_is_logged: bool,
}

/// The thread that asks has not come back for a second.
pub(super) struct Hangs {
    /// Whether that is to be logged.
    pub(super) is_news: bool,
}

impl<T: Copy> Turn<T> {
    pub(super) fn new(memory: T) -> Self {
        Turn {
            state: Mutex::new(State {
                memory: Some(memory),
                deadline: None,
                hangs: false,
                hang_logged_at: None,
                hang_is_logged: false,
            }),
            ended: Condvar::new(),
        }
    }

    /// Begins to ask; `None`: another thread does.
    pub(super) fn try_begin(&self) -> Option<Asking<'_, T>> {
        let memory = self.state.lock().memory.take()?;
        Some(Asking { turn: self, memory })
    }

    /// Begins to ask as soon as no other thread does.
    ///
    /// # Errors
    /// The thread that asks hangs. No later caller waits for it again.
    pub(super) fn begin(&self) -> Result<Asking<'_, T>, Hangs> {
        if let Some(asking) = self.try_begin() {
            return Ok(asking);
        }
        // Also in all, if others come first.
        let own_deadline = Instant::now() + PATIENCE;
        let mut chances = CHANCES;
        let mut state = self.state.lock();
        loop {
            if let Some(memory) = state.memory.take() {
                return Ok(Asking { turn: self, memory });
            }
            let now = Instant::now();
            let deadline = *state.deadline.get_or_insert(own_deadline);
            let deadline = deadline.min(own_deadline);
            if deadline > now {
                state = wait_until(&self.ended, state, deadline);
                continue;
            }
            if state.hangs || chances == 0 {
                return Err(state.give_up());
            }
            state = wait_until(&self.ended, state, now + CHANCE);
            // If it was woken, a thread has come back.
            chances -= u32::from(now.elapsed() >= CHANCE);
        }
    }
}

impl<T> State<T> {
    fn give_up(&mut self) -> Hangs {
        self.hangs = true;
        let now = Instant::now();
        let is_old = |at: Instant| now.duration_since(at) >= LOG_EVERY;
        let is_news = self.hang_logged_at.is_none_or(is_old);
        if is_news {
            self.hang_logged_at = Some(now);
            self.hang_is_logged = true;
        }
        Hangs { is_news }
    }
}

/// The thread whose turn it is, until this is dropped.
pub(super) struct Asking<'a, T: Copy> {
    turn: &'a Turn<T>,
    memory: T,
}

impl<T: Copy> Asking<'_, T> {
    /// What is asked now takes long, so the others count from now. (For a short question
    /// the clock is not read: they count from when the first of them begins to wait.)
    pub(super) fn start_clock(&self) {
        let mut state = self.turn.state.lock();
        state.deadline = Some(Instant::now() + PATIENCE);
        state.hangs = false;
    }

    /// Whether a hang was logged since the last time.
    pub(super) fn take_hang_is_logged(&self) -> bool {
        std::mem::take(&mut self.turn.state.lock().hang_is_logged)
    }
}

impl<T: Copy> Drop for Asking<'_, T> {
    fn drop(&mut self) {
        let mut state = self.turn.state.lock();
        state.memory = Some(self.memory);
        state.deadline = None;
        state.hangs = false;
        drop(state);
        self.turn.ended.notify_all();
    }
}

impl<T: Copy> Deref for Asking<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.memory
    }
}

impl<T: Copy> DerefMut for Asking<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.memory
    }
}
