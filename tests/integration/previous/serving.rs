//! A page keeps its files over deploys.

use std::fs::File;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use testbed::{Mpm, Releases};

use crate::common::{ENV, variable};

use super::{CHUNK, Setup, assert_refused, assert_served, see};

/// The chunks of a release's page, each with its content.
fn chunks(release: &str) -> Vec<(String, String)> {
    let chunk = |n| {
        let url = format!("/assets/chunk-{n:04}x{release}A.js");
        (url, format!("chunk {n} of {release}"))
    };
    (0..200).map(chunk).collect()
}

/// Makes a release with its page and its chunks.
fn create(site: &Releases, release: &str) {
    site.create(release, &[("web/index.html", release)]);
    for (url, content) in chunks(release) {
        site.create(release, &[(&format!("web{url}"), &content)]);
    }
}

each_mpm!(a_page_keeps_its_chunks);
/// Without the directive the page of a release that has been left is broken; with it, all its
/// chunks are there, over HTTP/1.1 and HTTP/2.
fn a_page_keeps_its_chunks(mpm: Mpm) {
    for config in ["", "RealdocPrevious On"] {
        let setup = Setup::new(mpm, &format!("{config}\nProtocols h2c http/1.1"));
        let is_h2 = mpm.is_threaded();
        let setup = setup.with(|setup| if is_h2 { setup.load("http2") } else { setup });
        create(&setup.site, "42");
        create(&setup.site, "43");
        let (server, _) = setup.start();
        let mut connection = server.connect();
        let h2 = is_h2.then(|| server.connect_h2());
        for (url, content) in chunks("42") {
            let answers = [
                Some(connection.get(&url).expect("it answers")),
                h2.as_ref().map(|h2| h2.get(&url).expect("it answers")),
            ];
            for answer in answers.into_iter().flatten() {
                if config.is_empty() {
                    assert_refused(&answer, 404);
                } else {
                    assert_eq!(
                        (answer.status, answer.text()),
                        (200, content.clone()),
                        "{url}"
                    );
                    assert_eq!(
                        answer.header("content-type"),
                        Some("application/javascript")
                    );
                }
            }
        }
        drop((connection, h2));
        server.stop();
    }
}

each_mpm!(each_release_of_the_window_is_asked);
/// Also the chunks of releases that were left earlier, and of the one that is rolled back.
fn each_release_of_the_window_is_asked(mpm: Mpm) {
    let setup = Setup::new(mpm, "RealdocPrevious 1h 2");
    for release in ["42", "43", "44", "45"] {
        create(&setup.site, release);
    }
    let (server, site) = setup.start();
    let first = |release: &str| chunks(release).swap_remove(0).0;
    let statuses = || ["42", "43", "44", "45"].map(|release| server.get(&first(release)).status);
    assert_eq!(statuses(), [200, 200, 404, 404]);
    for (release, expected) in [
        ("44", [200, 200, 200, 404]),
        // Two count, besides the one that is current.
        ("45", [404, 200, 200, 200]),
        ("44", [404, 200, 200, 200]),
        ("45", [404, 200, 200, 200]),
    ] {
        // File systems tell times apart that differ by some milliseconds.
        sleep(Duration::from_millis(50));
        site.deploy(release);
        see(&server, release);
        assert_eq!(statuses(), expected, "{release}");
    }
    server.stop();
}

each_mpm!(an_answer_is_as_of_any_file);
/// HEAD, a range, a condition, a query and a whole URL are answered as usual; the note names the
/// release.
fn an_answer_is_as_of_any_file(mpm: Mpm) {
    let config = "RealdocPrevious On\n\
        LogFormat \"%U %{realdoc-previous}n\" previous\n\
        CustomLog {root}/previous.log previous\n\
        <FilesMatch \"\\.js$\">\nHeader set Cache-Control immutable\n</FilesMatch>";
    let (server, site) = Setup::new(mpm, config).start();
    let mut connection = server.connect();
    let mut ask = |method: &str, url: &str, header| {
        let headers: Vec<(&str, &str)> = Option::into_iter(header).collect();
        connection
            .request(method, url, &headers)
            .expect("it answers")
    };
    let answer = ask("GET", CHUNK, None);
    assert_served(&answer);
    assert_eq!(answer.header("cache-control"), Some("immutable"));
    let tag = answer.header("etag").expect("a file has one").to_owned();
    assert_served(&ask("GET", &format!("{CHUNK}?v=1"), None));
    assert_served(&ask("GET", &format!("http://localhost{CHUNK}?v=1"), None));
    let answer = ask("HEAD", CHUNK, None);
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-length"), Some("11"));
    let answer = ask("GET", CHUNK, Some(("Range", "bytes=6-7")));
    assert_eq!((answer.status, answer.text().as_str()), (206, "of"));
    let answer = ask("GET", CHUNK, Some(("If-None-Match", &tag)));
    assert_eq!(answer.status, 304);
    drop(connection);
    let log = server.root().join("previous.log");
    server.graceful_stop();
    let log = std::fs::read_to_string(log).expect("it was written");
    let line = format!("{CHUNK} {}", site.release("42").display());
    assert_eq!(
        log.lines().filter(|logged| *logged == line).count(),
        6,
        "{log}"
    );
}

each_mpm!(an_answer_is_as_before_the_deploy);
/// Status, headers and body, whatever is asked and whatever rules of both releases add.
fn an_answer_is_as_before_the_deploy(mpm: Mpm) {
    const CONFIG: &str = "RealdocPrevious On\n\
        RewriteEngine On\n\
        RewriteRule ^/assets/ - [CO=server:yes:localhost,E=SEEN:yes]\n\
        AddOutputFilterByType DEFLATE application/javascript\n\
        SetEnvIf Host . HOST=yes\n\
        Header add X-Added one\n\
        Header always add X-Always %{SEEN}e\n\
        <Files \"*.js\">\nHeader add X-Host %{HOST}e\n</Files>\n\
        ErrorDocument 412 changed";
    const RULES: &str = "RewriteEngine On\n\
        RewriteRule ^assets/ - [CO=release:yes:localhost,E=RULE:yes]\n\
        Header add X-Rule %{RULE}e\nAddCharset utf-8 .js\nAddLanguage de .js";
    const OLD: &str = "Mon, 06 Feb 2006 00:00:00 GMT";
    let setup = Setup::new(mpm, CONFIG)
        .put("42", &[(".htaccess", RULES)])
        .put("43", &[(".htaccess", RULES)])
        .with(|setup| setup.load_all(&["filter", "deflate"]));
    let Setup { builder, site } = setup;
    // The tag of a file that was just made is a weak one.
    let file = site.release("42").join("web").join(&CHUNK[1..]);
    let file = File::options().write(true).open(file).expect("it was made");
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    file.set_modified(an_hour_ago).expect("it is ours");
    site.deploy("42");
    let server = builder.start();
    see(&server, "42");
    let first = server.get(CHUNK);
    let tag = first.header("etag").expect("a file has one");
    let time = first.header("last-modified").expect("a file has one");
    let tag_of_gzip = format!("{}-gzip\"", tag.trim_end_matches('"'));
    let gzip = ("Accept-Encoding", "gzip");
    let requests: [&[(&str, &str)]; 18] = [
        &[],
        &[gzip],
        &[gzip, ("If-None-Match", &tag_of_gzip)],
        &[gzip, ("Range", "bytes=6-7")],
        &[("Range", "bytes=6-7")],
        &[("Range", "bytes=-3")],
        &[("Range", "bytes=4000-")],
        &[("Range", "nonsense")],
        &[("If-Range", tag), ("Range", "bytes=6-7")],
        &[("If-Range", "\"other\""), ("Range", "bytes=6-7")],
        &[("If-None-Match", tag)],
        &[("If-None-Match", "*")],
        &[("If-None-Match", "\"other\"")],
        &[("If-Modified-Since", time)],
        &[("If-Modified-Since", OLD)],
        &[("If-Match", tag)],
        &[("If-Match", "\"other\"")],
        &[("If-Unmodified-Since", OLD)],
    ];
    let answers = || {
        let urls = [CHUNK.to_owned(), format!("{CHUNK}?v=1")];
        let asked = urls.iter().flat_map(|url| {
            let methods = ["GET", "HEAD"].into_iter();
            methods.flat_map(move |method| requests.map(|headers| (url, method, headers)))
        });
        let answers = asked.map(|(url, method, headers)| {
            let mut answer = server.request(method, url, headers);
            answer.headers.remove("date");
            let mut lines: Vec<_> = answer.headers.iter().collect();
            lines.sort_by_key(|(name, _)| name.as_str());
            let text = format!("{} {lines:?} {:?}", answer.status, answer.body);
            (format!("{method} {url} {headers:?}"), text)
        });
        answers.collect::<Vec<_>>()
    };
    let before = answers();
    site.deploy("43");
    see(&server, "43");
    for (before, after) in before.iter().zip(answers()) {
        assert_eq!(*before, after);
    }
    server.stop();
}

each_mpm!(scripts_know_their_release);
/// The name is that of the status page. Without the directive there is none.
fn scripts_know_their_release(mpm: Mpm) {
    const ROOT: &str = "Options FollowSymLinks ExecCGI\nRequire all granted";
    for config in ["", "RealdocPrevious On"] {
        let setup = Setup::new(mpm, config).put("43", &[("env.cgi", ENV)]);
        let setup = setup.with(|setup| setup.cgi().root_section(ROOT));
        let (server, _) = setup.start();
        let answer = server.get("/env.cgi");
        if config.is_empty() {
            assert!(
                !answer.text().contains("REALDOC_RELEASE"),
                "{}",
                answer.text()
            );
        } else {
            assert_eq!(variable(&answer, "REALDOC_RELEASE"), "releases/43");
        }
        server.stop();
    }
}
