//! `<Files>` for links themselves: httpd matches the link's name, and so do we.

use std::collections::BTreeSet;

use testbed::{Module, Mpm, Releases, Server};

use crate::common::side_by_side;

/// Denials and marks by the links' names, and by names of what they lead to, which no request has.
const CONFIG: &str = r#"
<Directory "/">
    Options FollowSymLinks Indexes Includes
    AllowOverride All
    Require all granted
</Directory>
<FilesMatch "^\.">
    Require all denied
</FilesMatch>
<Files "7">
    Require all denied
</Files>
<FilesMatch "^(?<NAME>current|latest\.html|public)$">
    Header set X-File "%{MATCH_NAME}e"
</FilesMatch>
<Directory "{root}/media">
    DirectorySlash Off
    IndexOptions FancyIndexing SuppressLastModified
    <Files "tested">
        <If "%{REQUEST_URI} == '/tested'">
            Require all denied
        </If>
    </Files>
</Directory>
AddOutputFilter INCLUDES .shtml
Alias /hidden {root}/media/.hidden
Alias /public {root}/media/public
Alias /secret {root}/media/secret
Alias /tested {root}/media/tested
Alias /latest {root}/media/latest.html
Alias /media {root}/media
<IfModule realdoc_module>
    RealpathEvery 0
    RealdocSections Link
    RealdocLink {root}/media/.hidden {root}/media/public
    RealdocLink {root}/media/secret {root}/media/tested
</IfModule>
<VirtualHost *:{port}>
    ServerName app
    DocumentRoot {root}/app/current
</VirtualHost>
<VirtualHost *:{port}>
    ServerName readlink
    DocumentRoot {root}/app/current
    <IfModule realdoc_module>
        UseReadlink On
    </IfModule>
</VirtualHost>
<VirtualHost *:{port}>
    ServerName target
    DocumentRoot {root}/app/current
    <IfModule realdoc_module>
        UseReadlink {root}/app
    </IfModule>
    DirectoryIndex latest.html
</VirtualHost>
"#;

const URLS: [&str; 26] = [
    "/",
    "/page.shtml",
    "/page.shtml/info",
    "/latest.html",
    "/latest.html/info",
    "/7",
    "/hidden",
    "/hidden/",
    "/hidden/list.txt",
    "/hidden/nothing",
    "/public",
    "/public/",
    "/public/list.txt",
    "/public//list.txt",
    "/secret",
    "/secret/",
    "/secret/list.txt",
    "/tested",
    "/tested/",
    "/tested/list.txt",
    "/latest",
    "/latest/info",
    "/media/",
    "/media/.hidden",
    "/media/.hidden/list.txt",
    "/media/7/list.txt",
];

/// What comes of all requests: status, mark and body.
fn answers(module: Module) -> Vec<(String, u16, Option<String>, String)> {
    let setup = Server::builder(Mpm::Event).module(module).children(1);
    let setup = setup.load_all(&["alias", "autoindex", "headers", "include"]);
    let root = setup.root();
    let app = Releases::at(root.join("app"));
    let includes: String = ["/hidden", "/public", "/secret", "/latest", "latest.html"]
        .iter()
        .map(|url| format!("<!--#include virtual=\"{url}\" -->\n"))
        .collect();
    let files = [
        ("index.html", "index"),
        ("7", "seven"),
        ("files/7.txt", "file 7"),
        ("page.shtml", &includes),
    ];
    app.create("42", &files);
    app.deploy("42");
    app.flip("releases/42/latest.html", "files/7.txt");
    let media = Releases::at(root.join("media"));
    for (file, text) in [
        ("7/list.txt", "list"),
        ("files/7.txt", "media 7"),
        (".htaccess", "<Files secret>\nRequire all denied\n</Files>"),
    ] {
        media.put(file, text);
    }
    for link in [".hidden", "public", "secret", "tested"] {
        media.flip(link, "7");
    }
    media.flip("latest.html", "files/7.txt");
    let setup = ["AH01630", "AH01276", "unable to include"]
        .iter()
        .fold(setup, |setup, line| setup.allow(line));
    let server = setup.root_section("").config(CONFIG).start();
    let mut answers = Vec::new();
    for host in ["app", "readlink", "target"] {
        for url in URLS {
            let response = server.request("GET", url, &[("Host", host)]);
            let mark = response.header("x-file").map(str::to_owned);
            let body = response.text().replace(&format!(":{}", server.port(1)), "");
            answers.push((format!("[{host}] {url}"), response.status, mark, body));
        }
    }
    server.stop();
    answers
}

#[test]
fn a_link_itself_is_matched_by_its_own_name() {
    let [stock, module] = side_by_side(answers);
    let mut seen = BTreeSet::new();
    for (stock, module) in stock.iter().zip(&module) {
        assert_eq!(module, stock);
        seen.insert((stock.1, stock.2.clone()));
    }
    // Or the requests do not reach what they are for.
    for (status, mark) in [
        (403, None),
        (200, Some("public")),
        (200, Some("latest.html")),
    ] {
        let answer = (status, mark.map(str::to_owned));
        assert!(seen.contains(&answer), "{answer:?}: {seen:?}");
    }
}
