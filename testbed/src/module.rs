//! Which build of mod_realdoc the server loads.

use std::env;
use std::path::{Path, PathBuf};

/// Whether the server loads mod_realdoc, and which build.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Module {
    /// Stock httpd.
    #[default]
    Off,
    /// The release build: the file in `REALDOC_MODULE`, else `target/release/libmod_realdoc.so`.
    On,
    /// The build with directives that provoke failures: the file in `REALDOC_TEST_MODULE`, else
    /// `target/test-hooks/libmod_realdoc.so`.
    TestHooks,
}

impl Module {
    /// The file to load, if any.
    ///
    /// # Panics
    ///
    /// When it has not been built.
    pub fn file(self) -> Option<PathBuf> {
        let (variable, default) = match self {
            Module::Off => return None,
            Module::On => ("REALDOC_MODULE", "target/release"),
            Module::TestHooks => ("REALDOC_TEST_MODULE", "target/test-hooks"),
        };
        let file = env::var_os(variable).map_or_else(
            || workspace().join(default).join("libmod_realdoc.so"),
            PathBuf::from,
        );
        let file = file.canonicalize().unwrap_or_else(|error| {
            panic!(
                "the module {} cannot be loaded ({error}): run `make test`, which builds it, or name another in {variable}",
                file.display()
            )
        });
        Some(file)
    }
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("testbed is a folder of the workspace")
}
