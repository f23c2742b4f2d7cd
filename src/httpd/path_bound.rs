//! Modules that store a section's path, and their directives in the text of a section.

use std::borrow::Cow;
use std::ffi::CStr;

use super::conftree::Node;
use super::dir_config::{Section, SectionKind};
use super::raw;
use super::state::{linked, slot_of};

/// A module that stores the section's path in its per-directory configuration.
///
/// Its directives can be run again, in any thread: they write to nothing but that part. mod_lua is
/// not one of them: it never reads the path, and its directives write to what all threads share.
pub(super) struct PathBoundModule {
    name: &'static CStr,
    /// Whether a path that is a pattern counts, too. mod_rewrite compares it with the file name
    /// byte by byte, in vain; to mod_dav it is just a name.
    uses_patterns: bool,
}

const PATH_BOUND_MODULES: [PathBoundModule; 3] = [
    PathBoundModule {
        name: c"mod_rewrite.c",
        uses_patterns: false,
    },
    PathBoundModule {
        name: c"mod_autoindex.c",
        uses_patterns: true,
    },
    PathBoundModule {
        name: c"mod_dav.c",
        uses_patterns: false,
    },
];

/// Containers whose directives belong to the section around them.
const TRANSPARENT: [&CStr; 2] = [c"<Limit", c"<LimitExcept"];

/// Containers that are sections of their own, which do not belong to a directory.
const SECTIONS: [&CStr; 5] = [c"<Files", c"<FilesMatch", c"<If", c"<ElseIf", c"<Else"];

/// The path-bound modules that httpd has loaded.
pub(super) fn linked_path_bound() -> Vec<(&'static PathBoundModule, *const raw::module)> {
    PATH_BOUND_MODULES
        .iter()
        .filter_map(|module| Some((module, linked(module.name)?)))
        .collect()
}

/// Those of `path_bound` that are configured in `section` and use its path. A section by a regex
/// has no path.
pub(super) fn in_section(
    path_bound: &[(&PathBoundModule, *const raw::module)],
    section: Section<'_>,
) -> Vec<*const raw::module> {
    let kind = section.kind();
    path_bound
        .iter()
        .filter(|(module, _)| match kind {
            SectionKind::Path => true,
            SectionKind::Pattern => module.uses_patterns,
            SectionKind::Regex => false,
        })
        .map(|(_, module)| *module)
        // SAFETY: httpd has loaded the module, and made the section later.
        .filter(|module| unsafe { !(*slot_of(*module, section.config().as_ptr())).is_null() })
        .collect()
}

pub(super) fn name<'m>(module: *const raw::module) -> Cow<'m, str> {
    // SAFETY: the module is loaded, and has a name.
    unsafe { CStr::from_ptr((*module).name) }.to_string_lossy()
}

/// The modules that have a directive of the node's name, and to which httpd therefore gives it.
pub(super) fn owners(node: Node<'_>) -> Vec<*const raw::module> {
    let mut owners = Vec::new();
    // SAFETY: httpd walks its list of modules, and answers with the first from `module` on
    // that has the directive.
    unsafe {
        let mut module = raw::ap_top_module;
        while !module.is_null()
            && !raw::ap_find_command_in_modules(node.name().as_ptr(), &mut module).is_null()
        {
            owners.push(module.cast_const());
            module = (*module).next;
        }
    }
    owners
}

/// Adds the directives of `modules` that belong to the section `container` to `found`.
pub(super) fn select<'c>(
    container: Node<'c>,
    modules: &[*const raw::module],
    found: &mut Vec<Node<'c>>,
) -> Result<(), String> {
    for node in container.children() {
        let owners = owners(node);
        if owners.iter().any(|owner| modules.contains(owner)) {
            // Another module may not allow its directives to be run again.
            if let Some(other) = owners.iter().find(|owner| !modules.contains(owner)) {
                let directive = node.name().to_string_lossy();
                return Err(format!("{directive} is also of {}", name(*other)));
            }
            found.push(node);
        } else if TRANSPARENT.contains(&node.name()) {
            select(node, modules, found)?;
        } else if !SECTIONS.contains(&node.name()) {
            let mut inside = Vec::new();
            select(node, modules, &mut inside)?;
            if let Some(inside) = inside.first() {
                return Err(format!(
                    "it is not known what {} in {}> belongs to",
                    inside.name().to_string_lossy(),
                    node.name().to_string_lossy()
                ));
            }
        }
    }
    Ok(())
}
