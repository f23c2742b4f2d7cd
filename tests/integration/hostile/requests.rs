//! Requests that no client would send.

use std::collections::BTreeSet;

use super::{Pair, SECRET};

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

/// `HTTP/1.1 403` in its first line.
fn status(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.unwrap_or(0)
}

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
