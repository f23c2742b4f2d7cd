//! What requests get that no release can answer.

use testbed::{Background, HungMount, LIMIT, Mpm, Response, wait_until};

use super::{CHUNK, Setup, assert_served};

const LOST: &str = "/assets/app-0000AAAA.js";

/// `Cache-Control` of an answer with this status.
#[track_caller]
fn caching(response: &Response, status: u16) -> Option<&str> {
    assert_eq!(response.status, status, "{}", response.text());
    response.header("cache-control")
}

each_mpm!(no_cache_keeps_a_miss);
/// Of a hashed name a 404 or 410 is not to be kept, whether httpd writes the page or a file is it.
fn no_cache_keeps_a_miss(mpm: Mpm) {
    let config = "RealdocPrevious On\n\
        <Location /with-page>\nErrorDocument 404 /sorry.html\n</Location>\n\
        <Location /off>\nRealdocPrevious Off\n</Location>";
    let files = [
        ("sorry.html", "sorry"),
        ("htaccess/.htaccess", "Redirect 410 /htaccess/"),
        ("flat", "a file"),
    ];
    let (server, site) = Setup::new(mpm, config).put("43", &files).start();
    assert_eq!(caching(&server.get(LOST), 404), Some("no-store"));
    assert_eq!(
        caching(&server.get("/none/app-0000AAAA.js"), 404),
        Some("no-store")
    );
    assert_eq!(
        caching(&server.get("/flat/app-0000AAAA.js"), 404),
        Some("no-store")
    );
    let answer = server.get("/with-page/app-0000AAAA.js");
    assert_eq!(caching(&answer, 404), Some("no-store"));
    assert_eq!(answer.text(), "sorry");
    let answer = server.get("/htaccess/gone-0000AAAA.js");
    assert_eq!(caching(&answer, 410), Some("no-store"));
    // Another name, another method, another place.
    assert_eq!(caching(&server.get("/assets/plain.js"), 404), None);
    assert_eq!(caching(&server.get("/with-page/plain.js"), 404), None);
    assert_eq!(caching(&server.request("POST", LOST, &[]), 404), None);
    assert_eq!(caching(&server.get("/off/app-0000AAAA.js"), 404), None);
    // A file that is there is cached as the configuration says.
    assert_served(&server.get(CHUNK));
    assert_eq!(caching(&server.get(CHUNK), 200), None);
    site.put(format!("releases/43/web{LOST}"), "there");
    assert_eq!(caching(&server.get(LOST), 200), None);
    server.stop();
}

each_mpm!(the_configuration_adds_to_caching on event);
/// What `Header` sets is sent beside `no-store`; what a page is instead of the file is not touched.
fn the_configuration_adds_to_caching(mpm: Mpm) {
    let header = "RealdocPrevious On\nHeader always set Cache-Control max-age=60";
    let (server, _) = Setup::new(mpm, header).start();
    let answer = server.get(LOST);
    assert_eq!(answer.status, 404, "{}", answer.text());
    let values: Vec<_> = answer.headers.get_all("cache-control").iter().collect();
    assert_eq!(values, ["max-age=60", "no-store"]);
    server.stop();

    let page =
        "RealdocPrevious On\n<Directory {root}/app>\nFallbackResource /index.html\n</Directory>";
    let (server, _) = Setup::new(mpm, page).start();
    let answer = server.get(LOST);
    assert_eq!(
        (caching(&answer, 200), answer.text().as_str()),
        (None, "43")
    );
    server.stop();
}

each_mpm!(what_is_served_and_lost_is_counted);
/// In the status, of all processes; requests for other names are not.
fn what_is_served_and_lost_is_counted(mpm: Mpm) {
    let config = "RealdocPrevious On\n\
        <Location /json>\nSetHandler realdoc-status\n</Location>\n\
        <Location /server-status>\nSetHandler server-status\n</Location>";
    let setup = Setup::new(mpm, config).with(|setup| setup.load("status"));
    let (server, _) = setup.start();
    for _ in 0..3 {
        assert_served(&server.get(CHUNK));
    }
    for url in [LOST, LOST, "/assets/plain.js", "/users/7", "/index.html"] {
        server.get(url);
    }
    let json = server.get("/json").text();
    assert!(
        json.contains("\"previous_served\": 3, \"previous_lost\": 2, "),
        "{json}"
    );
    let lines = server.get("/server-status?auto").text();
    let has = |end: &str| {
        lines
            .lines()
            .any(|line| line.starts_with("Realdoc[") && line.ends_with(end))
    };
    assert!(
        has("]PreviousServed: 3") && has("]PreviousLost: 2"),
        "{lines}"
    );
    let page = server.get("/server-status").text();
    assert!(page.contains("<td>3</td><td>2</td></tr>"), "{page}");

    // One line a release, the rest for those who debug; and why another is not served.
    let lines = server.log_lines("RD18: ");
    let infos = lines
        .iter()
        .filter(|line| line.contains("[realdoc:info]"))
        .count();
    assert_eq!((infos, lines.len()), (1, 3), "{lines:#?}");
    assert!(
        lines[0].contains(&format!("RD18: {CHUNK} is of ")),
        "{lines:#?}"
    );
    let lines = server.log_lines("RD19: ");
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].contains("it has no such file"), "{lines:#?}");
    server.stop();
}

each_mpm!(a_miss_without_the_directive_is_httpds_own on event);
/// Where `RealdocPrevious` is off nothing is added to any answer.
fn a_miss_without_the_directive_is_httpds_own(mpm: Mpm) {
    for config in ["", "RealdocPrevious Off\nRealdocPreviousMissing NotFound"] {
        let (server, _) = Setup::new(mpm, config).start();
        for url in [LOST, CHUNK, "/none/app-0000AAAA.js"] {
            assert_eq!(caching(&server.get(url), 404), None, "{config}");
        }
        assert_eq!(server.log_count("RD18") + server.log_count("RD19"), 0);
        server.stop();
    }
}

each_mpm!(other_hosts_do_not_notice on event);
/// Where another virtual host has the directive, rules see names as without it.
fn other_hosts_do_not_notice(mpm: Mpm) {
    let host = |name: &str, config: &str| {
        format!(
            "<VirtualHost *:{{port}}>\nServerName {name}\nDocumentRoot {{root}}/app/current/web\n{config}\n</VirtualHost>\n"
        )
    };
    // The name of what is not there ends at the first directory that is not.
    let rules = "RewriteEngine On\n\
        RewriteCond %{REQUEST_FILENAME} /none$\n\
        RewriteRule ^ /index.html [L]";
    let config = host("on", "RealdocPrevious On") + &host("off", "");
    let (server, _) = Setup::new(mpm, &config)
        .put("43", &[(".htaccess", rules)])
        .start();
    let get = |host: &str| {
        let answer = server.request("GET", "/none/app-0000AAAA.js", &[("Host", host)]);
        (
            answer.status,
            answer.header("cache-control").map(String::from),
        )
    };
    assert_eq!(get("off"), (200, None));
    // As with the directory there.
    assert_eq!(get("on"), (404, Some("no-store".into())));
    server.stop();
}

each_mpm!(a_former_release_that_hangs_keeps_one_thread);
/// Of all processes. What it may have is missing, and all else is answered.
fn a_former_release_that_hangs_keeps_one_thread(mpm: Mpm) {
    let setup = Setup::new(mpm, "RealdocPrevious On");
    let (server, site) = setup
        .with(|setup| {
            setup
                .children(if mpm.is_threaded() { 2 } else { 14 })
                .threads(8)
        })
        .start();
    assert_served(&server.get(CHUNK));
    let mount = match HungMount::at(&site.release("42")) {
        Ok(mount) => mount,
        Err(error) => {
            println!("SKIPPED: a hanging file system cannot be mounted: {error}");
            return server.stop();
        }
    };
    let endpoint = server.on(1);
    let ask = || Background::run(move |_| endpoint.request("GET", CHUNK, &[]).status);
    let clients = Vec::from_iter((0..12).map(|_| ask()));
    let waiting = || {
        let waits = |client: &&Background<u16>| !client.is_finished();
        clients.iter().filter(waits).count()
    };
    wait_until("one request waits", LIMIT, || waiting() == 1);
    assert_eq!(server.get("/index.html").text(), "43");
    assert_eq!(server.get(CHUNK).status, 404);
    assert_eq!(waiting(), 1);
    drop(mount);
    for client in clients {
        client.finish();
    }
    assert_served(&server.get(CHUNK));
    server.stop();
}
