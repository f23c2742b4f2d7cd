//! What is remembered of the links while httpd is stopped. A file keeps it, since many stop and
//! start httpd after each deploy.

use std::collections::BTreeSet;
use std::ffi::CString;

use realdoc_core::docroot::Docroot;
use realdoc_core::history::file;
use realdoc_core::now;
use realdoc_core::table::LinkTable;

use crate::httpd::{AtExit, Pool, Startup, is_first_start, log, runtime_path};

/// Restores from the file, when httpd starts, what `table` is to remember of the links to the
/// `roots`, and writes the file when httpd ends. Other links, which a configuration before may have
/// had, are forgotten.
pub(crate) fn keep<'d>(
    startup: &Startup,
    at_exit: AtExit<'_>,
    pool: Pool<'_>,
    table: LinkTable,
    roots: impl Iterator<Item = &'d Docroot>,
) {
    let Some(path) = runtime_path(startup, pool, c"realdoc.history") else {
        return;
    };
    let links: BTreeSet<CString> = roots.flat_map(Docroot::prefixes).collect();
    table.forget_others(links.iter().map(CString::as_c_str));
    if is_first_start() {
        let remembered = file::read(&path).unwrap_or_default();
        for (link, entries) in remembered.iter().filter(|(link, _)| links.contains(link)) {
            table.restore(link, entries, now());
        }
    }
    at_exit.run(move |error_log| {
        let remembered = |link: CString| {
            let entries = table.remembered(&link, now());
            (link, entries)
        };
        let remembered: Vec<_> = links.into_iter().map(remembered).collect();
        if let Err(error) = file::write(&path, &remembered) {
            log!(
                error_log,
                Warn,
                "RD28: cannot write {}: {error}. After the next start, RealdocPrevious knows only \
                 what `realdoc deploy` has recorded",
                path.display()
            );
        }
    });
}
