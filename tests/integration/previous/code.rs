//! Nothing of an earlier release runs, whatever the request for its file leads to.

use testbed::Mpm;

use super::{CHUNK, Setup, assert_refused, assert_served};
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

/// What an .htaccess file of the earlier release may say so that something else than core answers,
/// or so that code runs on the way.
const RUNS: [(&str, &str); 19] = [
    ("action", "Action text/javascript /error.cgi"),
    (
        "action-virtual",
        "Action text/javascript /error.cgi virtual",
    ),
    (
        "action-files",
        "<Files \"*.js\">\nAction text/javascript /error.cgi\n</Files>",
    ),
    (
        "action-if",
        "<If \"-n 'x'\">\n<If \"-n 'y'\">\nAction text/javascript /error.cgi\n</If>\n</If>",
    ),
    (
        "action-handler",
        "SetHandler default-handler\nAction default-handler /error.cgi",
    ),
    (
        "lua-hook",
        "LuaHookFixups {root}/app/releases/42/web/hook.lua run",
    ),
    ("lua", "SetHandler lua-script"),
    ("as-is", "SetHandler send-as-is"),
    ("map", "SetHandler imap-file"),
    ("map-type", "ForceType application/x-httpd-imap"),
    ("type-map", "SetHandler type-map"),
    ("info", "SetHandler server-info"),
    ("dav", "SetHandler dav-handler"),
    ("proxy", "SetHandler proxy:fcgi://127.0.0.1:1"),
    (
        "includes-by-type",
        "Options +Includes\nAddOutputFilterByType INCLUDES text/javascript",
    ),
    (
        "includes-two",
        "Options +Includes\nAddOutputFilterByType INCLUDES;DEFLATE text/javascript",
    ),
    (
        "includes-chain",
        "Options +Includes\nFilterDeclare any\nFilterProvider any INCLUDES true\nFilterChain any",
    ),
    ("program", "SetOutputFilter filter-program"),
    ("program-by-name", "AddOutputFilter filter-program .js"),
];

/// What it may say so that core still sends the file.
const SENDS: [(&str, &str); 10] = [
    ("nothing", ""),
    ("core", "SetHandler default-handler"),
    (
        "other-type",
        "Options +Includes\nAddOutputFilterByType INCLUDES text/html",
    ),
    (
        "compressed-by-type",
        "AddOutputFilterByType DEFLATE text/javascript",
    ),
    ("compressed", "SetOutputFilter DEFLATE"),
    (
        "substitute",
        "SetOutputFilter SUBSTITUTE\nSubstitute s/nothing/something/",
    ),
    (
        "look-ahead",
        "RewriteEngine On\nRewriteCond /assets/lua-hook/run-3f2aB91c.js -U\n\
         RewriteRule ^ - [E=found:yes]",
    ),
    ("meta", "MetaFiles On"),
    ("speling", "CheckSpelling On"),
    (
        "headers",
        "<Files \"*.js\">\nHeader set Cache-Control immutable\n</Files>\nSetEnvIf Host . a=b",
    ),
];

each_mpm!(only_core_answers);
/// Handlers, filters and hooks of other modules.
fn only_core_answers(mpm: Mpm) {
    for sections in ["Link", "Target"] {
        core_answers(mpm, sections);
    }
}

fn core_answers(mpm: Mpm, sections: &str) {
    const MODULES: [&str; 14] = [
        "actions",
        "asis",
        "cern_meta",
        "dav",
        "deflate",
        "ext_filter",
        "filter",
        "imagemap",
        "info",
        "lua",
        "proxy",
        "proxy_fcgi",
        "speling",
        "substitute",
    ];
    const CONTENT: &str = "chunk of 42";
    let config = format!(
        "RealdocPrevious On\nRealdocSections {sections}\nAddType text/javascript .js\n\
         ExtFilterDefine filter-program mode=output cmd=/bin/cat\nProtocols h2c http/1.1"
    );
    let mut setup = Setup::new(mpm, &config).with(|setup| {
        let setup = setup.cgi().root_section(SSI_CGI).load_all(&MODULES);
        let also = if mpm.is_threaded() { "http2" } else { "php" };
        setup.load(also)
    });
    let root = setup.builder.root().display().to_string();
    let hook = "function run(r)\n r:err('lua of 42')\n r:puts('run of 42')\n return 0\nend\n";
    setup = setup
        .put("42", &[("hook.lua", hook), ("error.cgi", NAME)])
        .put("43", &[("hook.lua", hook), ("error.cgi", NAME)]);
    let php = [
        ("php-type", "AddType application/x-httpd-php .js"),
        ("php", "AddHandler application/x-httpd-php .js"),
    ];
    let runs = RUNS.into_iter().chain(php);
    let runs: Vec<_> = runs.collect();
    for (name, rule) in runs.iter().chain(&SENDS) {
        let rule = rule.replace("{root}", &root);
        setup = setup.put(
            "42",
            &[
                (&format!("assets/{name}/.htaccess"), &rule),
                (&format!("assets/{name}/run-3f2aB91c.js"), CONTENT),
            ],
        );
    }
    let (server, _) = setup.start();
    let h2 = mpm.is_threaded().then(|| server.connect_h2());
    let get = |name: &str| {
        let url = format!("/assets/{name}/run-3f2aB91c.js");
        let other = h2.as_ref().map(|h2| h2.get(&url).expect("it answers"));
        [server.get(&url)].into_iter().chain(other)
    };
    let is_refused = |name: &str| {
        get(name).all(|answer| answer.status == 404 && !answer.text().contains("of 42"))
    };
    let names = runs.iter().map(|(name, _)| *name);
    let served: Vec<_> = names.filter(|name| !is_refused(name)).collect();
    assert!(served.is_empty(), "not refused: {served:?}");
    for (name, _) in SENDS {
        for answer in get(name) {
            let text = answer.text();
            assert_eq!((answer.status, text.as_str()), (200, CONTENT), "{name}");
        }
    }
    drop(h2);
    server.stop();
}

each_mpm!(scripts_of_the_configuration_answer);
/// `Action` and `Script` of the server's configuration: what they say of the file holds also where
/// an earlier release has it.
fn scripts_of_the_configuration_answer(mpm: Mpm) {
    let config = "RealdocPrevious On\n\
        AddType text/javascript .js\nAddType text/css .css\n\
        <Location /assets>\nAction text/javascript /error.cgi\n</Location>\n\
        Action some-handler /error.cgi\n\
        <Directory {root}/app/current/web/queries>\nScript GET /error.cgi\n</Directory>";
    let (server, site) = Setup::new(mpm, config)
        .with(|setup| setup.cgi().load("actions").root_section(SSI_CGI))
        .put(
            "42",
            &[
                ("assets/app-3f2aB91c.css", "chunk of 42"),
                ("queries/app-3f2aB91c.css", "chunk of 42"),
                ("error.cgi", NAME),
            ],
        )
        .put("43", &[("error.cgi", NAME), ("queries/x", "x")])
        .start();
    assert_served(&server.get("/assets/app-3f2aB91c.css"));
    assert_refused(&server.get(CHUNK), 404);
    assert_served(&server.get("/queries/app-3f2aB91c.css"));
    let script = site.release("43").join("web/error.cgi");
    let answer = server.get("/queries/app-3f2aB91c.css?v=1");
    assert_eq!(
        (answer.status, answer.text()),
        (200, format!("script in {}", script.display()))
    );
    server.stop();
}
