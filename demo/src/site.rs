//! The site that is deployed over and over. Each part of each answer names the release that it
//! comes from.

use testbed::{Builder, Releases};

/// A release's number. Each deploy brings a higher one, so that of two releases the newer one is
/// known.
pub(crate) type Version = u32;

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) path: &'static str,
    /// How many files an answer is made of.
    pub(crate) parts: usize,
}

/// A static file.
pub(crate) const STATIC: Page = Page {
    path: "/style.css",
    parts: 1,
};

/// A page that mod_include puts together.
pub(crate) const SSI: Page = Page {
    path: "/page.shtml",
    parts: 6,
};

/// A script that reads files of its release before and after a pause, as an application does while
/// it works.
pub(crate) const CGI: Page = Page {
    path: "/slow.cgi",
    parts: 3,
};

/// A release's files; `{n}` stands for its number.
const FILES: [(&str, &str); 8] = [
    ("web/style.css", "/* release {n}: style */\n"),
    (
        "web/page.shtml",
        r#"release {n}: page
<!--#include virtual="/parts/head.html" -->
<!--#include virtual="/parts/menu.html" -->
<!--#include virtual="/parts/news.html" -->
<!--#include virtual="/parts/text.html" -->
<!--#include virtual="/parts/foot.html" -->
"#,
    ),
    ("web/parts/head.html", "release {n}: head\n"),
    ("web/parts/menu.html", "release {n}: menu\n"),
    ("web/parts/news.html", "release {n}: news\n"),
    ("web/parts/text.html", "release {n}: text\n"),
    ("web/parts/foot.html", "release {n}: foot\n"),
    (
        "web/slow.cgi",
        r#"#!/bin/sh
show() {
    read -r line <"$DOCUMENT_ROOT/parts/$1"
    echo "$line"
}
printf 'Content-Type: text/plain\n\n'
echo "release {n}: script"
show head.html
sleep 0.03
show foot.html
"#,
    ),
];

/// What the server needs to serve it, by the link's name.
const CONFIG: &str = "\
DocumentRoot {root}/app/current/web
<Directory {root}/app>
    Options +Includes +ExecCGI
</Directory>
AddOutputFilter INCLUDES .shtml";

/// Writes all releases up to `newest`, ready to be deployed, and deploys the first.
pub(crate) fn prepare(setup: &Builder, newest: Version) -> Releases {
    let site = Releases::at(setup.root().join("app"));
    for version in 1..=newest {
        let name = version.to_string();
        let files = FILES.map(|(file, content)| (file, content.replace("{n}", &name)));
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(file, content)| (*file, content.as_str()))
            .collect();
        site.create(&name, &files);
    }
    site.deploy("1");
    site
}

/// Lets the server serve the site.
pub(crate) fn configure(setup: Builder) -> Builder {
    setup.load("include").cgi().config(CONFIG)
}

/// The releases that the parts of an answer come from, in order.
pub(crate) fn releases_in(body: &str) -> Vec<Version> {
    body.split("release ")
        .skip(1)
        .filter_map(|part| part.split(':').next()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{FILES, SSI, releases_in};

    #[test]
    fn every_part_counts() {
        let body = "<p>release 42: a</p>\nrelease 43: b\nrelease x: c release 7: d";
        assert_eq!(releases_in(body), [42, 43, 7]);
        assert_eq!(releases_in("[an error occurred]"), []);
    }

    #[test]
    fn the_ssi_page_has_its_parts() {
        let (_, page) = FILES
            .iter()
            .find(|(file, _)| file.ends_with(SSI.path))
            .unwrap();
        assert_eq!(1 + page.matches("#include").count(), SSI.parts);
    }
}
