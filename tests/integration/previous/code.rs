//! Nothing of an earlier release runs, whatever the request for its file leads to.

use testbed::Mpm;

use super::{CHUNK, Setup, assert_served};
use crate::common::SSI_CGI;

/// A script that names its release by its place.
const NAME: &str =
    "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nscript in %s' \"$SCRIPT_FILENAME\"\n";

each_mpm!(error_pages_are_of_the_current_release);
/// The earlier release's file is found, but the answer is an error: its `ErrorDocument` leads to a
/// script or to a page, which both releases have.
fn error_pages_are_of_the_current_release(mpm: Mpm) {
    let (server, site) = Setup::new(mpm, "RealdocPrevious On")
        .with(|setup| setup.cgi().root_section(SSI_CGI))
        .put(
            "42",
            &[
                ("assets/.htaccess", "ErrorDocument 416 /error.cgi"),
                ("fonts/.htaccess", "ErrorDocument 416 /error.html"),
                ("fonts/inter-4f5e6d7c.woff2", "chunk of 42"),
                ("error.cgi", NAME),
                ("error.html", "error page of 42"),
            ],
        )
        .put(
            "43",
            &[("error.cgi", NAME), ("error.html", "error page of 43")],
        )
        .start();
    let beyond = |url| {
        assert_served(&server.get(url));
        let answer = server.request("GET", url, &[("Range", "bytes=4000-")]);
        (answer.status, answer.text())
    };
    let script = site.release("43").join("web/error.cgi");
    let ran = format!("script in {}", script.display());
    assert_eq!(beyond(CHUNK), (416, ran));
    let page = "error page of 43".to_owned();
    assert_eq!(beyond("/fonts/inter-4f5e6d7c.woff2"), (416, page));
    server.stop();
}
