//! Escapes text that others have chosen, for a log, a terminal or a page. Names of files and of
//! virtual hosts may contain any byte but NUL.

use std::ffi::CStr;

use super::pool::Pool;
use super::raw;

impl Pool<'_> {
    /// `text` as httpd writes it to its logs: in one line of printable ASCII, without a bare quote.
    pub(crate) fn printable(self, text: &CStr) -> String {
        // SAFETY: httpd reads the text, and makes another in the pool.
        unsafe {
            let escaped = raw::ap_escape_logitem(self.as_ptr(), text.as_ptr());
            CStr::from_ptr(escaped).to_string_lossy().into_owned()
        }
    }

    /// `text` for a page: the same, with HTML's special characters escaped.
    pub(crate) fn html(self, text: &CStr) -> String {
        // SAFETY: as above, twice.
        unsafe {
            let escaped = raw::ap_escape_logitem(self.as_ptr(), text.as_ptr());
            let escaped = raw::ap_escape_html2(self.as_ptr(), escaped, 0);
            CStr::from_ptr(escaped).to_string_lossy().into_owned()
        }
    }

    /// The date of a moment, in microseconds since 1970, as mod_status writes it.
    pub(crate) fn date(self, moment: i64) -> String {
        let format = c"%A, %d-%b-%Y %H:%M:%S %Z";
        // SAFETY: httpd reads the format, and makes a text in the pool.
        unsafe {
            let date = raw::ap_ht_time(self.as_ptr(), moment, format.as_ptr(), 0);
            CStr::from_ptr(date).to_string_lossy().into_owned()
        }
    }
}
