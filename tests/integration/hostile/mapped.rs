//! What rules and error pages make of a URL.

use super::{Pair, SECRET};

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

/// A path that is too long for APR to clean, but not for the kernel to open, is subject to the
/// sections as any other.
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
