//! What a healed request is subject to: the release that healed it.

use std::fs;
use std::path::Path;

use testbed::{Background, Mpm};

use super::{Sections, Site, release};
use crate::common::{ENV, Gate, variable};

each_mpm!(the_new_release_decides);
/// A healed request is subject to the .htaccess files and the sections as they are for the new
/// release.
fn the_new_release_decides(mpm: Mpm) {
    let config = "RealpathEvery 1h\n\
        <Directory {root}/app/current/web/private>\nRequire all denied\n</Directory>\n\
        <DirectoryMatch \"/current/web/hidden\">\nRequire all denied\n</DirectoryMatch>\n\
        <Directory {root}/app/current/web/marked>\nHeader set X-Section marked\n</Directory>";
    let mut site = Site::start(mpm, Sections::Link, config);
    site.server.allow("AH01630: client denied");
    let mut connection = site.server.connect();
    let mut ask = |url| connection.get(url).expect("the server answers");
    assert_eq!(release(&ask("/static/part.txt")), "0");
    for (url, status) in [
        ("/private/file.txt", 403),
        ("/hidden/file.txt", 403),
        ("/closed/file.txt", 403),
        ("/opened/file.txt", 200),
        ("/marked/file.txt", 200),
        ("/plain/file.txt", 200),
    ] {
        let file = format!("web{url}");
        let dir = Path::new(&file).parent().expect("it has one").display();
        let htaccess = format!("{dir}/.htaccess");
        let (closed, opened) = ("Require all denied", "Require all granted");
        // In the old release it is the other way round, and the file is missing.
        let (old, new) = match url {
            "/closed/file.txt" => (opened, closed),
            "/opened/file.txt" => (closed, opened),
            "/plain/file.txt" => ("Header set X-Section old", ""),
            _ => ("", ""),
        };
        site.deploy_next(&[(&htaccess, old)]);
        assert_eq!(release(&ask("/dir/")), site.current.to_string());
        site.deploy_next(&[(&htaccess, new), (&file, "new")]);
        let response = ask(url);
        assert_eq!(response.status, status, "{url}");
        assert_eq!(response.text() == "new", status == 200, "{url}");
        let mark = url.starts_with("/marked").then_some("marked");
        assert_eq!(response.header("X-Section"), mark, "{url}");
    }
    site.server.stop();
}

each_mpm!(a_healed_script_sees_the_new_release_only);
/// All paths in its environment are of the release that it was found in.
fn a_healed_script_sees_the_new_release_only(mpm: Mpm) {
    let mut site = Site::start(mpm, Sections::Link, "RealpathEvery 1h");
    let mut connection = site.server.connect();
    let mut ask = |url| connection.get(url).expect("the server answers");
    assert_eq!(release(&ask("/static/part.txt")), "0");
    for (url, context, file) in [
        ("/env.cgi/path/info", "web", "web/env.cgi"),
        (
            "/alias/env.cgi/path/info",
            "shared/plain",
            "shared/plain/env.cgi",
        ),
    ] {
        site.deploy_next(&[(file, ENV)]);
        let old = site.previous();
        fs::remove_dir_all(&old).expect("it is there");
        let new = site.releases.release(&site.current.to_string());
        let response = ask(url);
        for (name, path) in [
            ("DOCUMENT_ROOT", "web"),
            ("CONTEXT_DOCUMENT_ROOT", context),
            ("SCRIPT_FILENAME", file),
            ("PATH_TRANSLATED", "web/path/info"),
        ] {
            let value = Path::new(variable(&response, name));
            assert_eq!(
                value.components().as_path(),
                new.join(path),
                "{url}: {name}"
            );
        }
        let old = old.to_str().expect("its name is text");
        assert!(!response.text().contains(old), "{}", response.text());
    }
    drop(connection);
    site.server.stop();
}

each_mpm!(a_healed_request_keeps_to_its_new_release);
/// It is pinned to the release that healed it: when the link is flipped once more meanwhile, it
/// goes on there.
fn a_healed_request_keeps_to_its_new_release(mpm: Mpm) {
    let mut site = Site::start(mpm, Sections::Link, "RealpathEvery 1h");
    let endpoint = site.server.on(1);
    assert_eq!(release(&endpoint.get("/static/part.txt")), "0");
    let gate = Gate::at(site.server.root());
    let wait = gate.command();
    let script = format!("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'; {wait}; printf 1\n");
    let page: String = [
        "wait.cgi",
        "dir/",
        "static/part.txt",
        "section/none",
        "front/none",
    ]
    .map(|url| format!("<!--#include virtual=\"/{url}\" --> "))
    .concat();
    site.deploy_next(&[("web/wait.cgi", &script), ("web/page.shtml", &page)]);
    let answer = Background::run(move |_| endpoint.get("/page.shtml"));
    gate.wait_for(1);
    site.deploy_next(&[]);
    assert_eq!(release(&endpoint.get("/dir/")), "2");
    assert!(!answer.is_finished());
    gate.open();
    assert_eq!(release(&answer.finish()), "1");
    site.server.stop();
}

each_mpm!(what_is_deleted_first_still_protects on prefork, event);
/// A release is deleted while a request is on its way to a file of it. The .htaccess that protects
/// the file is gone first.
fn what_is_deleted_first_still_protects(mpm: Mpm) {
    let config = "RewriteMap held \"prg:/bin/sh -c 'while read url; do : >{root}/gate/waits.1; \
        while test -d {root}/gate && ! test -e {root}/gate/open; do sleep 0.02; done; echo go; done'\"\n\
        RewriteCond ${held:$0} go\n\
        RewriteRule ^/closed/ -";
    let mut site = Site::start(mpm, Sections::Link, config);
    site.server.allow("AH01630: client denied");
    let gate = Gate::at(site.server.root());
    let endpoint = site.server.on(1);
    let closed = [
        ("web/closed/.htaccess", "Require all denied"),
        ("web/closed/file.txt", "secret"),
    ];
    site.deploy_next(&closed);
    let answer = Background::run(move |_| endpoint.get("/closed/file.txt"));
    gate.wait_for(1);
    site.deploy_next(&closed);
    fs::remove_file(site.previous().join("web/closed/.htaccess")).expect("it is there");
    gate.open();
    assert_eq!(answer.finish().status, 403);
    site.server.stop();
}
