//! Rules of the virtual host that make file names: by its document root, by what a client sends, by
//! a look ahead, by another module.

use super::super::case::{Part, Sections};
use super::Draw;

/// Where the name of a file goes in a URL.
const NAME: &str = "NAME";

/// A rule, and the URL that comes to it.
type Rule = (&'static str, &'static str);

/// `{port}` of a FastCGI server at which nobody listens: what is not refused is answered with 503.
const RULES: [Rule; 20] = [
    ("/dr/NAME", "RewriteRule ^/dr/(.*)$ %{DOCUMENT_ROOT}/$1"),
    (
        "/dr/NAME",
        "RewriteCond %{DOCUMENT_ROOT}/$1 -f\nRewriteRule ^/dr/(.*)$ %{DOCUMENT_ROOT}/$1 [L]",
    ),
    (
        "/dr/NAME",
        "RewriteCond %{CONTEXT_DOCUMENT_ROOT}/$1 -f\nRewriteRule ^/dr/(.*)$ %{CONTEXT_DOCUMENT_ROOT}/$1",
    ),
    (
        "/q?p=NAME",
        "RewriteCond %{QUERY_STRING} ^p=(.*)$\nRewriteRule ^/q$ %{DOCUMENT_ROOT}/%1",
    ),
    (
        "/q?p=NAME",
        "RewriteCond %{QUERY_STRING} ^p=(.*)$\nRewriteCond %{DOCUMENT_ROOT}/%1 -f\nRewriteRule ^/q$ %{DOCUMENT_ROOT}/%1 [L]",
    ),
    (
        "/q?p=NAME",
        "RewriteCond %{QUERY_STRING} ^p=(.*)$\nRewriteRule ^/q$ /%1 [PT]",
    ),
    (
        "/q?p=NAME",
        "RewriteCond %{QUERY_STRING} ^p=(.*)$\nRewriteRule ^/q$ %1",
    ),
    (
        "/q?p=NAME",
        "RewriteMap unescape int:unescape\nRewriteCond %{QUERY_STRING} ^p=(.*)$\nRewriteRule ^/q$ %{DOCUMENT_ROOT}/${unescape:%1}",
    ),
    (
        "/e/NAME",
        "RewriteRule ^/e/(.*)$ /$1 [E=WHERE:%{DOCUMENT_ROOT}/$1]",
    ),
    (
        "/e/NAME",
        "RewriteRule ^/e/(.*)$ %{DOCUMENT_ROOT}/$1 [E=WHERE:%{DOCUMENT_ROOT}]",
    ),
    (
        "/NAME",
        "RewriteCond %{DOCUMENT_ROOT}/pub%{REQUEST_URI} -f\nRewriteRule ^(.*)$ /pub$1 [PT]",
    ),
    (
        "/NAME",
        "RewriteCond %{DOCUMENT_ROOT}%{REQUEST_URI} !-f\nRewriteCond %{DOCUMENT_ROOT}%{REQUEST_URI} !-d\nRewriteRule ^ /f.txt [L]",
    ),
    (
        "/la/NAME",
        "RewriteRule ^/la(/.*)$ $1\nRewriteCond %{LA-U:REQUEST_FILENAME} -f\nRewriteRule ^/pub/(.*)$ /priv/$1",
    ),
    (
        "/la/NAME",
        "RewriteRule ^/la(/.*)$ $1\nRewriteCond %{LA-U:REQUEST_FILENAME} ^(.+)$\nRewriteRule ^/(pub|priv)/ %1",
    ),
    (
        "/la/NAME",
        "RewriteCond %{LA-F:REQUEST_FILENAME} ^(.+)$\nRewriteRule ^/la/(.*)$ %{DOCUMENT_ROOT}/$1",
    ),
    (
        "/u/NAME",
        "RewriteCond /$1 -U\nRewriteRule ^/u/(.*)$ /$1 [PT]",
    ),
    (
        "/u/NAME",
        "RewriteCond %{DOCUMENT_ROOT}/$1 -F\nRewriteRule ^/u/(.*)$ %{DOCUMENT_ROOT}/$1",
    ),
    (
        "/fcgi/NAME",
        "RewriteRule ^/fcgi/(.*)$ fcgi://127.0.0.1:1%{DOCUMENT_ROOT}/$1 [P]",
    ),
    (
        "/fcgi/NAME",
        "RewriteCond %{DOCUMENT_ROOT}/$1 -f\nRewriteRule ^/fcgi/(.*)$ fcgi://127.0.0.1:1%{DOCUMENT_ROOT}/$1 [P]",
    ),
    (
        "/lua/NAME",
        "LuaHookTranslateName {top}/translate.lua translate",
    ),
];

/// The hook of [`RULES`].
const TRANSLATE: &str = r#"
require "apache2"
function translate(r)
    local name = string.match(r.uri, "^/lua/(.*)$")
    if name == nil then return apache2.DECLINED end
    r.filename = r.document_root .. "/" .. name
    return apache2.OK
end
"#;

impl Draw {
    /// Gives URLs that come to the rules.
    pub(super) fn rules(&mut self, sections: Sections) -> Vec<String> {
        let mut urls: Vec<&str> = Vec::new();
        for _ in 0..self.random.weighted(&[(5, 0), (3, 1), (3, 2), (2, 4)]) {
            let (url, rule) = self.random.pick(&RULES);
            if urls.contains(&url) {
                continue;
            }
            urls.push(url);
            self.parts
                .push(Part::Directive(format!("RewriteEngine On\n{rule}")));
        }
        if urls.is_empty() {
            return Vec::new();
        }
        self.parts.push(Part::File {
            path: "translate.lua".into(),
            text: TRANSLATE.into(),
        });
        self.parts.push(Part::Directive(
            "Header always set X-Where \"%{WHERE}e\"".into(),
        ));
        if self.random.chance(15) {
            self.parts.push(Part::Directive("MergeSlashes Off".into()));
        }
        self.proxy_sections();
        (0..self.random.within(4..12))
            .map(|_| {
                let name = self.file_name(sections);
                self.random.pick(&urls).replace(NAME, &name)
            })
            .collect()
    }

    /// `<Proxy>` sections for names under the link and in the release.
    fn proxy_sections(&mut self) {
        for _ in 0..self.random.within(0..3) {
            let root = self
                .random
                .pick(&[self.site.docroot.clone(), self.site.real_docroot.clone()]);
            let dir = self.random.pick(&["", "/priv", "/pub"]);
            let server = "fcgi://127.0.0.1:1";
            let (open, close) = self.random.pick(&[
                (
                    format!("<Proxy \"{server}{{top}}/{root}{dir}/*\">"),
                    "</Proxy>",
                ),
                (
                    format!("<ProxyMatch \"^{server}.*{dir}/\">"),
                    "</ProxyMatch>",
                ),
            ]);
            let line = self
                .random
                .pick(&["Require all denied", "Require all granted"]);
            self.parts.push(Part::Section {
                main: false,
                open,
                close,
                lines: vec![line.into()],
            });
        }
    }

    /// The name of a file as a client may send it to a rule.
    fn file_name(&mut self, sections: Sections) -> String {
        let (docroot, target) = (&self.site.docroot, &self.site.real_docroot);
        let names = [
            (4, "f.txt".to_owned()),
            (6, "priv/f.txt".into()),
            (4, "pub/f.txt".into()),
            (2, "secret.txt".into()),
            (2, "in/f.txt".into()),
            (2, "out/f.txt".into()),
            (1, "page.shtml".into()),
            (2, "none".into()),
            (1, "priv/".into()),
            (2, "./priv//f.txt".into()),
            (2, "/priv/f.txt".into()),
            (2, "pub/../priv/f.txt".into()),
            (2, "../41/f.txt".into()),
            // (The reference replaces what the configuration says, not what a client adds to it.)
            (
                if sections == Sections::Link { 2 } else { 0 },
                "../../current/web/priv/f.txt".into(),
            ),
            (1, "../f.txt".into()),
            (1, "..".into()),
            (2, "%2e%2e/priv/f.txt".into()),
            (1, "pub/%2e%2e/priv/f.txt".into()),
            (1, "priv%2ff.txt".into()),
            (1, "pub/.%2fpriv/f.txt".into()),
            (2, format!("{{top}}/{docroot}/priv/f.txt")),
            (2, format!("{{top}}/{target}/priv/f.txt")),
            (1, "{top}/outside/f.txt".into()),
        ];
        self.random.weighted(&names)
    }
}
