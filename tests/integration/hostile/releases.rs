//! Releases and links that are made to do harm.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{lchown, symlink};
use std::path::{Path, PathBuf};

use testbed::Releases;

use super::{ANOTHER, Pair, SECRET, is_root};

/// By which symbolic links are followed, and what is said of what they lead to.
const OPTIONS: &str = "
<IfModule mod_realdoc.c>
    # A link that leads nowhere is what it is at once.
    RealdocGrace 0
</IfModule>
<Directory {site}>
    Options FollowSymLinks Includes
    AllowOverride All
</Directory>
<Directory {site}/owner>
    Options SymLinksIfOwnerMatch Indexes Includes
</Directory>
<Directory {site}/none>
    Options None
</Directory>
<Directory {site}/follow/current/web>
    Options +Indexes
    IndexIgnore *.hidden
    RewriteEngine On
    RewriteRule ^forbidden - [F]
    RewriteRule ^old/(.*)$ $1
</Directory>
<DirectoryMatch /current/web/private>
    Require all denied
</DirectoryMatch>
<Directory {site}/fortress>
    Require all denied
</Directory>
AddOutputFilter INCLUDES .shtml
<VirtualHost *:{port}>
    ServerName follow
    DocumentRoot {site}/follow/current/web
</VirtualHost>
<VirtualHost *:{port}>
    ServerName bare
    DocumentRoot {site}/follow/current
    Alias /alias {site}/follow/current
    DirectorySlash Off
</VirtualHost>
<VirtualHost *:{port}>
    ServerName owner
    DocumentRoot {site}/owner/current/web
</VirtualHost>
<VirtualHost *:{port}>
    ServerName none
    DocumentRoot {site}/none/current/web
</VirtualHost>
";

/// What a forged line would begin with.
const FORGED: &str = "[Sat Nov 21 00:00:00.000000 2026] [core:emerg] [pid 1:tid 1] AH99999: forged";

/// Names of releases that do harm where they are not taken as what they are: bytes. (Not with a
/// question mark: what mod_rewrite makes in a directory of such a name, it takes for a URL with a
/// query, and finds nothing.)
fn names() -> Vec<Vec<u8>> {
    let names: [&[u8]; 15] = [
        b"line\nbreak",
        b"tab\tand\rreturn\x1b[31m",
        b"quote\"'`",
        b"percent%s%n%d%00%{REQUEST_URI}e",
        b"<img src=x onerror=alert(1)>&lt;",
        b"\xff\xfe is no UTF-8",
        b"star*[a-z]{b}",
        b"back\\slash\\",
        b" blanks ",
        b"-rf",
        b"...",
        b"$HOME`id`$(id)",
        b"${app}",
        b"^(.*)$",
        b"proxy:fcgi:",
    ];
    let forged = format!("x\n{FORGED}");
    let long = "n".repeat(255);
    names
        .into_iter()
        .chain([forged.as_bytes(), long.as_bytes()])
        .map(<[u8]>::to_vec)
        .collect()
}

/// A release in `dir`, as its owner made it.
fn make_release(dir: &Path) {
    let site = Releases::at(dir);
    for (file, text) in [
        ("web/index.html", "index"),
        ("web/page.shtml", "<!--#include virtual=\"/list/a.txt\" -->"),
        ("web/list/a.txt", "a"),
        ("web/list/b.hidden", "b"),
        ("web/forbidden.txt", SECRET),
        ("web/private/secret.txt", SECRET),
        ("web/private/.htaccess", "Require all granted"),
        ("web/guarded/.htaccess", "Require all denied"),
        ("web/guarded/secret.txt", SECRET),
        ("web/name\n[forged] <b>%s\".txt", "odd"),
    ] {
        site.put(file, text);
    }
    for (link, target) in [
        ("out", "/etc"),
        ("root", "/"),
        ("loop", "loop"),
        ("round", "../web/round2"),
        ("round2", "round/x"),
        ("self", "."),
        ("up", "../../../.."),
        ("open", "private"),
        ("key", "private/secret.txt"),
        ("wall", "../../../../fortress"),
    ] {
        symlink(target, dir.join("web").join(link)).expect("it is not there yet");
    }
}

/// Where a link may lead, as the text of the symlink in `{site}/<host>`.
fn targets() -> Vec<PathBuf> {
    let releases = names()
        .into_iter()
        .map(|name| Path::new("../releases").join(OsStr::from_bytes(&name)));
    let others = [
        "/",
        ".",
        "..",
        "../../..",
        "current",
        "current/current",
        "../follow/current2",
        "../releases/42",
        "../releases/42/",
        "../releases/42/web/..",
        "../releases/42/web/self/..",
        "../releases/42/web",
        "../releases/42/web/index.html",
        "../releases/42/web/private",
        "../releases/42/web/loop",
        "../releases/none\nat all",
        "../fortress",
        "../theirs",
        "/etc",
        "/proc/self",
        "/proc/self/cwd",
        "/proc/self/root",
        "/dev/null",
    ];
    releases.chain(others.map(PathBuf::from)).collect()
}

/// For each link and each of its targets.
const URLS: [&str; 26] = [
    "/",
    "/index.html",
    "/page.shtml",
    "/list",
    "/list/",
    "/old/list/a.txt",
    "/forbidden.txt",
    "/private/secret.txt",
    "/guarded/secret.txt",
    "/name%0a%5bforged%5d%20%3cb%3e%25s%22.txt",
    "/out/hostname",
    "/root/etc/hostname",
    "/loop",
    "/round/x",
    "/self/self/self/private/secret.txt",
    "/up/site/fortress/web/private/secret.txt",
    "/open/secret.txt",
    "/key",
    "/wall/web/index.html",
    "/web/private/secret.txt",
    "/web/index.html",
    "/web",
    "/alias",
    "/alias/web/private/secret.txt",
    "/current/web/index.html",
    "/none",
];

/// Who makes the link and what it leads to gets nothing served that stock httpd refuses, forges no
/// line of the log, and ends no process.
#[test]
fn releases_are_served_as_by_stock_httpd_whatever_they_are() {
    let pair = Pair::start(OPTIONS, |site| {
        for name in names() {
            make_release(&site.path("releases").join(OsStr::from_bytes(&name)));
        }
        for release in ["releases/42", "fortress", "theirs"] {
            make_release(&site.path(release));
        }
        if is_root() {
            for path in ["theirs/web", "theirs"] {
                lchown(site.path(path), Some(ANOTHER), None)
                    .expect("root gives away what it wants");
            }
        }
        for host in ["follow", "owner", "none"] {
            Releases::at(site.path(host));
            site.flip(&format!("{host}/current"), "../releases/42");
        }
        site.flip("follow/current2", "../follow/current");
    });
    let children = pair.children();
    let mut statuses = BTreeSet::new();
    for target in targets() {
        for (host, link) in [
            ("follow", "follow/current"),
            ("bare", "follow/current"),
            ("owner", "owner/current"),
            ("none", "none/current"),
        ] {
            pair.site.flip(link, &target);
            let requests = URLS.map(|url| format!("GET {url} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            let [stock, module] = pair.ask(requests.concat().as_bytes());
            let answers: Vec<&str> = stock.split("HTTP/1.1 ").skip(1).collect();
            assert_eq!(answers.len(), URLS.len(), "{host} -> {target:?}: {stock}");
            let differs = URLS
                .iter()
                .zip(answers.iter().zip(module.split("HTTP/1.1 ").skip(1)))
                .find(|(_, (stock, module))| *stock != module);
            assert_eq!(differs, None, "{host} -> {target:?}");
            assert_eq!(module, stock, "{host} -> {target:?}");
            statuses.extend(answers.iter().map(|answer| answer[..3].to_owned()));
        }
    }
    for expected in ["200", "301", "403", "404"] {
        assert!(statuses.contains(expected), "the control: {statuses:?}");
    }
    let log = pair.module.error_log();
    let escaped = format!("x\\n{FORGED}");
    assert!(log.contains(&escaped), "the control: the name is logged");
    let forged: Vec<&str> = log
        .lines()
        .filter(|line| line.starts_with(FORGED))
        .collect();
    assert!(forged.is_empty(), "{forged:#?}");
    pair.stop(children);
}
