//! The documentation agrees with the module: configurations, links and directives. (The log tags:
//! log.rs.)

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use testbed::{ConfigError, Module, Mpm, Releases, Server};

/// httpd's modules that documented configurations use.
const MODULES: [&str; 14] = [
    "alias",
    "authz_host",
    "headers",
    "lbmethod_byrequests",
    "macro",
    "php",
    "proxy",
    "proxy_balancer",
    "proxy_fcgi",
    "proxy_http",
    "rewrite",
    "slotmem_shm",
    "status",
    "vhost_alias",
];

/// The folders of the repository.
const FOLDERS: [&str; 12] = [
    "apache-conf",
    "benches",
    "cli",
    "core",
    "demo",
    "docs",
    "include",
    "packaging",
    "scripts",
    "src",
    "testbed",
    "tests",
];

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files in `dir`, without those in folders, whose names end so.
fn files(dir: &str, end: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(root().join(dir))
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.is_file() && path.to_string_lossy().ends_with(end))
        .collect();
    files.sort();
    files
}

/// All pages.
fn pages() -> Vec<PathBuf> {
    let mut pages = files(".", ".md");
    pages.extend(files("docs", ".md"));
    pages.extend(files("packaging", ".md"));
    assert!(pages.iter().any(|page| page.ends_with("docs/recipes.md")));
    pages
}

/// The blocks between fences, with the language that is said of them, dedented by as much as the
/// fence is.
pub(crate) fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String, String)> = None;
    for line in page.lines() {
        let text = line.trim_start();
        match (&mut open, text.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some((line.len() - text.len(), language.into(), String::new()));
            }
            (Some((indent, _, block)), None) => {
                *block += line.get(*indent..).unwrap_or_default();
                *block += "\n";
            }
            (Some(_), Some(_)) => {
                blocks.extend(open.take().map(|(_, language, text)| (language, text)))
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block without an end");
    blocks
}

/// A page's text without its blocks.
fn prose(page: &str) -> String {
    let mut inside = false;
    page.lines()
        .filter(|line| {
            let is_fence = line.trim_start().starts_with("```");
            inside ^= is_fence;
            !inside && !is_fence && !line.starts_with("    ")
        })
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// What links to a heading say for it, as GitHub makes it.
fn anchors(page: &str) -> BTreeSet<String> {
    let prose = prose(page);
    let headings = prose
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let text = line.trim_start_matches('#').trim().to_lowercase();
            let is_kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
            text.chars()
                .filter(is_kept)
                .collect::<String>()
                .replace(' ', "-")
        });
    let named = prose
        .split("<a id=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    headings.chain(named.map(str::to_owned)).collect()
}

/// Each link to a file of the repository finds it, and the heading in it.
#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = prose(&read(&page));
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().expect("it is in a folder").join(file),
            };
            let is_found =
                target.exists() && (anchor.is_empty() || anchors(&read(&target)).contains(anchor));
            if !is_found {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The words of `text` that name a file or folder of the repository: below one of its folders, or a
/// Rust file.
fn repository_paths(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && !"/_.-".contains(c))
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| match word.split_once('/') {
            Some((folder, _)) => FOLDERS.contains(&folder),
            None => word.ends_with(".rs"),
        })
}

/// Each file and folder of the repository that a page names is there, under its path or in the
/// folder of another file that the page names.
#[test]
fn named_files_exist() {
    let mut missing = Vec::new();
    for page in pages() {
        // It speaks of former versions.
        if page.ends_with("CHANGELOG.md") {
            continue;
        }
        let text = prose(&read(&page));
        let (found, absent): (Vec<_>, Vec<_>) =
            repository_paths(&text).partition(|name| root().join(name).exists());
        let is_beside = |name: &&str| {
            let beside = |file: &&str| root().join(file).with_file_name(name).exists();
            !name.contains('/') && found.iter().any(beside)
        };
        let absent = absent.into_iter().filter(|name| !is_beside(name));
        missing.extend(absent.map(|name| format!("{}: {name}", page.display())));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Where a page names something and the file that has it (`` `main` in `cli/src/main.rs` ``), in
/// this order or the other, the file has it.
#[test]
fn named_functions_exist() {
    let mut missing = Vec::new();
    for page in pages() {
        let text = prose(&read(&page));
        let parts: Vec<&str> = text.split('`').collect();
        // Code, what stands between, code.
        for three in parts.windows(3).skip(1).step_by(2) {
            let &[first, between, last] = three else {
                unreachable!("windows of three");
            };
            let (name, file) = match between {
                " in " | " (" => (first, last),
                ", " => (last, first),
                _ => continue,
            };
            let path = root().join(file);
            let name = name.trim_end_matches('!');
            let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
            if is_name && file.contains('/') && path.is_file() && !read(&path).contains(name) {
                missing.push(format!("{}: {name} in {file}", page.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// What httpd says of `config`, with the site that the pages speak of.
fn configtest(config: &str) -> Result<String, ConfigError> {
    let setup = Server::builder(Mpm::Prefork).module(Module::On);
    let site = Releases::at(setup.root().join("srv/app"));
    site.create("42", &[("web/index.html", "42")]);
    site.deploy("42");
    // httpd looks for document roots and opens logs here already.
    let config = config
        .replace("/srv/", "{root}/srv/")
        .replace("\"logs/", "\"{root}/");
    let setup = setup.load_all(&MODULES);
    setup.config(&config).configtest()
}

/// httpd accepts the configurations that a page shows.
#[test]
fn configurations_are_accepted() {
    for page in pages() {
        let config: String = blocks(&read(&page))
            .into_iter()
            .filter(|(language, _)| language == "apache")
            .map(|(_, block)| block)
            .collect();
        if let Err(error) = configtest(&config) {
            panic!("{}: {error}\n{config}", page.display());
        }
    }
    // The control.
    assert!(configtest("Realdock On").is_err());
}

/// The reference has a heading for each directive, with the words and defaults in its table, and no
/// other.
#[test]
fn the_reference_has_all_directives() {
    let reference = read(&root().join("docs/mod_realdoc.md"));
    let source = read(&root().join("src/config.rs"));
    let in_source: BTreeSet<&str> = source
        .split("name: c\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|name| !name.starts_with("RealdocTest"))
        .collect();
    let documented: BTreeSet<&str> = reference
        .split("\n## ")
        .filter(|part| part.contains("| Syntax: |"))
        .filter_map(|part| part.lines().next())
        .collect();
    assert_eq!(documented, in_source);
}
