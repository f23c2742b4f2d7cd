//! Sets of bytes.

/// A set of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class([u64; 4]);

impl Class {
    pub(super) const NONE: Class = Class([0; 4]);

    pub(super) fn of(is_in: impl Fn(u8) -> bool) -> Self {
        let mut class = Class::NONE;
        (0..=u8::MAX)
            .filter(|byte| is_in(*byte))
            .for_each(|byte| class.0[usize::from(byte >> 6)] |= 1 << (byte & 63));
        class
    }

    pub(super) fn has(self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    pub(super) fn or(self, other: Class) -> Self {
        Class::of(|byte| self.has(byte) || other.has(byte))
    }

    pub(super) fn not(self) -> Self {
        Class::of(|byte| !self.has(byte))
    }

    /// The class of an escape like `\d`.
    pub(super) fn of_escape(byte: u8) -> Option<Self> {
        let class = match byte.to_ascii_lowercase() {
            b'd' => Class::of(|byte| byte.is_ascii_digit()),
            b'w' => Class::of(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
            b's' => Class::of(|byte| byte.is_ascii_whitespace() || byte == 0x0b),
            _ => return None,
        };
        Some(if byte.is_ascii_uppercase() {
            class.not()
        } else {
            class
        })
    }

    /// The class of a name like `[:digit:]`.
    pub(super) fn of_name(name: &[u8]) -> Option<Self> {
        let is_in: fn(&u8) -> bool = match name {
            b"alpha" => u8::is_ascii_alphabetic,
            b"digit" => u8::is_ascii_digit,
            b"alnum" => u8::is_ascii_alphanumeric,
            b"upper" => u8::is_ascii_uppercase,
            b"lower" => u8::is_ascii_lowercase,
            b"punct" => u8::is_ascii_punctuation,
            b"xdigit" => u8::is_ascii_hexdigit,
            b"space" => return Class::of_escape(b's'),
            b"word" => return Class::of_escape(b'w'),
            _ => return None,
        };
        Some(Class::of(|byte| is_in(&byte)))
    }
}
