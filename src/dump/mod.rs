//! What `apachectl -t -D DUMP_REALDOC` and `-D DUMP_REALDOC_JSON` print: for each virtual host what
//! the module makes of it, and what that changes.

use std::io::{self, Write};

use crate::httpd::{Pool, Server, Startup, is_defined, log};

mod hosts;
mod json;
mod text;

/// The test_config hook.
pub(crate) fn print<'c>(startup: &Startup, pool: Pool<'c>, main: Server<'c>) {
    let is_json = is_defined(c"DUMP_REALDOC_JSON");
    if !is_json && !is_defined(c"DUMP_REALDOC") {
        return;
    }
    let hosts = hosts::hosts(startup, pool, main);
    let text = if is_json {
        format!("{}\n", json::hosts(&hosts))
    } else {
        text::hosts(&hosts, pool)
    };
    // httpd has no buffer of its own for what it prints, and does not empty ours at its end.
    let mut stdout = io::stdout().lock();
    let printed = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    if let Err(error) = printed {
        log!(
            main,
            Error,
            "RD14: cannot print what DUMP_REALDOC asks for: {error}"
        );
    }
}
