//! Lines in httpd's error log, tagged `[realdoc:level]`.

use std::ffi::{CStr, CString, c_int};
use std::fmt;

use super::raw;

/// A line's level, as in `LogLevel` (http_log.h).
#[derive(Clone, Copy)]
pub(crate) enum Level {
    Error = 3,
    Warn = 4,
    Notice = 5,
    Info = 6,
    Debug = 7,
}

/// Something with an error log.
pub(crate) trait Log {
    /// Whether a line at `level` would be written at all.
    fn logs(&self, level: Level) -> bool;

    /// Writes a line. Use [`log!`].
    fn write(&self, file: &'static CStr, line: u32, level: Level, message: fmt::Arguments<'_>);
}

/// `log!(request, Error, "format", ...)`: formats only what will be written.
macro_rules! log {
    ($to:expr, $level:ident, $($message:tt)+) => {{
        use $crate::httpd::Log as _;
        let (to, level) = (&$to, $crate::httpd::Level::$level);
        if to.logs(level) {
            const FILE: &std::ffi::CStr = $crate::httpd::c_file(concat!(file!(), "\0"));
            to.write(FILE, line!(), level, format_args!($($message)+));
        }
    }};
}
pub(crate) use log;

/// The log of a server that is null or alive, as C has it.
pub(crate) struct LogOf(pub(super) *const raw::server_rec);

impl Log for LogOf {
    fn logs(&self, _: Level) -> bool {
        true
    }

    fn write(&self, file: &'static CStr, line: u32, level: Level, message: fmt::Arguments<'_>) {
        write_server(self.0, file, line, level, message);
    }
}

pub(super) fn write_server(
    server: *const raw::server_rec,
    file: &'static CStr,
    line: u32,
    level: Level,
    message: fmt::Arguments<'_>,
) {
    let message = c_string(message);
    // SAFETY: the server is null, which the shim allows, or alive; both strings end
    // with a NUL and are copied.
    unsafe {
        raw::realdoc_log_server(
            file.as_ptr(),
            line as c_int,
            level as c_int,
            server,
            message.as_ptr(),
        );
    }
}

/// For [`log!`].
pub(crate) const fn c_file(file: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(file.as_bytes()) {
        Ok(file) => file,
        Err(_) => panic!("log! appends a NUL"),
    }
}

/// httpd itself escapes control characters and cuts what is too long (server/log.c).
pub(super) fn c_string(message: fmt::Arguments<'_>) -> CString {
    let mut bytes = message.to_string().into_bytes();
    bytes.retain(|&b| b != 0);
    CString::new(bytes).unwrap_or_default()
}
