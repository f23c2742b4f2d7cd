//! What the server shows of each link: the release that it points to, and what all processes
//! together have counted. A part of mod_status' page, and JSON of its own.
//!
//! Whole paths are not shown: others than administrators may see such a page.

use std::ffi::CStr;

use crate::httpd::{Answer, Request, StatusFormat};

mod json;
mod page;
mod rows;

use rows::rows;

/// The handler that answers with JSON.
pub(crate) const HANDLER: &CStr = c"realdoc-status";

/// mod_status' hook. Where no link is known there is nothing to show.
pub(crate) fn show(r: Request<'_>, format: StatusFormat) {
    let rows = rows(r);
    if rows.is_empty() {
        return;
    }
    r.write(&match format {
        StatusFormat::Html => page::table(&rows, r.pool()),
        StatusFormat::Auto => page::lines(&rows, r.pool()),
    });
}

/// The handler hook.
pub(crate) fn answer(r: Request<'_>) -> Answer {
    if r.handler() != Some(HANDLER) || !r.is_get() {
        return Answer::DECLINED;
    }
    r.set_content_type(c"application/json");
    r.write(&format!("{}\n", json::status(&rows(r))));
    Answer::OK
}
