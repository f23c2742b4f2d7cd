//! Rules outside of all sections that test files, while a deploy overtakes the request.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use testbed::{Module, Mpm, Releases, Server};

/// A front controller, and a deploy when its rule has tested the file.
const RULES: &str = r"
DocumentRoot {root}/current
RewriteEngine On
RewriteMap deploy prg:{root}/deploy
RewriteCond %{DOCUMENT_ROOT}%{REQUEST_URI} !-f
RewriteRule ^ /front.txt [E=FRONT:yes,CO=front:yes:localhost]
RewriteRule ^ - [E=DEPLOYED:${deploy:now}]
Header set Front %{FRONT}e env=FRONT
";

/// Flips the link once, to what `next` names.
const DEPLOY: &str = r#"#!/bin/sh
cd "${0%/*}" || exit
while read -r _; do
    if [ -e next ]; then
        ln -s "$(cat next)" new && mv -T new current
        rm next
    fi
    echo yes
done
"#;

each_mpm!(tests_and_answer_are_of_one_release);
fn tests_and_answer_are_of_one_release(mpm: Mpm) {
    // The page is in 42 only. Stock httpd's test is of one release, and its answer of the other.
    let mixed = (200, "42 front".to_owned(), true);
    assert_eq!(answer(mpm, Module::Off, "43", "42"), mixed);
    assert_eq!(answer(mpm, Module::Off, "42", "43").0, 404);

    let page = (200, "42 page".to_owned(), false);
    assert_eq!(answer(mpm, Module::On, "43", "42"), page);
    let front = (200, "43 front".to_owned(), true);
    assert_eq!(answer(mpm, Module::On, "42", "43"), front);
}

/// What a request for the page gets that a deploy of `to` overtakes: status, text, and whether the
/// rule of the front controller has left its traces, a cookie and a variable.
fn answer(mpm: Mpm, module: Module, from: &str, to: &str) -> (u16, String, bool) {
    let setup = Server::builder(mpm)
        .module(module)
        .load_all(&["rewrite", "headers"])
        .config(RULES);
    let site = Releases::at(setup.root());
    site.create("42", &[("page.txt", "42 page"), ("front.txt", "42 front")]);
    site.create("43", &[("front.txt", "43 front")]);
    site.deploy(from);
    site.put("deploy", DEPLOY);
    fs::set_permissions(site.path("deploy"), Permissions::from_mode(0o755)).expect("it is ours");
    let server = setup.start();

    // The process knows the link.
    assert_eq!(server.get("/front.txt").status, 200);
    site.put("next", site.release(to).to_str().expect("ASCII"));
    let response = server.get("/page.txt");
    let traces = ["front", "set-cookie"].map(|name| response.header(name).is_some());
    assert_eq!(traces[0], traces[1], "all of the rule, or nothing");
    let answer = (response.status, response.text(), traces[0]);
    server.stop();
    answer
}
