//! A single-page application: a page, its script, and chunks that the script imports when a visitor
//! needs them.

use testbed::{Builder, Releases};

/// Names as a bundler gives them.
const RELEASES: &str = include_str!("releases.txt");

const PAGE: &str = r#"<!DOCTYPE html>
<title>Shop</title>
<script type="module" src="/assets/{entry}"></script>
"#;

/// Routes such as `/cart` are the page, as such applications are served.
const CONFIG: &str = "\
DocumentRoot {root}/shop/current/web
FallbackResource /index.html
<IfModule mod_realdoc.c>
    RealdocPrevious On
</IfModule>";

/// A release: its name and those of its scripts.
struct Release {
    name: &'static str,
    entry: &'static str,
    chunks: Vec<&'static str>,
}

/// Writes all releases, and deploys none. Returns their names in order.
pub(super) fn prepare(setup: &Builder) -> (Releases, Vec<&'static str>) {
    let site = Releases::at(setup.root().join("shop"));
    let names = releases()
        .map(|release| {
            let imports: String = release.chunks.iter().copied().map(import).collect();
            let asset = |name: &str| format!("web/assets/{name}");
            let mut files = vec![
                (
                    "web/index.html".into(),
                    PAGE.replace("{entry}", release.entry),
                ),
                (asset(release.entry), imports),
            ];
            files.extend(
                release
                    .chunks
                    .iter()
                    .map(|name| (asset(name), content(name))),
            );
            let files: Vec<(&str, &str)> = files
                .iter()
                .map(|(file, content): &(String, String)| (file.as_str(), content.as_str()))
                .collect();
            site.create(release.name, &files);
            release.name
        })
        .collect();
    (site, names)
}

/// Lets the server serve the application.
pub(super) fn configure(setup: Builder) -> Builder {
    setup.config(CONFIG)
}

/// What is in a chunk. Its name stands for it.
pub(super) fn content(chunk: &str) -> String {
    format!("export default \"{chunk}\";\n")
}

/// The script that a page loads.
pub(super) fn entry_in(page: &str) -> Option<&str> {
    page.split_once("src=\"/assets/")?.1.split('"').next()
}

/// The chunks that a script imports when they are needed.
pub(super) fn chunks_in(script: &str) -> Vec<String> {
    script
        .split("import(\"./")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}

fn import(chunk: &str) -> String {
    format!("routes.push(() => import(\"./{chunk}\"));\n")
}

fn releases() -> impl Iterator<Item = Release> {
    RELEASES
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut words = line.split_whitespace();
            let mut word = || words.next().expect("a release has a name and a script");
            let (name, entry) = (word(), word());
            Release {
                name,
                entry,
                chunks: words.collect(),
            }
        })
}

#[cfg(test)]
mod tests {
    use super::{PAGE, chunks_in, entry_in, import, releases};

    #[test]
    fn a_visitor_finds_what_a_release_names() {
        assert!(releases().count() > 1);
        for release in releases() {
            let page = PAGE.replace("{entry}", release.entry);
            assert_eq!(entry_in(&page), Some(release.entry));
            let script: String = release.chunks.iter().copied().map(import).collect();
            assert_eq!(chunks_in(&script), release.chunks);
            assert!(!release.chunks.is_empty());
        }
    }
}
