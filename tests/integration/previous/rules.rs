//! The rules of both releases hold. (Generated ones: [`differential`](super::differential).)

use testbed::Mpm;

use super::{CHUNK, Setup, assert_refused, assert_served};

/// The forms in which a single-page application answers for what is not there: in the server's
/// configuration, and in an .htaccess file.
const PAGES: [(&str, &str); 4] = [
    (
        "<Directory {root}/app/current>\nFallbackResource /index.html\n</Directory>",
        "",
    ),
    ("", "FallbackResource /index.html"),
    (
        "",
        "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^ /index.html [L]",
    ),
    (
        "RewriteEngine On\nRewriteCond %{DOCUMENT_ROOT}%{REQUEST_URI} !-f\nRewriteRule ^ /index.html [L]",
        "",
    ),
];

each_mpm!(a_page_does_not_take_the_place_of_a_file);
/// What the old release has is served, a page answers for the rest, whether the new release has the
/// directory or not; with `NotFound` a hashed name that no release has is 404.
fn a_page_does_not_take_the_place_of_a_file(mpm: Mpm) {
    for (n, (config, htaccess)) in PAGES.into_iter().enumerate() {
        for (missing, status) in [("Pass", 200), ("NotFound", 404)] {
            let config = format!("{config}\nRealdocPrevious On\nRealdocPreviousMissing {missing}");
            let mut setup = Setup::new(mpm, &config);
            for release in ["42", "43"] {
                setup = setup.put(release, &[(".htaccess", htaccess)]);
            }
            if n % 2 == 0 {
                setup = setup.without_assets();
            }
            let (server, _) = setup.start();
            assert_served(&server.get(CHUNK));
            for url in ["/assets/app-0000AAAA.js", "/gone/app-0000AAAA.js"] {
                let answer = server.get(url);
                assert_eq!(answer.status, status, "{config} {url}");
                assert_eq!(answer.text() == "43", status == 200, "{config} {url}");
            }
            for url in ["/users/7", "/assets/app.js", "/style.css"] {
                let answer = server.get(url);
                assert_eq!(
                    (answer.status, answer.text().as_str()),
                    (200, "43"),
                    "{config} {url}"
                );
            }
            server.stop();
        }
    }
}

each_mpm!(a_rule_of_either_release_refuses);
/// Also where the new release lacks the file's directory.
fn a_rule_of_either_release_refuses(mpm: Mpm) {
    const RULES: [(&str, u16); 12] = [
        ("Require all denied", 403),
        ("<Files \"app-*\">\nRequire all denied\n</Files>", 403),
        (
            "<FilesMatch \"\\.js$\">\nRequire all denied\n</FilesMatch>",
            403,
        ),
        (
            "<If \"%{REQUEST_URI} =~ /app-/\">\nRequire all denied\n</If>",
            403,
        ),
        (
            "<If \"%{REQUEST_FILENAME} =~ /app-/\">\nRequire all denied\n</If>",
            403,
        ),
        ("RewriteEngine On\nRewriteRule app- - [F]", 403),
        ("RewriteEngine On\nRewriteRule app- - [G]", 410),
        (
            "RewriteEngine On\nRewriteRule app- http://localhost/login [R=302]",
            302,
        ),
        ("RewriteEngine On\nRewriteRule app- - [R=503]", 503),
        ("Redirect 410 /assets/", 410),
        ("Redirect 302 /assets/ http://localhost/login", 302),
        (
            "SetEnvIf Request_URI app- bad\n\
             <RequireAll>\nRequire all granted\nRequire not env bad\n</RequireAll>",
            403,
        ),
    ];
    for (rule, status) in RULES {
        for (of, expected) in [("43", status), ("42", 404)] {
            for lacks_directory in [false, true] {
                let setup = Setup::new(mpm, "RealdocPrevious On");
                let setup = setup.put(of, &[(".htaccess", rule)]);
                let setup =
                    setup.with(|setup| setup.allow("[authz_core:error]").allow("[core:error]"));
                let setup = if lacks_directory {
                    setup.without_assets()
                } else {
                    setup
                };
                let (server, site) = setup.start_without_look();
                assert_refused(&server.get(CHUNK), expected);
                // The control.
                std::fs::remove_file(site.release(of).join("web/.htaccess")).expect("it is there");
                assert_served(&server.get(CHUNK));
                server.stop();
            }
        }
    }
}

each_mpm!(variables_of_the_new_release_open_nothing on event);
/// What the old release requires of the environment, its own rules must have set.
fn variables_of_the_new_release_open_nothing(mpm: Mpm) {
    for (rule, is_own) in [
        ("SetEnvIf Request_URI . good", true),
        ("SetEnv good 1", false),
        ("RewriteEngine On\nRewriteRule ^ - [E=good:1]", false),
    ] {
        let setup = Setup::new(mpm, "RealdocPrevious On")
            .put("43", &[(".htaccess", rule)])
            .put("42", &[("assets/.htaccess", "Require env good")])
            .with(|setup| setup.allow("[authz_core:error]"));
        let (server, site) = setup.start();
        assert_refused(&server.get(CHUNK), 404);
        site.put("releases/42/web/.htaccess", rule);
        let answer = server.get(CHUNK);
        if is_own {
            assert_served(&answer);
        } else {
            // As by httpd: these come after the request is authorized.
            assert_refused(&answer, 404);
        }
        server.stop();
    }
}

each_mpm!(a_login_is_asked_for on event);
/// The new release's login is asked for; with the old one's alone the file stays hidden.
fn a_login_is_asked_for(mpm: Mpm) {
    const LOGIN: &str = "AuthType Basic\nAuthName site\nAuthBasicProvider file\nAuthUserFile USERS\n\
        Require user ann";
    const ANN: (&str, &str) = ("Authorization", "Basic YW5uOnNlY3JldA==");
    for (of, status) in [("43", 401), ("42", 404)] {
        let setup = Setup::new(mpm, "RealdocPrevious On");
        setup
            .site
            .put("users", "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
        let users = setup.site.path("users").display().to_string();
        let rule = LOGIN.replace("USERS", &users);
        let (server, _) = setup.put(of, &[("assets/.htaccess", &rule)]).start();
        let answer = server.get(CHUNK);
        assert_refused(&answer, status);
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401);
        assert_served(&server.request("GET", CHUNK, &[ANN]));
        server.stop();
    }
}

each_mpm!(directives_hold_where_they_stand on event);
/// In a directory, below a URL, for files; the inner one wins.
fn directives_hold_where_they_stand(mpm: Mpm) {
    const OTHER: &str = "/img/logo.4f5e6d7c.png";
    for (config, served) in [
        ("RealdocPrevious On", [true, true]),
        (
            "<Directory {root}/app/current/web/assets>\nRealdocPrevious On\n</Directory>",
            [true, false],
        ),
        (
            "<Location /img>\nRealdocPrevious On\n</Location>",
            [false, true],
        ),
        (
            "RealdocPrevious On\n<Location /img>\nRealdocPrevious Off\n</Location>",
            [true, false],
        ),
        ("<Files *.png>\nRealdocPrevious On\n</Files>", [false, true]),
        (
            "RealdocPrevious On\n<Files *.png>\nRealdocPreviousNames x\n</Files>",
            [true, false],
        ),
        (
            "RealdocPrevious On\nRealdocPreviousNames ^/img/",
            [false, true],
        ),
        (
            "RealdocPrevious On\n<VirtualHost *:{port}>\nRealdocPreviousNames ^/img/\n</VirtualHost>",
            [false, true],
        ),
    ] {
        let setup = Setup::new(mpm, config)
            .put("42", &[(&OTHER[1..], "chunk of 42")])
            .put("43", &[("img/other.png", "")]);
        let (server, _) = setup.start();
        let found = [CHUNK, OTHER].map(|url| server.get(url).status == 200);
        assert_eq!(found, served, "{config}");
        server.stop();
    }
}

each_mpm!(a_handler_of_the_new_release_is_asked on event);
/// What would have answered for the file, if it were there, keeps its say where rules lead what is
/// not there to a page.
fn a_handler_of_the_new_release_is_asked(mpm: Mpm) {
    for (config, htaccess) in PAGES {
        for rule in [
            "SetHandler server-status",
            "<Files *.js>\nSetHandler server-status\n</Files>",
            "AddHandler server-status .js",
            "AddType application/x-httpd-anything .js",
            "RewriteEngine On\nRewriteOptions Inherit\nRewriteRule app- - [H=server-status]",
            "RewriteEngine On\nRewriteOptions Inherit\nRewriteRule app- - [T=server-status]",
        ] {
            let setup = Setup::new(mpm, &format!("{config}\nRealdocPrevious On"))
                .with(|setup| setup.load("status"))
                .put("43", &[(".htaccess", htaccess), ("assets/.htaccess", rule)]);
            let (server, site) = setup.start();
            let answer = server.get(CHUNK);
            let text = answer.text();
            assert!(!text.contains("of 42"), "{config} {htaccess} {rule}");
            assert_eq!(server.log_count("RD18: "), 0, "{config} {htaccess} {rule}");
            site.put("releases/43/web/assets/.htaccess", "");
            assert_served(&server.get(CHUNK));
            server.stop();
        }
    }
}

each_mpm!(a_name_that_was_not_seen_whole_is_not_served on event);
/// Where only a `<Location>` names the files, rules for files have seen the name of the missing
/// directory; so whatever they say, nothing is served.
fn a_name_that_was_not_seen_whole_is_not_served(mpm: Mpm) {
    let config = "RealdocPrevious On\n<Location /assets>\nRealdocPreviousNames plain\n</Location>";
    for (_, htaccess) in PAGES {
        let (server, site) = Setup::new(mpm, config)
            .put("42", &[("assets/plain.js", "chunk of 42")])
            .put("43", &[(".htaccess", htaccess)])
            .without_assets()
            .start();
        let answer = server.get("/assets/plain.js");
        assert!(!answer.text().contains("of 42"), "{htaccess}");
        site.put("releases/43/web/assets/other.js", "");
        assert_served(&server.get("/assets/plain.js"));
        server.stop();
    }
}

each_mpm!(rules_that_choose_a_compressed_file_choose_the_file on event);
/// In the virtual host, and in an .htaccess file of both releases.
fn rules_that_choose_a_compressed_file_choose_the_file(mpm: Mpm) {
    for (name, header) in [
        ("%{DOCUMENT_ROOT}%{REQUEST_URI}", "Accept-Encoding"),
        ("%{REQUEST_FILENAME}", "Accept-Encoding"),
        ("%{REQUEST_FILENAME}", "Accept"),
    ] {
        let rules = format!(
            "RewriteEngine On\n\
             RewriteCond %{{HTTP:{header}}} gzip\n\
             RewriteCond {name}.gz -f\n\
             RewriteRule ^(.*)$ $1.gz"
        );
        let is_of_server = name.contains("ROOT");
        let config = if is_of_server { &rules } else { "" };
        let mut setup = Setup::new(mpm, &format!("RealdocPrevious On\n{config}"));
        for release in ["42", "43"] {
            let compressed = format!("{}.gz", &CHUNK[1..]);
            if release == "42" {
                setup = setup.put(release, &[(&compressed, "compressed of 42")]);
            }
            if !is_of_server {
                setup = setup.put(release, &[(".htaccess", &rules)]);
            }
        }
        let (server, _) = setup.start();
        assert_served(&server.request("GET", CHUNK, &[(header, "gzip")]));
        server.stop();
    }
}

each_mpm!(rules_see_the_request_of_the_client);
/// What the old release's rules ask of the request is true of the client's: it is not a subrequest,
/// and has the client's protocol. The same of rules of the configuration, which apply to both
/// releases.
fn rules_see_the_request_of_the_client(mpm: Mpm) {
    const NOT_IF: &str =
        "<RequireAll>\nRequire all granted\nRequire not expr CONDITION\n</RequireAll>";
    let expr = |rule: &str, condition: &str| rule.replace("CONDITION", &format!("\"{condition}\""));
    let mut cases = vec![
        (
            "SetEnvIf Request_Protocol HTTP/1.1 bad\n\
             <RequireAll>\nRequire all granted\nRequire not env bad\n</RequireAll>"
                .to_owned(),
            String::new(),
        ),
        (
            "RewriteEngine On\nRewriteCond %{SERVER_PROTOCOL} HTTP/1.1\nRewriteRule ^ - [F]"
                .to_owned(),
            String::new(),
        ),
        (
            String::new(),
            // What the rules have found out of the new release does not count for the old one.
            "RewriteEngine On\n\
             RewriteCond %{ENV:checked} !=1\n\
             RewriteCond %{DOCUMENT_ROOT}%{REQUEST_URI} -f\n\
             RewriteRule ^/assets - [F]\n\
             RewriteRule ^ - [E=checked:1]"
                .to_owned(),
        ),
        (
            String::new(),
            format!(
                "<Directory {{root}}/app/current/web>\n{}\n</Directory>",
                expr(NOT_IF, "-f %{REQUEST_FILENAME}")
            ),
        ),
    ];
    for condition in [
        "%{IS_SUBREQ} == 'false'",
        "%{SERVER_PROTOCOL} == 'HTTP/1.1'",
    ] {
        let section = "<If CONDITION>\nRequire all denied\n</If>";
        cases.push((expr(section, condition), String::new()));
        cases.push((expr(NOT_IF, condition), String::new()));
    }
    for (htaccess, config) in cases {
        let setup = Setup::new(mpm, &format!("RealdocPrevious On\n{config}"))
            .put("42", &[("assets/.htaccess", &htaccess)])
            .with(|setup| setup.allow("[authz_core:error]").allow("[core:error]"));
        let (server, site) = setup.start_without_look();
        println!("{htaccess}{config}");
        assert_refused(&server.get(CHUNK), 404);
        if config.is_empty() {
            site.put("releases/42/web/assets/.htaccess", "");
            assert_served(&server.get(CHUNK));
        }
        server.stop();
    }
}
