//! Deploys overtake a request on its way to its file. It is answered as one that begins when they
//! are done.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use testbed::{Background, Module, Mpm, Releases, Response, Server};

use crate::common::Gate;

/// How often a request starts anew (src/storage.rs).
const STARTS: usize = 16;

const ROOT_SECTION: &str = "Options FollowSymLinks ExecCGI\nAllowOverride All\nRequire all granted";

const DOCROOT: &str = "DocumentRoot {root}/app/current";

/// What may tell of the wrong release.
const SCRIPT: &str = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'; \
    env | grep -E '^(REDIRECT_)?(DOCUMENT_ROOT|CONTEXT_DOCUMENT_ROOT|SCRIPT_|PATH_|ERROR_NOTES)' | sort";

/// A file that must not be seen.
const CLOSED: [(&str, &str); 2] = [
    ("closed/.htaccess", "Require all denied"),
    ("closed/file.txt", "secret"),
];

/// A site, before a deploy overtakes a request, and after it.
type Step<'a> = &'a dyn Fn(&Releases);

/// Makes and deploys a release.
fn deploy(site: &Releases, name: &str, files: &[(&str, &str)]) {
    let dir = site.release(name);
    if dir.exists() {
        fs::remove_dir_all(dir).expect("nobody else writes there");
    }
    site.create(name, files);
    site.deploy(name);
}

/// Of a release that is being removed the .htaccess file goes first.
fn open_closed(site: &Releases, name: &str) {
    fs::remove_file(site.release(name).join(CLOSED[0].0)).expect("it was made");
}

/// The link is replaced by the directory that it led to.
fn unlink(site: &Releases, name: &str) {
    site.break_link("current");
    fs::rename(site.release(name), site.current()).expect("both are ours");
}

/// The answer to a request for `url` that is overtaken by each of the `steps`, and to the one after
/// it. `first` makes the site.
fn answers(
    mpm: Mpm,
    config: &str,
    url: &'static str,
    first: Step<'_>,
    steps: &[Step<'_>],
) -> [Response; 2] {
    let mut setup = Server::builder(mpm)
        .module(Module::TestHooks)
        .children(1)
        .cgi();
    setup = setup.load_all(&["alias", "rewrite", "status", "vhost_alias"]);
    let gate = Gate::at(setup.root());
    gate.open();
    let site = Releases::at(setup.root().join("app"));
    first(&site);
    let server = setup
        .env("REALDOC_TEST_GATE", gate.dir())
        .root_section(ROOT_SECTION)
        .config(config)
        .start();
    // What is denied is told.
    for told in [
        "AH01630:",
        "Unknown Authz provider",
        "RD06:",
        "(13)Permission denied",
        "RD16: overtaken by more than 16 deploys",
    ] {
        server.allow(told);
    }
    let endpoint = server.on(1);
    gate.close();
    let answer = Background::run(move |_| endpoint.get(url));
    for step in steps {
        gate.wait_for(1);
        step(&site);
        gate.pass();
    }
    gate.open();
    let overtaken = answer.finish();
    let answers = [overtaken, endpoint.get(url)];
    server.stop();
    answers
}

#[track_caller]
fn assert_alike(
    mpm: Mpm,
    config: &str,
    url: &'static str,
    first: Step<'_>,
    steps: &[Step<'_>],
    status: u16,
) {
    let [overtaken, later] = answers(mpm, config, url, first, steps);
    let show = |response: &Response| (response.status, response.text());
    assert_eq!(show(&overtaken), show(&later), "{url}, {config}");
    assert_eq!(later.status, status, "the control: {url}, {config}");
}

each_mpm!(as_often_as_it_takes);
/// Each deploy deletes the release that the request is on its way to, or just the .htaccess file
/// there that protects the file.
fn as_often_as_it_takes(mpm: Mpm) {
    let next = |site: &Releases, delete: fn(&Releases, &str)| {
        let previous = fs::read_link(site.current()).expect("it is there");
        let previous = previous
            .file_name()
            .and_then(|name| name.to_str())
            .expect("it is text");
        let number: u32 = previous.parse().expect("it is a number");
        let name = (number + 1).to_string();
        let page = [("page.txt", &*name)];
        deploy(site, &name, &[&page[..], &CLOSED[..]].concat());
        delete(site, previous);
    };
    let first: Step<'_> = &|site| deploy(site, "0", &[&[("page.txt", "0")], &CLOSED[..]].concat());
    let whole: Step<'_> = &|site| next(site, |site, previous| site.remove(previous));
    let htaccess: Step<'_> = &|site| next(site, open_closed);
    for times in [1, 2, STARTS] {
        assert_alike(mpm, DOCROOT, "/page.txt", first, &vec![whole; times], 200);
        assert_alike(
            mpm,
            DOCROOT,
            "/closed/file.txt",
            first,
            &vec![htaccess; times],
            403,
        );
    }
    // It does not go on for ever; nor does it tell what it came to then.
    for (url, step) in [("/page.txt", whole), ("/closed/file.txt", htaccess)] {
        let [overtaken, _] = answers(mpm, DOCROOT, url, first, &vec![step; STARTS + 1]);
        assert_eq!(overtaken.status, 503, "{url}");
    }
}

each_mpm!(in_either_mode on prefork, event);
/// Also where httpd looks for .htaccess files by itself.
fn in_either_mode(mpm: Mpm) {
    for mode in ["Link", "Target"] {
        let config = format!("{DOCROOT}\nRealdocSections {mode}");
        let first: Step<'_> = &|site| deploy(site, "1", &CLOSED);
        let step: Step<'_> = &|site| {
            deploy(site, "2", &CLOSED);
            open_closed(site, "1");
        };
        assert_alike(mpm, &config, "/closed/file.txt", first, &[step], 403);
    }
}

each_mpm!(two_releases_that_take_turns on event);
/// A release is rebuilt under a name that the request has come by already. What httpd has noted of
/// the .htaccess files there, and of its walk, is of the former one.
fn two_releases_that_take_turns(mpm: Mpm) {
    let first: Step<'_> = &|site| deploy(site, "blue", &CLOSED);
    let green: Step<'_> = &|site| {
        deploy(site, "green", &CLOSED);
        open_closed(site, "blue");
    };
    let blue: Step<'_> = &|site| {
        deploy(site, "blue", &CLOSED);
        open_closed(site, "green");
    };
    for mode in ["Link", "Target"] {
        let config = format!("{DOCROOT}\nRealdocSections {mode}");
        assert_alike(mpm, &config, "/closed/file.txt", first, &[green, blue], 403);
    }
    let config = format!("{DOCROOT}\nRealdocSections Target");
    let first: Step<'_> = &|site| {
        let open = [
            ("dir/.htaccess", "DirectoryIndex old.txt"),
            ("dir/old.txt", "old"),
        ];
        deploy(site, "blue", &open);
    };
    let green: Step<'_> = &|site| {
        deploy(
            site,
            "green",
            &[("dir/.htaccess", "Require nonsense"), ("dir/old.txt", "")],
        )
    };
    let blue: Step<'_> = &|site| deploy(site, "blue", &[("dir/.htaccess", "Require all denied")]);
    assert_alike(mpm, &config, "/dir/", first, &[green, blue], 403);
}

each_mpm!(the_link_becomes_a_directory on event);
/// Then it is httpd's own walk that decides, and `DOCUMENT_ROOT` is what is configured.
fn the_link_becomes_a_directory(mpm: Mpm) {
    let guards = "<Directory {root}/app/current/status>\nRequire all denied\n</Directory>\n\
        <Directory {root}/app/releases/*/status>\nRequire all denied\n</Directory>\n\
        <Location /status>\nSetHandler server-status\n</Location>\n\
        AddHandler cgi-script .cgi";
    let first: Step<'_> = &|site| {
        deploy(
            site,
            "1",
            &[("status/x", ""), ("page.txt", "old"), ("name.cgi", SCRIPT)],
        )
    };
    let step: Step<'_> = &|site| {
        unlink(site, "1");
        site.put("current/page.txt", "new");
    };
    for mode in ["Link", "Target"] {
        let config = format!("{DOCROOT}\nRealdocSections {mode}\n{guards}");
        assert_alike(mpm, &config, "/status/none?auto", first, &[step], 403);
        assert_alike(mpm, &config, "/name.cgi", first, &[step], 200);
        let [overtaken, _] = answers(mpm, &config, "/page.txt", first, &[step]);
        assert!(
            overtaken.status == 404 || overtaken.text() == "new",
            "{}",
            overtaken.text()
        );
    }
}

each_mpm!(a_docroot_of_another_module on event);
/// It stays the docroot, whichever link has been flipped.
fn a_docroot_of_another_module(mpm: Mpm) {
    let other = [("name.cgi", SCRIPT), CLOSED[0], CLOSED[1]];
    let first: Step<'_> = &|site| {
        site.create("other", &other);
        site.flip("other", "releases/other");
        deploy(site, "1", &other);
    };
    // That of the DocumentRoot.
    let step: Step<'_> = &|site| deploy(site, "2", &other);
    let config =
        format!("{DOCROOT}\nAddHandler cgi-script .cgi\nVirtualDocumentRoot {{root}}/app/other");
    assert_alike(mpm, &config, "/name.cgi", first, &[step], 200);
    let config = config.replace("app/other", "app/releases/other");
    let config = format!("{config}\nAlias /alias/ {{root}}/app/current/");
    assert_alike(mpm, &config, "/alias/name.cgi", first, &[step], 200);
    // Its own.
    let config = "DocumentRoot {root}/app\nVirtualDocumentRoot {root}/app/current";
    let step: Step<'_> = &|site| {
        deploy(site, "2", &other);
        open_closed(site, "1");
    };
    assert_alike(mpm, config, "/closed/file.txt", first, &[step], 403);
}

each_mpm!(notes_of_a_walk_are_forgotten on event);
/// Why a release's .htaccess file could not be read says nothing of the next one.
fn notes_of_a_walk_are_forgotten(mpm: Mpm) {
    let first: Step<'_> = &|site| {
        deploy(site, "1", &CLOSED);
        let htaccess = site.release("1").join(CLOSED[0].0);
        fs::set_permissions(htaccess, Permissions::from_mode(0o0)).expect("it is ours");
    };
    let step: Step<'_> = &|site| deploy(site, "2", &CLOSED);
    assert_alike(mpm, DOCROOT, "/closed/file.txt", first, &[step], 403);
}
