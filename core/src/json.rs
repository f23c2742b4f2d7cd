//! JSON (RFC 8259), as far as it is written here.

use std::ffi::CStr;
use std::fmt::{self, Display, Formatter, Write};

/// A JSON value, which its `Display` writes in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Number(u64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object, its members in this order.
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    /// The value, or `null`.
    pub fn or_null(value: Option<impl Into<Json>>) -> Json {
        value.map_or(Json::Null, Into::into)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Json {
        Json::Bool(value)
    }
}

impl From<u64> for Json {
    fn from(value: u64) -> Json {
        Json::Number(value)
    }
}

impl From<&str> for Json {
    fn from(value: &str) -> Json {
        Json::Text(value.into())
    }
}

impl From<String> for Json {
    fn from(value: String) -> Json {
        Json::Text(value)
    }
}

/// Names in the file system need not be UTF-8, which JSON is: what is not becomes U+FFFD.
impl From<&CStr> for Json {
    fn from(value: &CStr) -> Json {
        Json::Text(value.to_string_lossy().into_owned())
    }
}

impl Display for Json {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(value) => write!(f, "{value}"),
            Json::Text(text) => string(f, text),
            Json::List(values) => {
                f.write_char('[')?;
                for (n, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if n == 0 { "" } else { ", " })?;
                }
                f.write_char(']')
            }
            Json::Object(members) => {
                f.write_char('{')?;
                for (n, (name, value)) in members.iter().enumerate() {
                    f.write_str(if n == 0 { "" } else { ", " })?;
                    string(f, name)?;
                    write!(f, ": {value}")?;
                }
                f.write_char('}')
            }
        }
    }
}

fn string(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for char in text.chars() {
        match char {
            '"' | '\\' => write!(f, "\\{char}")?,
            // All control characters, those of terminals too.
            _ if char.is_control() => write!(f, "\\u{:04x}", char as u32)?,
            _ => f.write_char(char)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let value = Json::Object(vec![
            ("links", Json::List(vec![Json::Number(1), true.into()])),
            ("none", Json::or_null(None::<u64>)),
            ("text", Json::or_null(Some(c"a\"b\\c/d"))),
            ("empty", Json::List(Vec::new())),
        ]);
        let text = r#"{"links": [1, true], "none": null, "text": "a\"b\\c/d", "empty": []}"#;
        assert_eq!(value.to_string(), text);
    }

    #[test]
    fn control_characters_and_other_bytes() {
        let text = |value: &CStr| Json::from(value).to_string();
        assert_eq!(text(c"a\n\x1b[2J\x7f"), r#""a\u000a\u001b[2J\u007f""#);
        assert_eq!(text(c"\xff\xc3\xa4"), "\"\u{fffd}\u{e4}\"");
        assert_eq!(Json::from("\u{9b}").to_string(), r#""\u009b""#);
    }
}
