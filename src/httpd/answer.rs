//! What a hook returns to httpd.

use std::ffi::c_int;

use super::raw;

/// OK, DECLINED or an HTTP status.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer(pub(super) c_int);

impl Answer {
    /// httpd goes on with the next module's hook.
    pub(crate) const DECLINED: Answer = Answer(raw::DECLINED);
    /// It is done: of most hooks httpd calls no other module's.
    pub(crate) const OK: Answer = Answer(raw::OK as c_int);
    /// The status of a request that nothing is wrong with.
    pub(crate) const SUCCESS: Answer = Answer(raw::HTTP_OK as c_int);
    /// The request ends with 404.
    pub(crate) const NOT_FOUND: Answer = Answer(raw::HTTP_NOT_FOUND as c_int);
    /// The request ends with 410.
    pub(crate) const GONE: Answer = Answer(raw::HTTP_GONE as c_int);
    /// The request ends with 403.
    pub(crate) const FORBIDDEN: Answer = Answer(raw::HTTP_FORBIDDEN as c_int);
    /// The request ends with 500.
    pub(crate) const SERVER_ERROR: Answer = Answer(raw::HTTP_INTERNAL_SERVER_ERROR as c_int);
    /// The request ends with 503.
    pub(crate) const UNAVAILABLE: Answer = Answer(raw::HTTP_SERVICE_UNAVAILABLE as c_int);
}
