//! From a seed to a case.
//!
//! What is drawn is weighted: most cases should serve something and refuse something, and most of
//! what they are made of should have a say in it.

mod directory;
mod directory_rules;
mod mapping;
mod requests;
mod rules;
mod tree;

use super::case::{Case, Part, Reference, Sections};
use super::random::Random;

/// Directories that a docroot may have, one of them with a name that has to be quoted and encoded.
const DIRS: [&str; 5] = ["pub", "priv", "priv/sub", "d.x", "a b"];

/// The case of a seed.
pub(super) fn generate(seed: u64, sections: Sections) -> Case {
    let mut random = Random::from_seed(seed);
    let site = Site::draw(&mut random);
    let mut draw = Draw {
        random,
        site,
        sections,
        inherits: seed % 5 == 4,
        mostly_rules: seed % 2 == 1,
        has_bases: seed % 3 == 2,
        marks: 0,
        parts: Vec::new(),
    };
    draw.tree();
    draw.owners();
    draw.sections();
    draw.htaccess_files();
    let prefixes = draw.mappings(sections);
    draw.directives();
    draw.directory_rules_shown();
    let mut rule_urls = draw.rules(sections);
    rule_urls.extend(draw.directory_rule_urls(&prefixes));
    draw.flip();
    let requests = draw.requests(&prefixes, rule_urls);
    // By the real path files have other names then.
    let use_readlink = sections == Sections::Link && seed % 4 == 3;
    if use_readlink && seed % 8 == 7 {
        let (link, _) = draw.random.pick(&draw.site.links);
        draw.parts.push(Part::Link(link));
    }
    Case {
        seed: Some(seed),
        sections,
        reference: match sections {
            Sections::Link => Reference::ByLink,
            Sections::Target => Reference::ByTarget,
        },
        links: draw.site.links,
        docroot: draw.site.docroot,
        use_readlink,
        parts: draw.parts,
        requests,
    }
}

/// Where things are, below the top.
struct Site {
    links: Vec<(String, String)>,
    /// The directory of the link that a deploy flips, by name, and where that is.
    base: String,
    real_base: String,
    link: String,
    docroot: String,
    /// The directory of the releases, the link's target and the docroot, by their real paths.
    releases: String,
    target: String,
    real_docroot: String,
}

impl Site {
    fn draw(random: &mut Random) -> Self {
        let mut links = Vec::new();
        // Another disk, say.
        let (base, real_base) = if random.chance(15) {
            links.push(("srv".into(), random.pick(&["disk", "{top}/disk"]).into()));
            ("srv/app", "disk/app")
        } else {
            ("app", "app")
        };
        let link = format!(
            "{base}/{}",
            random.weighted(&[(9, "current"), (1, "cur[1]")])
        );
        let (releases, to) = match random.within(0..10) {
            0..=2 => (format!("{real_base}/releases"), "releases/42".into()),
            3 => (
                format!("{real_base}/releases"),
                format!("{{top}}/{base}/releases/42"),
            ),
            4 => (
                format!("{real_base}/releases"),
                "./releases/41/../42/".into(),
            ),
            5 => {
                links.push((format!("{real_base}/next"), "releases/42".into()));
                (format!("{real_base}/releases"), "next".into())
            }
            6 => {
                links.push((format!("{real_base}/releases"), "{top}/store".into()));
                ("store".into(), "releases/42".into())
            }
            7 => ("store".into(), "{top}/store/42".into()),
            // In the link's own directory, and next to it.
            8 => (real_base.into(), "42".into()),
            _ => (format!("{real_base}/../store"), "../store/42".into()),
        };
        let releases = releases.replace("app/../", "");
        let target = format!("{releases}/42");
        links.push((link.clone(), to));
        // Below it, if the docroot is not the link itself.
        let (docroot, real_docroot) = match random.within(0..10) {
            0..=3 => (link.clone(), target.clone()),
            4..=7 => (format!("{link}/web"), format!("{target}/web")),
            8 => {
                links.push((format!("{link}/web"), "public".into()));
                (format!("{link}/web"), format!("{target}/public"))
            }
            _ => {
                links.push((format!("{link}/web"), "{top}/common/web".into()));
                (format!("{link}/web"), "common/web".into())
            }
        };
        Self {
            links,
            base: base.into(),
            real_base: real_base.into(),
            link,
            docroot,
            releases,
            target,
            real_docroot,
        }
    }

    /// Whether `path`, by a configured name, is that of a link or leads through it.
    fn is_behind_link(&self, path: &str) -> bool {
        self.links
            .iter()
            .any(|(link, _)| std::path::Path::new(path).starts_with(link))
    }

    /// Whether the directory `path`, by its real name, lies above all links.
    fn is_above_links(&self, path: &str) -> bool {
        path.is_empty() || path == self.real_base && self.real_base == self.base
    }

    /// The release that a flip leads to.
    fn next(&self) -> String {
        self.target.replace("/42", "/43")
    }
}

struct Draw {
    random: Random,
    site: Site,
    sections: Sections,
    /// Rules for directories may inherit others.
    inherits: bool,
    /// Sections and .htaccess files allow most and hold rules.
    mostly_rules: bool,
    /// Rules at the links and below have a `RewriteBase`, and do not lead to paths. Several blocks
    /// of a section, and rules that inherit, share one (docs/limitations.md).
    has_bases: bool,
    /// How many sections and .htaccess files there are, each with a number that answers show.
    marks: usize,
    parts: Vec<Part>,
}
