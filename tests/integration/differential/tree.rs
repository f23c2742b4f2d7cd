//! Makes the tree that is described in `tree.txt`.

use std::fs::{self, File};
use std::iter::Peekable;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::Path;
use std::str::Lines;
use std::time::{Duration, SystemTime};

use testbed::Releases;

const TREE: &str = include_str!("tree.txt");

/// The user to whom belongs what is another's, if we may give it away.
const ANOTHER: u32 = 12345;

/// Makes the tree in `site`.
pub(super) fn plant(site: &Path) {
    let tree = Releases::at(site);
    let is_root = fs::metadata(site).expect("it was just made").uid() == 0;
    let name = site.to_str().expect("a temporary directory's name is text");
    let text = TREE.replace("{site}", name);
    let mut lines = text.lines().peekable();
    let mut dir = "";
    while let Some(line) = lines.next() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            dir = name.strip_suffix(']').expect("a bracket is closed");
            continue;
        }
        let own = line.replacen(" (another's)", "", 1);
        let owner = (is_root && own != line).then_some(ANOTHER);
        let path = if let Some((link, target)) = own.split_once(" -> ") {
            let path = tree.path(dir).join(link);
            let parent = path.parent().expect("a link is in a directory");
            Releases::at(parent);
            tree.flip(path.to_str().expect("it is text"), target);
            path
        } else if let Some((file, text)) = own.split_once(" =") {
            let path = tree.path(dir).join(file);
            tree.put(&path, &content(text, &mut lines));
            path
        } else {
            Releases::at(tree.path(dir).join(own)).dir().to_owned()
        };
        lchown(&path, owner, None).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let mut time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    set_times(site, &mut time);
}

/// Makes all in `dir` old, or ETags would be weak for a while, but no two of one age.
fn set_times(dir: &Path, time: &mut SystemTime) {
    let mut entries: Vec<_> = fs::read_dir(dir)
        .and_then(Iterator::collect)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type().expect("it is there"));
        if kind.is_dir() {
            set_times(&path, time);
        }
        if !kind.is_symlink() {
            *time += Duration::from_secs(60);
            File::open(&path)
                .and_then(|file| file.set_modified(*time))
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}

/// What a file has in it: the `text` of its own line, or the indented lines that follow.
fn content(text: &str, lines: &mut Peekable<Lines<'_>>) -> String {
    let mut content = text.strip_prefix(' ').unwrap_or(text).to_owned();
    if content.is_empty() {
        while let Some(line) = lines.next_if(|line| line.is_empty() || line.starts_with("    ")) {
            content += line.strip_prefix("    ").unwrap_or(line);
            content.push('\n');
        }
        content.truncate(content.trim_end().len());
    }
    if !content.is_empty() {
        content.push('\n');
    }
    content
}
