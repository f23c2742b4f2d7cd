//! What somebody sends or makes who means harm: requests that no client would send, and releases whose owner may write
//! in them, but not in the configuration. Stock httpd's answers are the measure.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, lchown, symlink};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use testbed::{Background, Builder, LIMIT, Module, Mpm, Releases, Server};

/// Stock httpd and one with the module, with one configuration on one tree.
struct Pair {
    stock: Server,
    module: Server,
    site: Releases,
    _home: Builder,
}

/// What httpd says of requests like these, at warning or worse.
const REFUSALS: [&str; 9] = [
    "[authz_core:error]",
    "[autoindex:error]",
    "[core:error]",
    "[rewrite:error]",
    "AH00112:",
    "AH00529:",
    "RD12:",
    "RD20:",
    "RD22:",
];

impl Pair {
    /// Lets `make` make the tree that the configuration knows as `{site}`, and starts both.
    fn start(config: &str, make: impl FnOnce(&Releases)) -> Self {
        let home = Server::builder(Mpm::Event);
        let site = Releases::at(home.root().join("site"));
        make(&site);
        let config = config.replace("{site}", &site.dir().display().to_string());
        let start = |module| {
            let mut setup = Server::builder(Mpm::Event)
                .module(module)
                .children(1)
                .threads(8);
            for module in ["alias", "autoindex", "include", "rewrite"] {
                setup = setup.load(module);
            }
            for refusal in REFUSALS {
                setup = setup.allow(refusal);
            }
            setup.config(&config).start()
        };
        let [stock, module] = thread::scope(|scope| {
            [Module::Off, Module::On]
                .map(|module| scope.spawn(move || start(module)))
                .map(|server| server.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        Self {
            stock,
            module,
            site,
            _home: home,
        }
    }

    /// Both answers.
    fn ask(&self, request: &[u8]) -> [String; 2] {
        [&self.stock, &self.module].map(|server| normal(server, &send(server, request)))
    }

    /// Nobody has died.
    fn stop(self, children: [Vec<u32>; 2]) {
        assert_eq!(self.children(), children);
        self.stock.stop();
        self.module.stop();
    }

    fn children(&self) -> [Vec<u32>; 2] {
        [&self.stock, &self.module].map(Server::children)
    }
}

/// Sends bytes as they are, and no more; gives all that comes back.
fn send(server: &Server, request: &[u8]) -> Vec<u8> {
    let exchange = || {
        let mut stream = TcpStream::connect(server.on(1).address())?;
        stream.set_read_timeout(Some(LIMIT))?;
        // Who is refused early need not hear all.
        let sent = stream
            .write_all(request)
            .and_then(|()| stream.shutdown(Shutdown::Write));
        match sent.map_err(|error| error.kind()) {
            Ok(())
            | Err(ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::NotConnected) => {
            }
            Err(kind) => return Err(kind.into()),
        }
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => Err(error),
            _ => Ok(answer),
        }
    };
    exchange().unwrap_or_else(|error| panic!("{}: {error}", request.escape_ascii()))
}

/// An answer without what is different for each server and at each moment.
fn normal(server: &Server, answer: &[u8]) -> String {
    let lines: Vec<String> = String::from_utf8_lossy(answer)
        .lines()
        .filter(|line| !line.starts_with("Date: "))
        .map(|line| match line.strip_prefix("Allow: ") {
            Some(methods) => {
                let methods: BTreeSet<&str> = methods.split(',').collect();
                format!("Allow: {methods:?}")
            }
            None => line
                .replace(&format!(":{}", server.port(1)), ":PORT")
                // As long as the file is new.
                .replace("ETag: W/", "ETag: "),
        })
        .collect();
    lines.join("\n")
}

/// `HTTP/1.1 403` in its first line.
fn status(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.unwrap_or(0)
}

/// In files that must not be served.
const SECRET: &str = "top secret";

/// Virtual hosts by how slashes in URLs are treated.
const SLASHES: &str = "
<Directory {site}>
    Options FollowSymLinks Includes
    AllowOverride All
</Directory>
<Directory {site}/current/web/private>
    Require all denied
</Directory>
<Directory {site}/current/files/private>
    Require all denied
</Directory>
<Location /located>
    Require all denied
</Location>
AddOutputFilter INCLUDES .shtml
TraceEnable On
<VirtualHost *:{port}>
    ServerName app
    DocumentRoot {site}/current/web
    Alias /alias {site}/current/files
</VirtualHost>
<VirtualHost *:{port}>
    ServerName decode
    DocumentRoot {site}/current/web
    Alias /alias {site}/current/files
    AllowEncodedSlashes On
</VirtualHost>
<VirtualHost *:{port}>
    ServerName keep
    DocumentRoot {site}/current/web
    Alias /alias {site}/current/files
    AllowEncodedSlashes NoDecode
</VirtualHost>
<VirtualHost *:{port}>
    ServerName many
    DocumentRoot {site}/current/web
    Alias /alias {site}/current/files
    AllowEncodedSlashes On
    MergeSlashes Off
</VirtualHost>
";

const HOSTS: [&str; 4] = ["app", "decode", "keep", "many"];

/// For each of the hosts. What stands between `^` and `^` is repeated.
const PATHS: [&str; 62] = [
    "/index.html",
    "/private/secret.txt",
    "/located/secret.txt",
    "/guarded/secret.txt",
    "/alias/part.txt",
    "/alias/private/secret.txt",
    "/page.shtml",
    // Slashes that are none, or not yet.
    "/private%2fsecret.txt",
    "/private%2Fsecret.txt",
    "/private/%2fsecret.txt",
    "/%2fprivate%2fsecret.txt",
    "%2fprivate/secret.txt",
    "/files%2f..%2fprivate%2fsecret.txt",
    "/files/..%2fprivate/secret.txt",
    "/files/%2e%2e%2fprivate/secret.txt",
    "/files/.%2f..%2f/private/secret.txt",
    "/files%2f%2e%2e%2f%2e%2e%2fconfig.txt",
    "/alias%2fprivate%2fsecret.txt",
    "/alias/%2e%2e/web/private/secret.txt",
    "/alias/..%2fweb/private/secret.txt",
    "/alias/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/guarded%2fsecret.txt",
    "/located%2fsecret.txt",
    "/page.shtml%2finfo",
    "/private%5csecret.txt",
    "/private%252fsecret.txt",
    "/private%c0%afsecret.txt",
    "/private%e0%80%afsecret.txt",
    "//private/secret.txt",
    "/private//secret.txt",
    "//located//secret.txt",
    "/files//..//private//secret.txt",
    "/alias//private//secret.txt",
    "/alias/./private/secret.txt",
    // Dots.
    "/../../../../../../../../etc/passwd",
    "/..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/%2e%2e/config.txt",
    "/.%2e/.%2e/config.txt",
    "/private/./secret.txt",
    "/private/secret.txt/.",
    "/private/secret.txt/..",
    "/private/.../secret.txt",
    "/private./secret.txt",
    "/private/secret.txt.",
    "/..;/private/secret.txt",
    // Bytes.
    "/private/secret.txt%00",
    "/private/secret.txt%00.html",
    "/%00",
    "/private%0a/secret.txt",
    "/private/secret.txt%0d%0aX-Forged:%20yes",
    "/%70rivate/%73ecret.txt",
    "/%2570rivate/secret.txt",
    "/%ff%fe%80",
    "/%",
    "/%1",
    "/%zz",
    // Long.
    "/^a^",
    "/^./^private/secret.txt",
    "/private/^x/../^secret.txt",
    "/^/^",
    "/private/^%2f^secret.txt",
    "/index.html?^../^",
];

/// A path, written out: too long for a file's name, for a path, for a request line.
fn written_out(path: &str) -> Vec<String> {
    let parts: Vec<&str> = path.split('^').collect();
    match parts[..] {
        [before, part, after] => [2_000, 7_000, 9_000]
            .map(|len| [before, &part.repeat(len / part.len()), after].concat())
            .into(),
        _ => vec![path.to_owned()],
    }
}

/// Whole requests.
const REQUESTS: [&str; 85] = [
    // Versions, and what should stand in their place.
    "GET /private/secret.txt\r\n",
    "GET /index.html\r\n\r\n",
    "GET /index.html HTTP/0.9\r\n\r\n",
    "GET /index.html HTTP/1.0\r\n\r\n",
    "GET /private/secret.txt HTTP/1.0\r\n\r\n",
    "GET /index.html HTTP/1.2\r\nHost: app\r\n\r\n",
    "GET /index.html HTTP/2.0\r\nHost: app\r\n\r\n",
    "GET /index.html HTTP/01.1\r\nHost: app\r\n\r\n",
    "GET /index.html http/1.1\r\nHost: app\r\n\r\n",
    "GET /index.html HTTP/1.1 x\r\nHost: app\r\n\r\n",
    "GET  /index.html HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET\t/index.html\tHTTP/1.1\r\nHost: app\r\n\r\n",
    "GET /private/secret.txt HTTP/1.1\nHost: app\n\n",
    "GET /index.html HTTP/1.1\rHost: app\r\r",
    "GET /index.html\0 HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET /private/secret.txt\0.html HTTP/1.1\r\nHost: app\r\n\r\n",
    "G\0T /index.html HTTP/1.1\r\nHost: app\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}",
    "\r\n\r\nGET /index.html HTTP/1.1\r\nHost: app\r\n\r\n",
    "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n",
    "",
    // Targets.
    "GET http://app/index.html HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET http://app/private/secret.txt HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET http://app/private%2fsecret.txt HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET http://decode/private%2fsecret.txt HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET http://user:pass@app/private/secret.txt HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET http://app:99999/index.html HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET http://elsewhere.example/index.html HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET HTTP://APP/private/secret.txt HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET https://app/index.html HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET ftp://app/index.html HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET http://app HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET http:///index.html HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET http:/private/secret.txt HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET file:///etc/passwd HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET proxy:fcgi://app/private/secret.txt HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET * HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET private/secret.txt HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET ?x HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET ../index.html HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET /private/secret.txt#x HTTP/1.1\r\nHost: app\r\n\r\n",
    "GET /index.html#/../private/secret.txt HTTP/1.1\r\nHost: app\r\n\r\n",
    // Methods.
    "OPTIONS * HTTP/1.1\r\nHost: app\r\n\r\n",
    "OPTIONS /private/secret.txt HTTP/1.1\r\nHost: app\r\n\r\n",
    "TRACE /private/secret.txt HTTP/1.1\r\nHost: app\r\nMax-Forwards: 0\r\n\r\n",
    "TRACE * HTTP/1.1\r\nHost: app\r\n\r\n",
    "CONNECT app:80 HTTP/1.1\r\nHost: app:80\r\n\r\nGET /private/secret.txt HTTP/1.1\r\nHost: app\r\n\r\n",
    "CONNECT /private/secret.txt HTTP/1.1\r\nHost: app\r\n\r\n",
    "CONNECT * HTTP/1.1\r\nHost: app\r\n\r\n",
    "PUT /private/secret.txt HTTP/1.1\r\nHost: app\r\nContent-Length: 1\r\n\r\nx",
    "DELETE /index.html HTTP/1.1\r\nHost: app\r\n\r\n",
    "get /index.html HTTP/1.1\r\nHost: app\r\n\r\n",
    "BREW /private/secret.txt HTTP/1.1\r\nHost: app\r\n\r\n",
    "HEAD /private/secret.txt HTTP/1.1\r\nHost: app\r\n\r\n",
    // Hosts.
    "GET /index.html HTTP/1.1\r\n\r\n",
    "GET /index.html HTTP/1.1\r\nHost:\r\n\r\n",
    "GET /index.html HTTP/1.1\r\nHost: app\r\nHost: decode\r\n\r\n",
    "GET /private%2fsecret.txt HTTP/1.1\r\nHost: APP.\r\n\r\n",
    "GET /index.html HTTP/1.1\r\nHost: app:99999\r\n\r\n",
    "GET /index.html HTTP/1.1\r\nHost: app:80:80\r\n\r\n",
    "GET /index.html HTTP/1.1\r\nHost: a/../b\r\n\r\n",
    "GET /index.html HTTP/1.1\r\nHost: app\0decode\r\n\r\n",
    "GET /index.html HTTP/1.1\r\nHost: app decode\r\n\r\n",
    "GET /index.html HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "GET /index.html HTTP/1.1\r\nHost: %61pp\r\n\r\n",
    "GET /index.html HTTP/1.1\r\nHost: app, decode\r\n\r\n",
    // Headers.
    "GET /index.html HTTP/1.1\r\nHost: app\r\nno colon\r\n\r\n",
    "GET /index.html HTTP/1.1\r\nHost: app\r\nX : y\r\n\r\n",
    "GET /index.html HTTP/1.1\r\nHost: app\r\nX: y\r\n folded\r\n\r\n",
    "GET /index.html HTTP/1.1\r\nHost: app\r\nX: y\0z\r\n\r\n",
    "GET /index.html HTTP/1.1\r\n Host: app\r\n\r\n",
    "GET /index.html HTTP/1.1\r\nHost: app\r\nRange: bytes=0-,0-,0-,0-\r\n\r\n",
    "GET /index.html HTTP/1.1\r\nHost: app\r\nRange: bytes=-9999999999999999999\r\n\r\n",
    "GET /index.html HTTP/1.1\r\nHost: app\r\nExpect: 200-ok\r\n\r\n",
    "GET /index.html HTTP/1.1\r\nHost: app\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAA\r\n\r\n",
    // A request in another's body, or is it?
    "POST /index.html HTTP/1.1\r\nHost: app\r\nContent-Length: 4\r\n\r\nGET GET /private/secret.txt HTTP/1.1\r\nHost: app\r\n\r\n",
    "POST /index.html HTTP/1.1\r\nHost: app\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /private/secret.txt HTTP/1.1\r\nHost: app\r\n\r\n",
    "POST /index.html HTTP/1.1\r\nHost: app\r\nContent-Length: 0\r\nContent-Length: 46\r\n\r\nGET /private/secret.txt HTTP/1.1\r\nHost: app\r\n\r\n",
    "POST /index.html HTTP/1.1\r\nHost: app\r\nContent-Length: -1\r\n\r\nGET /index.html HTTP/1.1\r\nHost: app\r\n\r\n",
    "POST /index.html HTTP/1.1\r\nHost: app\r\nContent-Length: +4\r\n\r\nabcd",
    "POST /index.html HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "POST /index.html HTTP/1.1\r\nHost: app\r\nTransfer-Encoding:\u{b}chunked\r\n\r\n0\r\n\r\n",
    "POST /index.html HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\nGET /index.html HTTP/1.1\r\nHost: app\r\n\r\n",
    "POST /index.html HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx\r\n0\r\n\r\n",
];

/// What stock httpd has to answer, or the requests do not reach what they are for.
const STATUSES: [u16; 10] = [200, 206, 400, 403, 404, 405, 413, 414, 417, 501];

/// Whatever is sent, the answer is stock httpd's with the link in place: status, headers and body.
#[test]
fn requests_are_answered_as_by_stock_httpd() {
    let pair = Pair::start(SLASHES, |site| {
        site.create(
            "42",
            &[
                ("config.txt", SECRET),
                ("web/index.html", "index"),
                ("web/page.shtml", "<!--#include virtual=\"/index.html\" -->"),
                ("web/files/plain.txt", "plain"),
                ("web/private/secret.txt", SECRET),
                ("web/located/secret.txt", SECRET),
                ("web/guarded/secret.txt", SECRET),
                ("web/guarded/.htaccess", "Require all denied"),
                ("files/part.txt", "part"),
                ("files/private/secret.txt", SECRET),
            ],
        );
        site.deploy("42");
    });
    let of_paths = HOSTS.into_iter().flat_map(|host| {
        let paths = PATHS.into_iter().flat_map(written_out);
        paths.map(move |path| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
    });
    let requests: Vec<String> = of_paths.chain(REQUESTS.map(String::from)).collect();

    let children = pair.children();
    let mut statuses = BTreeSet::new();
    for request in &requests {
        let [stock, module] = pair.ask(request.as_bytes());
        assert_eq!(module, stock, "{}", request.escape_debug());
        assert!(!stock.contains(SECRET), "{}", request.escape_debug());
        statuses.insert(status(&stock));
    }
    let missing: Vec<&u16> = STATUSES.iter().filter(|s| !statuses.contains(s)).collect();
    assert!(
        missing.is_empty(),
        "the control: {missing:?} of {statuses:?}"
    );
    pair.stop(children);
}

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

/// Names of releases that do harm where they are not taken as what they are: bytes. (Not with a question mark: what
/// mod_rewrite makes in a directory of such a name, it takes for a URL with a query, and finds nothing.)
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

/// The user to whom belongs what is another's.
const ANOTHER: u32 = 12345;

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Who makes the link and what it leads to gets nothing served that stock httpd refuses, forges no line of the log, and
/// ends no process.
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

/// Exchanges a link as fast as it can until it is told to stop; counts how often it did.
fn exchange(
    link: PathBuf,
    others: Vec<(&'static str, Option<u32>)>,
    count: Arc<AtomicUsize>,
) -> Background {
    Background::run(move |stop| {
        let new = link.with_extension("new");
        for (target, owner) in others.iter().cycle() {
            if stop.requested() {
                break;
            }
            symlink(target, &new)
                .and_then(|()| lchown(&new, *owner, None))
                .and_then(|()| fs::rename(&new, &link))
                .expect("the directory is ours");
            count.fetch_add(1, Relaxed);
        }
    })
}

/// The answers, with their number, to requests for a file behind a link that is exchanged; `above_all` is in force
/// everywhere.
fn behind_exchanged_link(
    above_all: &str,
    others: Vec<(&'static str, Option<u32>)>,
) -> BTreeMap<(u16, String), usize> {
    // So many, and as many exchanges.
    const REQUESTS: usize = 2_000;

    let setup = Server::builder(Mpm::Event).module(Module::On).children(1);
    let site = Releases::at(setup.root().join("app"));
    for (release, text) in [("ours", "ours"), ("theirs", "theirs"), ("fortress", SECRET)] {
        site.create(release, &[("web/file.txt", text)]);
    }
    site.deploy("ours");
    let another = others.iter().find_map(|(_, owner)| *owner);
    for path in ["theirs", "theirs/web"] {
        lchown(site.release(path), another, None).expect("who may not does not");
    }
    let server = setup
        .root_section(&format!("{above_all}\nRequire all granted"))
        .config("DocumentRoot {root}/app/current/web")
        .log_level("warn realdoc:warn")
        .allow("RD20:")
        .allow("RD16:")
        .start();
    let children = server.children();
    let exchanges = Arc::new(AtomicUsize::new(0));
    let exchange = exchange(site.current(), others, Arc::clone(&exchanges));
    let mut connection = server.connect();
    let mut answers = BTreeMap::new();
    let mut requests = 0;
    while (requests < REQUESTS || exchanges.load(Relaxed) < REQUESTS) && !exchange.is_finished() {
        requests += 1;
        let response = connection.get("/file.txt").expect("the server answers");
        let text = match response.status {
            200 => response.text(),
            // Overtaken all the time. httpd closes the connection then.
            503 => {
                connection = server.connect();
                String::new()
            }
            _ => String::new(),
        };
        *answers.entry((response.status, text)).or_default() += 1;
    }
    exchange.finish();
    assert_eq!(server.children(), children);
    server.stop();
    println!("{} exchanges: {answers:?}", exchanges.load(Relaxed));
    answers
}

/// Thousands of exchanges a second: each answer is the whole file of one of the releases. (Where .htaccess files are read,
/// a request is sure of them only if the link stood still for as long as it took: it starts anew else, and some are given
/// up.)
#[test]
fn a_link_that_never_stands_still_leads_to_a_release() {
    let others = vec![("releases/ours", None), ("releases/theirs", None)];
    let above_all = "Options FollowSymLinks\nAllowOverride None";
    let answers = behind_exchanged_link(above_all, others);
    let expected = ["ours", "theirs"].map(|text| (200, text.to_owned()));
    assert!(answers.keys().eq(&expected), "{answers:?}");
}

/// Under `SymLinksIfOwnerMatch` a link that one owner makes does not lead to another's files, however fast it is exchanged
/// for one of theirs. .htaccess files are read: how many requests are given up, 503, goes by the machine.
#[test]
fn a_link_that_two_owners_exchange_leads_nobody_to_the_others_files() {
    if !is_root() {
        println!("only root can give files away");
        return;
    }
    let others = vec![
        ("releases/ours", None),
        ("releases/theirs", Some(ANOTHER)),
        ("releases/fortress", Some(ANOTHER)),
    ];
    let answers = behind_exchanged_link("Options SymLinksIfOwnerMatch\nAllowOverride All", others);
    let has = |status, text: &str| answers.contains_key(&(status, text.to_owned()));
    assert!(
        has(200, "ours") && has(200, "theirs") && has(403, ""),
        "the control: {answers:?}"
    );
    assert!(!has(200, SECRET), "{answers:?}");
}

/// The same where a process has seen where the other's link leads, and does not look again.
#[test]
fn a_link_of_another_owner_does_not_vouch_for_what_was_seen() {
    if !is_root() {
        println!("only root can give files away");
        return;
    }
    let setup = Server::builder(Mpm::Event).module(Module::On).children(1);
    let site = Releases::at(setup.root().join("app"));
    site.create("ours", &[("web/file.txt", "ours")]);
    site.create("fortress", &[("web/file.txt", SECRET)]);
    site.deploy("fortress");
    lchown(site.current(), Some(ANOTHER), None).expect("root gives away what it wants");
    let server = setup
        .root_section("Options SymLinksIfOwnerMatch\nRequire all granted")
        .config("DocumentRoot {root}/app/current/web\nRealpathEvery 1h")
        .allow("RD20:")
        .start();
    assert_eq!(server.get("/file.txt").status, 403, "the control");
    site.deploy("ours");
    assert_ne!(server.get("/file.txt").text(), SECRET);
    server.stop();
}

/// Rules that let clients name files, within what sections allow.
const RULES: &str = "
<Directory {site}/current/private>
    Require all denied
</Directory>
<Location /located>
    Require all denied
</Location>
DocumentRoot {site}/current
RewriteEngine On
RewriteRule ^/passed/(.*)$ /$1 [PT]
RewriteCond %{QUERY_STRING} ^file=(.*)$
RewriteRule ^/query$ {site}/current/%1
";

fn rules() -> Pair {
    Pair::start(RULES, |site| {
        for dir in ["private", "located"] {
            site.put(format!("r/{dir}/secret.txt"), SECRET);
        }
        // A shorter name than the link's.
        site.flip("current", "r");
    })
}

/// A path that is too long for APR to clean, but not for the kernel to open, is subject to the sections as any other.
#[test]
fn a_path_that_cannot_be_cleaned_is_not_served() {
    let pair = rules();
    let children = pair.children();
    let long_ones = (0..40).map(|more| {
        let room = 4_080 + more - pair.site.current().as_os_str().len();
        "/".repeat(room - "private/secret.txt".len())
    });
    for slashes in long_ones.chain(["/".into(), String::new()]) {
        let url = format!("/query?file={slashes}private/secret.txt");
        let request = format!("GET {url} HTTP/1.1\r\nHost: x\r\n\r\n");
        for answer in pair.ask(request.as_bytes()) {
            assert!(!answer.contains(SECRET), "{} slashes", slashes.len());
        }
    }
    pair.stop(children);
}

/// A URL that a rule has passed through is a URL, also where it looks like the docroot's name.
#[test]
fn a_url_that_was_passed_through_is_no_path() {
    let pair = rules();
    let children = pair.children();
    let docroot = pair.site.current().display().to_string();
    for path in [
        "located/secret.txt".into(),
        format!("{docroot}/located/secret.txt"),
    ] {
        let path = path.trim_start_matches('/');
        let request = format!("GET /passed/{path} HTTP/1.1\r\nHost: x\r\n\r\n");
        let [stock, module] = pair.ask(request.as_bytes());
        assert_eq!(module, stock, "{path}");
    }
    pair.stop(children);
}

/// What a section by a pattern hides in a listing stays hidden in an error page that is one.
#[test]
fn what_a_pattern_hides_is_hidden_in_each_directory() {
    const HIDES: &str = "
        DocumentRoot {site}/current
        ErrorDocument 404 /b/list/
        <Directory {site}/current/*/list>
            Options +Indexes
            IndexIgnore *.hidden
        </Directory>
    ";
    let pair = Pair::start(HIDES, |site| {
        for file in ["a/list/x.hidden", "b/list/y.hidden", "b/list/z.txt"] {
            site.create("42", &[(file, "")]);
        }
        site.deploy("42");
    });
    let children = pair.children();
    for url in ["/b/list/", "/a/list/none"] {
        let request = format!("GET {url} HTTP/1.1\r\nHost: x\r\n\r\n");
        let [stock, module] = pair.ask(request.as_bytes());
        assert!(stock.contains("z.txt"), "the control: {stock}");
        assert_eq!(module, stock, "{url}");
    }
    pair.stop(children);
}
