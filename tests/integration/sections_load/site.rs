//! Two releases, the sections about them, and what is asked of them.

use testbed::Releases;

pub(super) const RELEASES: [&str; 2] = ["42", "43"];

/// In each file that both releases protect.
pub(super) const SECRET: &str = "SECRET";

/// "user:secret", as HTTP and as a password file have it.
const LOGIN: &str = "Basic dXNlcjpzZWNyZXQ=";
pub(super) const PASSWORD: &str = "user:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";

/// The virtual hosts. With a port: else redirects would name each server's own.
pub(super) const FIRST: &str = "first:80";
pub(super) const SECOND: &str = "second:80";

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Ask {
    pub(super) path: &'static str,
    pub(super) host: &'static str,
    pub(super) login: bool,
}

const fn get(path: &'static str) -> Ask {
    Ask {
        path,
        host: FIRST,
        login: false,
    }
}

impl Ask {
    const fn as_user(self) -> Self {
        Self {
            login: true,
            ..self
        }
    }

    const fn at(self, host: &'static str) -> Self {
        Self { host, ..self }
    }

    pub(super) fn headers(&self) -> Vec<(&'static str, &'static str)> {
        let login = self.login.then_some(("Authorization", LOGIN));
        [("Host", self.host)].into_iter().chain(login).collect()
    }

    /// mod_include over mod_http2 under load crashes in stock httpd.
    pub(super) fn suits_http2(&self) -> bool {
        !self.path.ends_with(".shtml")
    }
}

pub(super) const ASKS: [Ask; 43] = [
    get("/page.txt"),
    get("/page.txt").at(SECOND),
    get("/missing.txt"),
    get("/missing.txt").at(SECOND),
    get("/mix.shtml"),
    get("/mix.shtml").as_user(),
    // Each release denies one of the two.
    get("/denied-in-42/file.txt"),
    get("/denied-in-43/file.txt"),
    // Both deny.
    get("/private/secret.txt"),
    get("/private/"),
    get("/hidden-a/secret.txt"),
    get("/closed/secret.txt"),
    get("/files/secret.key"),
    get("/only-first/secret.txt").at(SECOND),
    get("/shared/closed/secret.txt"),
    get("/only-first/page.txt"),
    get("/files/page.txt"),
    // Regex sections with captures.
    get("/match/one/page.txt"),
    get("/match/two/page.txt").at(SECOND),
    get("/tilde-x/page.txt"),
    // Wildcard sections.
    get("/wild-1/page.txt"),
    // Authentication.
    get("/members/page.txt"),
    get("/members/page.txt").as_user(),
    get("/members/").as_user(),
    get("/members/page.shtml").as_user(),
    // RewriteRule in a section, which remembers its path.
    get("/section/item/a"),
    get("/section/item/a").at(SECOND),
    get("/section/front/none"),
    get("/section/page.txt"),
    // RewriteRule in .htaccess, without and with RewriteBase, and behind `-f`.
    get("/rules/item"),
    get("/rules/base/item"),
    get("/front/none"),
    get("/front/page.txt"),
    get("/fallback/none"),
    // DirectoryIndex, autoindex, MultiViews.
    get("/index/"),
    get("/index"),
    get("/list/"),
    get("/views/page"),
    // Alias.
    get("/shared/page.txt"),
    get("/shared/"),
    // CGI.
    get("/cgi/print.cgi/path/info"),
    get("/cgi/print.cgi/path/info").at(SECOND),
    get("/mix.shtml").at(SECOND),
];

/// Granted is only what a section by the link's name grants. Each section leaves its trace in
/// X-Section.
pub(super) const CONFIG: &str = r#"
DocumentRoot {site}/current/web
AddOutputFilter INCLUDES .shtml
Alias /shared {site}/current/shared
<Directory {site}/current>
    Require all granted
    AllowOverride All
    Options FollowSymLinks Includes ExecCGI
    Header always append X-Section current
    ErrorDocument 403 /errors/denied.txt
</Directory>
<Directory {site}/current/web/private>
    Require all denied
</Directory>
<DirectoryMatch "^{site}/current/web/hidden-[a-z]+">
    Require all denied
</DirectoryMatch>
<Directory {site}/current/shared/closed>
    Require all denied
</Directory>
<Directory {site}/current/web/files>
    <Files *.key>
        Require all denied
    </Files>
    <If "%{REQUEST_URI} =~ /page/">
        Header always append X-Section if
    </If>
</Directory>
<DirectoryMatch "^{site}/current/web/match/(?<word>[a-z]+)">
    Header always append X-Section match-%{MATCH_WORD}e
</DirectoryMatch>
<Directory ~ "/current/web/tilde-.$">
    Header always append X-Section tilde
</Directory>
<Directory {site}/current/*/wild-?>
    Header always append X-Section wild
</Directory>
<Directory {site}/current/web/members>
    AuthType Basic
    AuthName members
    AuthUserFile {root}/users
    Require valid-user
    ErrorDocument 401 /errors/login.txt
</Directory>
<Directory {site}/current/web/section>
    RewriteEngine On
    RewriteRule ^item/([a-z]+)$ items/$1.txt [L]
    RewriteCond %{REQUEST_FILENAME} !-f
    RewriteRule ^ items/front.txt [L]
</Directory>
<Directory {site}/current/web/list>
    Options +Indexes
    IndexOptions FancyIndexing
    IndexIgnore *.bak
    AddDescription "a text" *.txt
    DirectoryIndex disabled
</Directory>
<VirtualHost *:{port}>
</VirtualHost>
<VirtualHost *:{port}>
    ServerName second
    <Directory {site}/current/web>
        Header always append X-Section second
    </Directory>
    <Directory {site}/current/web/only-first>
        Require all denied
    </Directory>
</VirtualHost>
"#;

/// Includes what is allowed, what is denied, and what only one of the releases allows.
const MIX: [&str; 13] = [
    "page.txt",
    "denied-in-42/file.txt",
    "match/one/page.txt",
    "private/secret.txt",
    "members/page.txt",
    "section/item/a",
    "rules/item",
    "front/none",
    "fallback/none",
    "index/",
    "denied-in-43/file.txt",
    "cgi/print.cgi/path/info",
    "page.txt",
];

pub(super) fn create(site: &Releases, release: &str) {
    let mix = MIX.map(|url| format!("{url}: <!--#include virtual=\"/{url}\" -->\n"));
    let script = format!(
        "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n\
         read page <\"$DOCUMENT_ROOT/page.txt\"\n\
         echo {release} $PATH_INFO $page\n"
    );
    let own = |text: &str| text.replace("OWN", release);
    let denied_in = |denied: &str| {
        if release == denied {
            "Require all denied"
        } else {
            "Require all granted"
        }
    };
    let page = own("OWN's page\n");
    let secret = own("OWN's SECRET");
    // In both releases are the files that the other's .htaccess would take.
    let both = |dir: &'static str| {
        let text = |name| (format!("{dir}/{name}.txt"), own(&format!("OWN's {name}")));
        RELEASES.map(text)
    };
    let mut files: Vec<(String, String)> = [
        (
            "web/.htaccess",
            own(
                "Header always append X-Section htaccess-OWN\nErrorDocument 404 /errors/missing-OWN.txt\n",
            ),
        ),
        ("web/page.txt", page.clone()),
        ("web/mix.shtml", mix.concat()),
        ("web/errors/denied.txt", own("OWN denies")),
        ("web/errors/login.txt", own("OWN wants a login")),
        ("web/errors/missing-42.txt", own("OWN has no such file")),
        ("web/errors/missing-43.txt", own("OWN has no such file")),
        ("web/denied-in-42/.htaccess", denied_in("42").into()),
        ("web/denied-in-42/file.txt", own("OWN's file")),
        ("web/denied-in-43/.htaccess", denied_in("43").into()),
        ("web/denied-in-43/file.txt", own("OWN's file")),
        ("web/private/secret.txt", secret.clone()),
        ("web/private/index.html", secret.clone()),
        ("web/hidden-a/secret.txt", secret.clone()),
        ("web/closed/.htaccess", "Require all denied".into()),
        ("web/closed/secret.txt", secret.clone()),
        ("web/files/secret.key", secret.clone()),
        ("web/files/page.txt", page.clone()),
        ("web/only-first/secret.txt", secret.clone()),
        ("web/only-first/page.txt", page.clone()),
        ("web/match/one/page.txt", page.clone()),
        ("web/match/two/page.txt", page.clone()),
        ("web/tilde-x/page.txt", page.clone()),
        ("web/wild-1/page.txt", page.clone()),
        ("web/members/page.txt", own("OWN's SECRET for members")),
        ("web/members/index.html", own("OWN's SECRET for members")),
        (
            "web/members/page.shtml",
            own("OWN <!--#include virtual=\"/members/page.txt\" -->"),
        ),
        ("web/section/page.txt", page.clone()),
        ("web/section/items/a.txt", own("OWN's item")),
        ("web/section/items/front.txt", own("OWN's front controller")),
        (
            "web/rules/.htaccess",
            own("RewriteEngine On\nRewriteRule ^item$ OWN.txt"),
        ),
        (
            "web/rules/base/.htaccess",
            own("RewriteEngine On\nRewriteBase /rules/base/\nRewriteRule ^item$ OWN.txt"),
        ),
        (
            "web/front/.htaccess",
            own("RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^ OWN.txt [L]"),
        ),
        ("web/front/page.txt", page.clone()),
        (
            "web/fallback/.htaccess",
            own("FallbackResource /fallback/OWN.txt"),
        ),
        ("web/index/.htaccess", own("DirectoryIndex OWN.txt")),
        ("web/list/OWN-only.txt", page.clone()),
        ("web/list/both.txt", page.clone()),
        ("web/list/ignored.bak", page.clone()),
        ("web/views/.htaccess", "Options +MultiViews".into()),
        ("web/views/page.txt", page.clone()),
        ("web/cgi/print.cgi", script),
        (
            "shared/.htaccess",
            own("Header always append X-Section shared-OWN\nDirectoryIndex OWN.txt"),
        ),
        ("shared/page.txt", page.clone()),
        ("shared/closed/secret.txt", secret.clone()),
    ]
    .map(|(file, content)| (own(file), content))
    .into();
    for dir in [
        "web/rules",
        "web/rules/base",
        "web/front",
        "web/fallback",
        "web/index",
        "shared",
    ] {
        files.extend(both(dir));
    }
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(file, content)| (file.as_str(), content.as_str()))
        .collect();
    site.create(release, &files);
}
