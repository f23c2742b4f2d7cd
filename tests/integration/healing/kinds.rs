//! Which requests are healed, and how many looks that costs.

use std::fs;
use std::path::Path;

use testbed::{Mpm, Releases, Response, Server};

use super::{KINDS, Kind, Sections, Site, release};

/// How a release goes.
#[derive(Clone, Copy, Debug)]
enum Removal {
    /// Wholly, as by `rm -rf`.
    Whole,
    /// Its files are gone, its directories and .htaccess files are not yet.
    Files,
}

impl Removal {
    fn of(self, release: &Path, kind: &Kind) {
        match self {
            Removal::Whole => fs::remove_dir_all(release).expect("it is there"),
            Removal::Files => {
                for entry in fs::read_dir(release.join(kind.dir)).expect("it is there") {
                    let path = entry.expect("nobody else is here").path();
                    if path.is_file() && !path.ends_with(".htaccess") {
                        fs::remove_file(path).expect("it is there");
                    }
                }
            }
        }
    }
}

each_mpm!(a_release_deleted_right_after_the_flip_is_left);
/// Whatever kind of request comes first after a deploy that has deleted the old release at once: it
/// gets the new one, although nobody looks at the link for an hour.
fn a_release_deleted_right_after_the_flip_is_left(mpm: Mpm) {
    all_kinds_are_healed(mpm, Sections::Link, |server| {
        let mut connection = server.connect();
        move |url| connection.get(url).expect("the server answers")
    });
}

each_mpm!(streams_are_healed on worker, event);
/// The same over HTTP/2.
fn streams_are_healed(mpm: Mpm) {
    all_kinds_are_healed(mpm, Sections::Link, |server| {
        let connection = server.connect_h2();
        move |url| connection.get(url).expect("the server answers")
    });
}

each_mpm!(without_sections_too on event);
/// The same where there is no section to apply, and where httpd applies them by itself.
fn without_sections_too(mpm: Mpm) {
    for sections in [Sections::None, Sections::Target] {
        all_kinds_are_healed(mpm, sections, |server| {
            let mut connection = server.connect();
            move |url| connection.get(url).expect("the server answers")
        });
    }
}

fn all_kinds_are_healed<A>(mpm: Mpm, sections: Sections, connect: impl FnOnce(&Server) -> A)
where
    A: FnMut(&str) -> Response,
{
    let mut site = Site::start(mpm, sections, "RealpathEvery 1h");
    let mut ask = connect(&site.server);
    let part = "/static/part.txt";
    assert_eq!(release(&ask(part)), "0");
    for removal in [Removal::Whole, Removal::Files] {
        for kind in sections.kinds(mpm) {
            let old = site.current.to_string();
            site.deploy_next(&[]);
            let new = site.current.to_string();
            let checks = site.checks();
            assert_eq!(release(&ask(part)), old, "the control: nobody has looked");
            assert_eq!(site.checks(), checks);

            removal.of(&site.previous(), &kind);
            let response = ask(kind.url);
            assert_eq!(
                release(&response),
                new,
                "{removal:?}, {kind:?}: {}",
                response.text()
            );
            let looks = site.checks() - checks;
            // Whoever gets to no file in the new release either looks again, whether that is the
            // newest still.
            let most = if kind.plain { 1 } else { 2 };
            assert!(
                (1..=most).contains(&looks),
                "{removal:?}, {kind:?}: {looks} looks"
            );
            assert_eq!(release(&ask(part)), new);
            assert_eq!(site.checks(), checks + looks, "{removal:?}, {kind:?}");
        }
    }
    drop(ask);
    site.server.stop();
}

each_mpm!(what_is_there_is_served_without_a_look on event);
/// A plain file of the known release is served from it: the link is looked at when `RealpathEvery`
/// says.
fn what_is_there_is_served_without_a_look(mpm: Mpm) {
    let mut site = Site::start(mpm, Sections::Link, "RealpathEvery 1h");
    let mut connection = site.server.connect();
    let mut ask = |url| release(&connection.get(url).expect("the server answers"));
    assert_eq!(ask("/static/part.txt"), "0");
    let checks = site.checks();
    site.deploy_next(&[]);
    for kind in KINDS.iter().filter(|kind| kind.plain) {
        assert_eq!(ask(kind.url), "0", "{kind:?}");
    }
    assert_eq!(site.checks(), checks);
}

each_mpm!(what_no_release_has_costs_one_look);
/// A URL that is missing everywhere is a 404, with one look at the link, whatever its error page is
/// made of; with two if the first one leads to another release, in which it is missing as well.
fn what_no_release_has_costs_one_look(mpm: Mpm) {
    let config =
        "RealpathEvery 1h\n<Location /with-page>\nErrorDocument 404 /error.shtml\n</Location>";
    let mut site = Site::start(mpm, Sections::Link, config);
    let page =
        "sorry <!--#include virtual=\"/none.txt\" --> <!--#include virtual=\"/none/too\" -->";
    let files = [("web/error.shtml", page)];
    site.deploy_next(&files);
    site.server.allow("unable to include");
    let mut connection = site.server.connect();
    // The first look of a process is not for what is missing.
    assert_eq!(release(&connection.get("/static/part.txt").unwrap()), "1");
    let mut missing = |site: &Site, url: &str, looks: usize| {
        let checks = site.checks();
        let response = connection.get(url).expect("the server answers");
        assert_eq!(response.status, 404, "{url}");
        assert_eq!(site.checks(), checks + looks, "{url}");
        response.text()
    };
    missing(&site, "/none.txt", 1);
    let urls = [
        "/none.txt",
        "/none/none/none",
        "/dir/none.txt",
        "/alias/none.txt",
    ];
    for url in urls {
        missing(&site, url, 1);
    }
    assert!(missing(&site, "/with-page/none.txt", 1).starts_with("sorry "));
    // The same when the link leads elsewhere, where it is missing, too.
    for url in urls {
        site.deploy_next(&files);
        missing(&site, url, 2);
    }
    site.deploy_next(&files);
    assert!(missing(&site, "/with-page/none.txt", 2).starts_with("sorry "));
    site.server.stop();
}

each_mpm!(only_what_the_client_asks_for_is_healed on prefork, event);
/// What a page includes, and where a script or an error leads, stays in the page's release even if
/// it is missing there.
fn only_what_the_client_asks_for_is_healed(mpm: Mpm) {
    let config = "RealpathEvery 1h\nErrorDocument 403 /new.txt";
    let mut site = Site::start(mpm, Sections::Link, config);
    site.server.allow("unable to include");
    site.server.allow("AH01630: client denied");
    let mut connection = site.server.connect();
    let mut ask = |url| connection.get(url).expect("the server answers");
    let moved = "#!/bin/sh\nprintf 'Location: /new.txt\\n\\n'\n";
    let page =
        "<!--#include virtual=\"/static/part.txt\" --> <!--#include virtual=\"/new.txt\" -->";
    site.deploy_next(&[
        ("web/page.shtml", page),
        ("web/moved.cgi", moved),
        ("web/denied/.htaccess", "Require all denied"),
        ("web/denied/file.txt", ""),
    ]);
    // The release that is left later must be the one that has these.
    assert_eq!(release(&ask("/dir/")), "1");
    site.deploy_next(&[("web/new.txt", "2")]);
    let checks = site.checks();

    let response = ask("/page.shtml");
    assert!(
        response.text().starts_with("1 [an error"),
        "{}",
        response.text()
    );
    assert_eq!(ask("/moved.cgi").status, 404);
    let response = ask("/denied/file.txt");
    assert_eq!(response.status, 403);
    assert!(!response.text().starts_with('2'), "{}", response.text());
    assert_eq!(site.checks(), checks);

    // The control: the client may ask for it.
    assert_eq!(release(&ask("/new.txt")), "2");
    site.server.stop();
}

each_mpm!(a_release_deleted_before_the_flip on event);
/// Requests in between are lost; the first one after the flip is not.
fn a_release_deleted_before_the_flip(mpm: Mpm) {
    let mut site = Site::start(mpm, Sections::Link, "RealpathEvery 1h");
    site.server.allow("RD12");
    let mut connection = site.server.connect();
    let mut ask = |url| release(&connection.get(url).expect("the server answers"));
    for kind in KINDS {
        assert_eq!(ask("/static/part.txt"), site.current.to_string());
        site.releases.remove(&site.current.to_string());
        let answer = ask(kind.url);
        assert!(answer.starts_with("status 4"), "{kind:?}: {answer}");
        site.deploy_next(&[]);
        assert_eq!(ask(kind.url), site.current.to_string(), "{kind:?}");
    }
    drop(connection);
    site.server.stop();
}

each_mpm!(what_lies_under_a_further_link_is_healed on event);
/// So is what an Alias leads to, in a tree with a link of its own.
fn what_lies_under_a_further_link_is_healed(mpm: Mpm) {
    let config = "RealpathEvery 1h\n\
        RealdocLink {root}/media/current\n\
        Alias /media/ {root}/media/current/files/\n";
    let mut site = Site::start(mpm, Sections::Link, config);
    let media = Releases::at(site.server.root().join("media"));
    let mut connection = site.server.connect();
    let mut ask = |url| release(&connection.get(url).expect("the server answers"));
    let deploy_media = |name: &str| {
        media.create(name, &[("files/a.txt", name), ("files/index.html", name)]);
        media.deploy(name);
    };
    deploy_media("0");
    assert_eq!(ask("/media/a.txt"), "0");
    for (old, new, url) in [("0", "1", "/media/a.txt"), ("1", "2", "/media/")] {
        deploy_media(new);
        assert_eq!(ask("/media/a.txt"), old, "the control: nobody has looked");
        media.remove(old);
        assert_eq!(ask(url), new);
        assert_eq!(ask("/media/a.txt"), new);
    }
    // Both links at once.
    site.deploy_next(&[]);
    deploy_media("3");
    media.remove("2");
    site.releases.remove("0");
    assert_eq!(ask("/static/part.txt"), "1");
    assert_eq!(ask("/media/a.txt"), "3");
    drop(connection);
    site.server.stop();
}
