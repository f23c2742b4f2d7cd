//! What is not served from an earlier release: code, pages, what is not named by its content, and
//! what is not the very file that was there.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

use testbed::Mpm;

use super::{CHUNK, Setup, assert_refused, assert_served};

const ON: &str = "RealdocPrevious On";

/// A content that shows whether it was run, and whether its source was sent.
const CODE: &str = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nrun of 42'\n";

each_mpm!(code_is_neither_run_nor_sent);
/// Whatever makes a handler or a filter of a file, also where the names are not the usual ones.
fn code_is_neither_run_nor_sent(mpm: Mpm) {
    const CGI_BY_TYPE: &str = "Options ExecCGI\nForceType application/x-httpd-cgi";
    const CGI: &str = "Options FollowSymLinks ExecCGI Includes MultiViews";
    for (url, rule) in [
        ("/assets/run-3f2aB91c.cgi", CGI),
        (
            "/assets/run-3f2aB91c.js",
            "Options FollowSymLinks ExecCGI\nAddHandler cgi-script .js",
        ),
        (
            "/assets/run-3f2aB91c.js",
            "Options FollowSymLinks ExecCGI\nSetHandler cgi-script",
        ),
        ("/assets/run-3f2aB91c.js", "SetHandler server-status"),
        (
            "/assets/run-3f2aB91c.js",
            "<FilesMatch run>\nSetHandler server-status\n</FilesMatch>",
        ),
        (
            "/assets/run-3f2aB91c.js",
            "Options FollowSymLinks Includes\nAddOutputFilter INCLUDES .js",
        ),
        (
            "/assets/run-3f2aB91c.js",
            "Options FollowSymLinks Includes\nSetOutputFilter INCLUDES",
        ),
        (
            "/assets/run-3f2aB91c.js",
            "Options FollowSymLinks Includes\nSetOutputFilter deflate;Includes",
        ),
        (
            "/assets/run-3f2aB91c.shtml",
            "Options Includes\nAddOutputFilter INCLUDES .shtml",
        ),
        ("/assets/run-3f2aB91c.var", "AddHandler type-map .var"),
        ("/assets/run-3f2aB91c", CGI_BY_TYPE),
        ("/assets/run-3f2aB91c.js", "ForceType server-status"),
        ("/assets/run-3f2aB91c.js/", CGI),
        ("/assets/run-3f2aB91c.js/more-3f2aB91c.js", CGI),
    ] {
        let name = url.strip_prefix("/assets/").expect("it is there");
        let name = name.split('/').next().expect("there is one");
        let file = format!("assets/{name}");
        let setup = Setup::new(mpm, "RealdocPrevious On\nRealdocPreviousNames .")
            .with(|setup| {
                setup
                    .cgi()
                    .load("status")
                    .load("deflate")
                    .allow("[cgi:error]")
                    .allow("[cgid:error]")
            })
            .put("42", &[(&file, CODE), ("assets/.htaccess", rule)]);
        // The control: without a rule it is a file.
        let setup = setup.put("42", &[("assets/app-3f2aB91c.txt", "chunk of 42")]);
        let (server, site) = setup.start();
        let answer = server.get(url);
        assert!(answer.status >= 400, "{url} {rule}: {}", answer.status);
        let text = answer.text();
        assert!(
            !text.contains("of 42") && !text.contains("#!"),
            "{url} {rule}"
        );
        site.put("releases/42/web/assets/.htaccess", "");
        assert_served(&server.get("/assets/app-3f2aB91c.txt"));
        server.stop();
    }
}

each_mpm!(names_without_a_hash_are_gone_at_once);
/// A service worker, a manifest, a page, a directory, a script.
fn names_without_a_hash_are_gone_at_once(mpm: Mpm) {
    const FILES: [&str; 9] = [
        "sw.js",
        "ngsw.json",
        "style.css",
        "service-worker.js",
        "manifest.webmanifest",
        "page-3f2aB91c.html",
        "old-3f2aB91c/index.html",
        "assets/plain.js",
        "run-3f2aB91c.php",
    ];
    let files = FILES.map(|file| (file, "chunk of 42"));
    let (server, _) = Setup::new(mpm, ON).put("42", &files).start();
    assert_served(&server.get(CHUNK));
    for file in FILES {
        assert_refused(&server.get(&format!("/{file}")), 404);
    }
    for url in ["/old-3f2aB91c", "/old-3f2aB91c/"] {
        assert_refused(&server.get(url), 404);
    }
    server.stop();
}

each_mpm!(a_hash_in_the_url_alone_is_not_enough);
/// Where rules or an alias take off what the client puts there, as they do to get around caches.
fn a_hash_in_the_url_alone_is_not_enough(mpm: Mpm) {
    for rule in [
        "RewriteEngine On\nRewriteRule ^/(.+)\\.[0-9a-f]{8}\\.(js|json)$ /$1.$2",
        "RewriteEngine On\nRewriteRule ^/(.+)\\.[0-9a-f]{8}\\.(js|json)$ /$1.$2 [PT]",
        "AliasMatch ^/(.+)\\.[0-9a-f]{8}\\.(js|json)$ {root}/app/current/web/$1.$2",
    ] {
        let files = [("sw.js", "sw of 42"), ("ngsw.json", "ngsw of 42")];
        let (server, site) = Setup::new(mpm, &format!("{ON}\n{rule}"))
            .put("42", &files)
            .start();
        for url in ["/sw.12345678.js", "/ngsw.12345678.json"] {
            assert_refused(&server.get(url), 404);
        }
        // The control: what the current release has.
        site.put("releases/43/web/sw.js", "sw of 43");
        assert_eq!(server.get("/sw.12345678.js").text(), "sw of 43");
        assert_served(&server.get(CHUNK));
        server.stop();
    }
}

each_mpm!(only_the_plain_url_of_a_file);
/// Encoded, with empty or hidden components, with path info, by another method.
fn only_the_plain_url_of_a_file(mpm: Mpm) {
    let hidden = (".well/app-3f2aB91c.js", "chunk of 42");
    let (server, _) = Setup::new(mpm, ON).put("42", &[hidden]).start();
    assert_served(&server.get(CHUNK));
    for url in [
        "/assets/app%2d3f2aB91c.js",
        "/assets/%61pp-3f2aB91c.js",
        "//assets/app-3f2aB91c.js",
        "/assets//app-3f2aB91c.js",
        "/assets/./app-3f2aB91c.js",
        "/x/../assets/app-3f2aB91c.js",
        "/assets/app-3f2aB91c.js/info-3f2aB91c.js",
        "/.well/app-3f2aB91c.js",
    ] {
        assert_refused(&server.get(url), 404);
    }
    assert_refused(&server.request("POST", CHUNK, &[]), 404);
    assert_ne!(server.request("DELETE", CHUNK, &[]).status, 200);
    let answer = server.request("OPTIONS", CHUNK, &[]);
    assert!(!answer.text().contains("of 42"));
    server.stop();
}

each_mpm!(only_what_the_client_asks_for on event);
/// What a page includes and where an error or a script leads is of the request's own release.
fn only_what_the_client_asks_for(mpm: Mpm) {
    let page = format!("<!--#include virtual=\"{CHUNK}\" -->");
    let config = format!("{ON}\nErrorDocument 403 {CHUNK}\nAddOutputFilter INCLUDES .shtml");
    let (server, _) = Setup::new(mpm, &config)
        .with(|setup| {
            setup
                .root_section(
                    "Options FollowSymLinks Includes\nAllowOverride All\nRequire all granted",
                )
                .allow("unable to include")
                .allow("AH01630")
        })
        .put(
            "43",
            &[
                ("page.shtml", &page),
                ("denied/.htaccess", "Require all denied"),
            ],
        )
        .start();
    assert_served(&server.get(CHUNK));
    let see_page = || {
        let page = server.get("/page.shtml");
        assert_refused(&page, 200);
        assert!(!page.text().contains("#include"), "{}", page.text());
    };
    see_page();
    server.graceful();
    see_page();
    server.restart();
    see_page();
    assert_refused(&server.get("/denied/x"), 403);
    server.stop();
}

each_mpm!(a_variant_in_the_new_release_wins on event);
/// `MultiViews` finds what the new release has by a longer name, also for a directory.
fn a_variant_in_the_new_release_wins(mpm: Mpm) {
    let config = format!(
        "{ON}\n<Directory {{root}}/app>\nOptions FollowSymLinks MultiViews\n\
         AcceptPathInfo On\n</Directory>"
    );
    let setup = || Setup::new(mpm, &config).with(|setup| setup.load("negotiation"));
    let (server, site) = setup().start();
    assert_served(&server.get(CHUNK));
    let variant = format!("releases/43/web{CHUNK}.txt");
    site.put(&variant, "variant of 43");
    let answer = server.get(CHUNK);
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "variant of 43")
    );
    server.stop();

    let (server, site) = setup().without_assets().start_without_look();
    // mod_negotiation has looked for a variant of the directory.
    assert_refused(&server.get(CHUNK), 404);
    site.put("releases/43/web/assets.txt", "variant of 43");
    let answer = server.get(CHUNK);
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "variant of 43")
    );
    server.stop();
}

each_mpm!(only_the_very_file_that_was_there);
/// Not a symlink, a file that was written later, another directory of the same name, one that may
/// not be read; and not when it is gone.
fn only_the_very_file_that_was_there(mpm: Mpm) {
    let (server, site) = Setup::new(mpm, ON)
        .with(|setup| {
            setup
                .allow("AH00132")
                .allow("(13)Permission denied")
                .allow("RD22")
        })
        .start();
    let old = site.release("42");
    let file = old.join("web").join(&CHUNK[1..]);
    let get = || server.get(CHUNK);
    assert_served(&get());

    let aside = file.with_extension("aside");
    fs::rename(&file, &aside).expect("it is there");
    assert_refused(&get(), 404);
    symlink(&aside, &file).expect("nothing is there");
    assert_refused(&get(), 404);
    fs::remove_file(&file).expect("it is there");
    fs::rename(&aside, &file).expect("it is there");
    assert_served(&get());

    let handle = fs::File::options()
        .write(true)
        .open(&file)
        .expect("it is there");
    let modified = handle
        .metadata()
        .and_then(|file| file.modified())
        .expect("it is known");
    handle
        .set_modified(SystemTime::now() + Duration::from_secs(60))
        .expect("it is ours");
    assert_refused(&get(), 404);
    handle.set_modified(modified).expect("it is ours");
    assert_served(&get());

    // Another file of the same name, with the same times.
    fs::rename(&file, &aside).expect("it is there");
    fs::copy(&aside, &file).expect("nothing is there");
    let copy = fs::File::options().write(true).open(&file);
    copy.and_then(|copy| copy.set_modified(modified))
        .expect("it is ours");
    if fs::metadata(&file).and_then(|file| file.created()).is_ok() {
        assert_refused(&get(), 404);
    }
    fs::rename(&aside, &file).expect("it is there");
    assert_served(&get());

    fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("it is ours");
    if is_root() {
        // httpd serves as another user.
        assert_ne!(get().status, 200);
    }
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("it is ours");
    assert_served(&get());

    // Another directory of the same name, with the same files.
    let other = site.release("other");
    fs::rename(&old, &other).expect("it is there");
    assert_refused(&get(), 404);
    site.create(
        "42",
        &[
            ("web/index.html", "42"),
            (&format!("web{CHUNK}"), "chunk of 42"),
        ],
    );
    let late = fs::File::options()
        .write(true)
        .open(&file)
        .expect("it was made");
    late.set_modified(modified).expect("it is ours");
    assert_refused(&get(), 404);
    // The control: the directory that was current.
    fs::remove_dir_all(&old).expect("it is there");
    fs::rename(&other, &old).expect("it is there");
    assert_served(&get());
    server.stop();
}

/// Whether the tests run as root, so that httpd changes its user.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").expect("there is a /proc").uid() == 0
}

each_mpm!(only_releases_that_were_current on event);
/// Neither a directory beside them nor one that was left too long ago.
fn only_releases_that_were_current(mpm: Mpm) {
    let setup = Setup::new(mpm, "RealdocPrevious 1h");
    setup
        .site
        .create("failed", &[("web/assets/app-0000AAAA.js", "chunk of 42")]);
    let (server, _) = setup.start();
    assert_refused(&server.get("/assets/app-0000AAAA.js"), 404);
    assert_served(&server.get(CHUNK));
    server.reconfigure("DocumentRoot {root}/app/current/web\nRealdocPrevious 1ms");
    server.graceful();
    assert_refused(&server.get(CHUNK), 404);
    server.reconfigure("DocumentRoot {root}/app/current/web\nRealdocPrevious On");
    server.graceful();
    assert_served(&server.get(CHUNK));
    server.stop();
}
