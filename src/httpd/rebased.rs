//! A `<Directory>` section's directives, run again for another path.
//!
//! Some modules store the section's path in their configuration: mod_rewrite strips it from the
//! file name, mod_autoindex puts it before its patterns, mod_dav takes it for the repository's
//! root. Where a section of the link's name is applied to a release, their configuration must be
//! made for the release's path. Only the section's own directives can do that, since only the
//! module knows what its configuration holds.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString, c_int};
use std::ptr::{NonNull, null};
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::conftree::{Node, Sources};
use super::dir_config::{DirConfig, Section};
use super::other_module::OtherModule;
use super::path_bound::{in_section, linked_path_bound, name, owners, select};
use super::pool::{OwnPool, Pool};
use super::raw;
use super::server::Server;
use super::startup::Startup;
use super::state::slot_of;

/// The `<Directory>` sections that cannot be applied to another path as they are.
///
/// It must be dropped with the configuration, into which it points.
pub(crate) struct RebasedSections(HashMap<*const raw::ap_conf_vector_t, RebasedSection>);

struct RebasedSection {
    server: *mut raw::server_rec,
    /// The path-bound modules that are configured in the section.
    modules: Vec<*const raw::module>,
    /// The first of the section's directives of these modules.
    directives: *const raw::ap_directive_t,
    /// The last result, most likely for the path that the next request needs too.
    last: ArcSwapOption<Rebased>,
}

// SAFETY: the pointers lead to the configuration and to copies of parts of it, to which nobody
// writes after post_config.
unsafe impl Send for RebasedSections {}
// SAFETY: as above.
unsafe impl Sync for RebasedSections {}

/// A section's configuration for another path.
struct Rebased {
    path: CString,
    /// The module for which it is as in the section.
    kept: Option<OtherModule>,
    config: NonNull<raw::ap_conf_vector_t>,
    /// The memory of `config` and of all that is new in it.
    _pool: OwnPool,
}

// SAFETY: nobody writes to it, nor uses its pool, once it is made.
unsafe impl Send for Rebased {}
// SAFETY: as above.
unsafe impl Sync for Rebased {}

/// A structure of httpd's that we make. Fields that a newer httpd has added to it are zero.
#[repr(C)]
struct Padded<T> {
    known: T,
    added: [usize; 16],
}

impl RebasedSections {
    /// The sections of all servers; `pool` is the configuration's. Where directives cannot be run
    /// again, `log` gets the reason, and the section stays as it is.
    pub(crate) fn find<'c>(
        startup: &Startup,
        main: Server<'c>,
        pool: Pool<'c>,
        mut log: impl FnMut(Server<'c>, Section<'c>, &str),
    ) -> Self {
        // Found when somebody asks: in most configurations there is nothing to run again.
        let sources = OnceCell::new();
        let source = |section| {
            sources
                .get_or_init(|| Sources::find(startup, main, pool))
                .of(section)
        };
        let path_bound = linked_path_bound();
        let mut seen = HashSet::new();
        let mut rebased = HashMap::new();
        for server in main.all() {
            for section in server.sections().iter().copied() {
                if !seen.insert(section) {
                    continue;
                }
                let modules = in_section(&path_bound, section);
                if modules.is_empty() {
                    continue;
                }
                match RebasedSection::of(section, modules, source, pool) {
                    Ok(found) => {
                        rebased.insert(section.config().as_ptr().cast_const(), found);
                    }
                    Err(error) => log(server, section, &error),
                }
            }
        }
        RebasedSections(rebased)
    }

    /// Whether there is anything to run again for `section`.
    pub(crate) fn contains(&self, section: Section<'_>) -> bool {
        self.0.contains_key(&section.config().as_ptr().cast_const())
    }

    /// The configuration of `section` for `path`, a directory with a slash at its end, to be used
    /// as long as `pool` lives. What `kept` has in it stays. `None`: it is the section's own.
    ///
    /// # Errors
    /// A module refuses its directive, and says why.
    pub(crate) fn rebase<'r>(
        &self,
        section: Section<'r>,
        path: &CStr,
        kept: Option<OtherModule>,
        pool: Pool<'r>,
    ) -> Option<Result<DirConfig<'r>, String>> {
        let rebased = self.0.get(&section.config().as_ptr().cast_const());
        let rebased = rebased.filter(|_| section.name() != path)?;
        let last = rebased.last.load_full();
        let is_same = |made: &Arc<Rebased>| made.path.as_c_str() == path && made.kept == kept;
        let made = match last.filter(is_same) {
            Some(made) => made,
            // SAFETY: the section is alive, hence all of its configuration.
            None => match unsafe { rebased.make(section.config().as_ptr(), path, kept, pool) } {
                Ok(made) => {
                    let made = Arc::new(made);
                    rebased.last.store(Some(Arc::clone(&made)));
                    made
                }
                Err(error) => return Some(Err(error)),
            },
        };
        let made = pool.hold(made);
        // SAFETY: it is a complete vector, and held as long as the pool.
        Some(Ok(unsafe { DirConfig::from_raw(made.config) }))
    }
}

impl RebasedSection {
    fn of<'c>(
        section: Section<'c>,
        modules: Vec<*const raw::module>,
        source: impl FnOnce(Section<'c>) -> Option<(Server<'c>, Node<'c>)>,
        pool: Pool<'c>,
    ) -> Result<Self, String> {
        let (server, node) = source(section).ok_or("its text is not found")?;
        let mut nodes = Vec::new();
        select(node, &modules, &mut nodes)?;
        for module in &modules {
            if !nodes.iter().any(|node| owners(*node).contains(module)) {
                return Err(format!("its text has no directive of {}", name(*module)));
            }
        }
        Ok(RebasedSection {
            server: server.as_ptr(),
            modules,
            directives: chain(&nodes, pool),
            last: ArcSwapOption::empty(),
        })
    }

    /// Runs the directives for `path`.
    ///
    /// # Safety
    /// `section` is the one that this was found for, and alive with its configuration.
    unsafe fn make(
        &self,
        section: *mut raw::ap_conf_vector_t,
        path: &CStr,
        kept: Option<OtherModule>,
        like: Pool<'_>,
    ) -> Result<Rebased, String> {
        let pool = OwnPool::new(like);
        // Two different pools tell modules that this is not an .htaccess file (core.c,
        // ap_check_cmd_context).
        let scratch = OwnPool::new(like);
        let mut parms: Padded<raw::cmd_parms> = Padded {
            // SAFETY: numbers and pointers can be zero.
            known: unsafe { std::mem::zeroed() },
            added: [0; 16],
        };
        let known = &raw mut parms.known;
        // SAFETY: httpd does this for .htaccess files too, while other threads serve. What is
        // written to is ours: `parms`, the pools and what is made in them. What all threads share
        // is only read: nodes, httpd's table of directives, and the server, where httpd finds these
        // modules' parts, which have been there since it was read.
        unsafe {
            // As in a <Directory> section (core.c, dirsection).
            (*known).override_ = (raw::OR_ALL | raw::ACCESS_CONF) as c_int;
            (*known).override_opts = (raw::OPT_ALL | raw::OPT_SYM_OWNER | raw::OPT_MULTI) as c_int;
            (*known).limited = -1;
            (*known).server = self.server;
            (*known).pool = pool.pool().as_ptr();
            (*known).temp_pool = scratch.pool().as_ptr();
            (*known).path = pool.pool().put_text(path).as_ptr().cast_mut();

            let new = DirConfig::empty(scratch.pool());
            let error = raw::ap_walk_config(self.directives.cast_mut(), known, new.as_ptr());
            if !error.is_null() {
                let at = (*known).directive;
                return Err(format!(
                    "{} ({}:{})",
                    CStr::from_ptr(error).to_string_lossy(),
                    CStr::from_ptr((*at).filename).to_string_lossy(),
                    (*at).line_num
                ));
            }
            let config = DirConfig::empty(pool.pool()).as_ptr();
            // httpd does not publish the length of a vector, only each module's index in it.
            let mut module = raw::ap_top_module;
            while !module.is_null() {
                *slot_of(module, config) = *slot_of(module, section);
                module = (*module).next;
            }
            let is_kept = |module| kept.is_some_and(|kept| kept.as_ptr() == module);
            for module in self.modules.iter().filter(|module| !is_kept(**module)) {
                *slot_of(*module, config) = *slot_of(*module, new.as_ptr());
            }
            Ok(Rebased {
                path: path.to_owned(),
                kept,
                config: NonNull::new_unchecked(config),
                _pool: pool,
            })
        }
    }
}

/// Copies of the nodes, each leading to the next; the first of them.
fn chain<'c>(nodes: &[Node<'c>], pool: Pool<'c>) -> *const raw::ap_directive_t {
    nodes.iter().rev().fold(null(), |next, node| {
        let copy = pool.put(Padded {
            known: raw::ap_directive_t {
                // httpd may forget it (`Node::file`).
                filename: pool.put_text(node.file()).as_ptr(),
                next: next.cast_mut(),
                ..*node.raw()
            },
            added: [0; 16],
        });
        &raw const copy.known
    })
}
