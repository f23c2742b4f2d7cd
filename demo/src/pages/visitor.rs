//! A browser's window, as far as the demo needs one.

use testbed::{Client, Response};

use super::app::{chunks_in, content, entry_in};

/// A page that somebody has open.
pub(super) struct Page {
    /// What it will ask for.
    chunk: String,
}

/// A script that a page did not get.
pub(super) struct Broken {
    pub(super) path: String,
    /// What it got instead.
    pub(super) answer: String,
}

impl Page {
    /// Loads the page and its own script. `visitor` chooses what the page will ask for.
    pub(super) fn open(client: &mut Client, visitor: usize) -> Self {
        let page = get(client, "/").text();
        let entry = entry_in(&page).unwrap_or_else(|| panic!("the page names a script:\n{page}"));
        let script = get(client, &format!("/assets/{entry}"));
        let mut chunks = chunks_in(&script.text());
        assert!(!chunks.is_empty(), "the script imports chunks");
        Self {
            chunk: chunks.swap_remove(visitor % chunks.len()),
        }
    }

    /// Imports the chunk, as when the visitor clicks.
    pub(super) fn click(self, client: &mut Client) -> Result<(), Broken> {
        let path = format!("/assets/{}", self.chunk);
        let response = get(client, &path);
        let kind = response.header("content-type").unwrap_or("no type");
        // As a browser does, which runs nothing else as a module.
        let is_script = response.status == 200 && kind.contains("javascript");
        if is_script && response.text() == content(&self.chunk) {
            return Ok(());
        }
        let answer = format!("{} {kind}", response.status);
        Err(Broken { path, answer })
    }
}

fn get(client: &mut Client, path: &str) -> Response {
    client
        .get(path)
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}
