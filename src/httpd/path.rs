//! Paths and lists that grow in a request's pool.

use std::ffi::CStr;

use super::pool::Pool;

/// A path in a pool, of at most `room` bytes.
pub(crate) struct PoolPath<'p> {
    start: *mut u8,
    len: usize,
    room: usize,
    life: std::marker::PhantomData<&'p ()>,
}

impl<'p> PoolPath<'p> {
    /// An empty path with room for `room` bytes.
    pub(crate) fn with_room(pool: Pool<'p>, room: usize) -> Self {
        let start: *mut u8 = pool.allocate(room + 1);
        // SAFETY: there is room for one byte and more.
        unsafe { start.write(0) };
        PoolPath {
            start,
            len: 0,
            room,
            life: std::marker::PhantomData,
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        // SAFETY: `len` bytes have been written.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }

    pub(crate) fn as_c_str(&self) -> &CStr {
        // SAFETY: a NUL is behind the bytes that have been written.
        unsafe { CStr::from_ptr(self.start.cast()) }
    }

    /// The path as it is now, for good.
    pub(crate) fn finish(self) -> &'p CStr {
        // SAFETY: as above; `self` was the only way to change it, and the memory is the pool's.
        unsafe { CStr::from_ptr(self.start.cast()) }
    }

    /// Appends `text`. It comes from a C string; at a NUL the path would end.
    ///
    /// # Panics
    /// If there is no room for it.
    pub(crate) fn push(&mut self, text: &[u8]) {
        assert!(text.len() <= self.room - self.len, "no room in a path");
        debug_assert!(!text.contains(&0));
        // SAFETY: there is room for the text and a NUL, and `text` lies elsewhere: this
        // path is borrowed mutably.
        unsafe {
            let end = self.start.add(self.len);
            end.copy_from_nonoverlapping(text.as_ptr(), text.len());
            end.add(text.len()).write(0);
        }
        self.len += text.len();
    }

    /// Cuts it off after `len` bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.len = len;
            // SAFETY: within the path.
            unsafe { self.start.add(len).write(0) };
        }
    }
}

impl<'p> Pool<'p> {
    /// `parts` in one piece.
    pub(crate) fn concat(self, parts: &[&[u8]]) -> &'p CStr {
        let room = parts.iter().map(|part| part.len()).sum();
        let mut text = PoolPath::with_room(self, room);
        for part in parts {
            text.push(part);
        }
        text.finish()
    }
}

/// A list in a pool. What it outgrows stays there, so it is for short ones.
pub(crate) struct PoolVec<'p, T> {
    pool: Pool<'p>,
    start: *mut T,
    len: usize,
    room: usize,
}

impl<'p, T: Copy + 'p> PoolVec<'p, T> {
    pub(crate) fn new(pool: Pool<'p>, room: usize) -> Self {
        PoolVec {
            pool,
            start: pool.allocate(room),
            len: 0,
            room,
        }
    }

    pub(crate) fn push(&mut self, value: T) {
        if self.len == self.room {
            let room = self.room * 2 + 4;
            let start: *mut T = self.pool.allocate(room);
            // SAFETY: `len` values have been written, and there is room for more; the pool
            // gave two different places.
            unsafe { start.copy_from_nonoverlapping(self.start, self.len) };
            (self.start, self.room) = (start, room);
        }
        // SAFETY: there is room for one more.
        unsafe { self.start.add(self.len).write(value) };
        self.len += 1;
    }

    pub(crate) fn finish(self) -> &'p [T] {
        // SAFETY: `len` values have been written, nobody writes them any more, and they
        // live as long as the pool.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}
