//! What docs/previous.md says to copy, as it stands there.

use testbed::{Builder, Module, Mpm, Releases, Server};

use super::see;
use crate::docs;

/// Laravel's own rule: what is no file is its script's.
const FRONT_CONTROLLER: &str = "\
RewriteEngine On
RewriteCond %{REQUEST_FILENAME} !-d
RewriteCond %{REQUEST_FILENAME} !-f
RewriteRule ^ index.php [L]";

/// A server with the recipe that contains `word`, and its site.
fn recipe(word: &str) -> (Builder, Releases) {
    let blocks = docs::blocks(&docs::read(&docs::root().join("docs/previous.md")));
    let (_, config) = blocks
        .into_iter()
        .find(|(_, text)| text.contains("<VirtualHost") && text.contains(word))
        .expect("the page has it");
    let config = config
        .replace("/srv/", "{root}/srv/")
        .replace("*:80", "*:{port}");
    let setup = Server::builder(Mpm::Event)
        .module(Module::On)
        .load_all(&["headers", "rewrite"])
        .config(&config);
    let site = Releases::at(setup.root().join("srv/app"));
    (setup, site)
}

#[test]
fn vite_with_laravel() {
    let (setup, site) = recipe("build/assets");
    for (release, chunk) in [("42", "app-4ed993c7.js"), ("43", "app-BJ5Lr0cx.js")] {
        let script = format!("#!/bin/sh\nprintf 'Status: 404\\n\\nLaravel {release}'\n");
        site.create(
            release,
            &[
                ("public/.htaccess", FRONT_CONTROLLER),
                ("public/index.php", &script),
                ("public/index.html", release),
                ("public/build/manifest.json", release),
                (&format!("public/build/assets/{chunk}"), chunk),
            ],
        );
    }
    site.deploy("42");
    let php = "<Directory {root}/srv>\nOptions +ExecCGI\nAddHandler cgi-script .php\n</Directory>";
    let server = setup.cgi().config(php).start();
    see(&server, "42");
    site.deploy("43");
    see(&server, "43");

    let chunk = server.get("/build/assets/app-4ed993c7.js");
    assert_eq!(
        (chunk.status, chunk.text().as_str()),
        (200, "app-4ed993c7.js")
    );
    let cache_control = chunk.header("cache-control").expect("the recipe sets it");
    assert!(cache_control.contains("immutable"), "{cache_control}");
    let missing = server.get("/build/assets/app-00000000.js");
    assert_eq!(missing.status, 404);
    assert_eq!(missing.header("cache-control"), Some("no-store"));
    assert_eq!(server.get("/build/manifest.json").text(), "43");
    assert_eq!(server.get("/a/route").text(), "Laravel 43");
    server.stop();
}

#[test]
fn angular_with_a_service_worker() {
    let (setup, site) = recipe("ngsw");
    let chunk = "chunk-7QXKWDCN.js";
    site.create(
        "42",
        &[
            ("web/index.html", "42"),
            (&format!("web/{chunk}"), chunk),
            ("web/ngsw.json", "{}"),
        ],
    );
    site.create("43", &[("web/index.html", "43")]);
    site.deploy("42");
    let server = setup.start();
    see(&server, "42");
    assert_eq!(server.get("/ngsw.json").status, 200);
    site.deploy("43");
    see(&server, "43");

    for query in ["", "?ngsw-cache-bust=0.123"] {
        assert_eq!(server.get(&format!("/{chunk}{query}")).text(), chunk);
        assert_eq!(server.get(&format!("/ngsw.json{query}")).status, 404);
    }
    assert_eq!(server.get("/chunk-AAAAAAAA.js").status, 404);
    assert_eq!(server.get("/a/route").text(), "43");
    server.stop();
}
