//! Per-directory configuration: that of a `<Directory>` section, of an .htaccess file, or the merge
//! of several of them.

use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use realdoc_core::paths::strip_dir;
pub(crate) use realdoc_core::patterns::SectionKind;
use realdoc_core::symlinks::Symlinks;

use super::pool::Pool;
use super::raw;
use super::state::{self, Loaded};

/// A vector of per-directory configuration (`ap_conf_vector_t`) that lives for `'c`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub(crate) struct DirConfig<'c> {
    raw: NonNull<raw::ap_conf_vector_t>,
    life: PhantomData<&'c ()>,
}

impl<'c> DirConfig<'c> {
    /// # Safety
    /// `raw` is such a vector, made by httpd after it had loaded the module; it lives for
    /// `'c` and is not written meanwhile.
    pub(super) unsafe fn from_raw(raw: NonNull<raw::ap_conf_vector_t>) -> Self {
        let life = PhantomData;
        DirConfig { raw, life }
    }

    pub(super) fn as_ptr(self) -> *mut raw::ap_conf_vector_t {
        self.raw.as_ptr()
    }

    /// `add` over `self`, as httpd merges. The result refers to both.
    pub(crate) fn merge(self, pool: Pool<'c>, add: DirConfig<'c>) -> DirConfig<'c> {
        // SAFETY: the pool and both vectors are alive. httpd's modules only read what they merge.
        unsafe {
            let merged = raw::ap_merge_per_dir_configs(pool.as_ptr(), self.as_ptr(), add.as_ptr());
            DirConfig::from_raw(NonNull::new_unchecked(merged))
        }
    }

    /// [`merge`](Self::merge), where what the module `M` keeps with the result is what `change`
    /// makes of that.
    pub(crate) fn merge_with<M: Loaded>(
        self,
        pool: Pool<'c>,
        add: DirConfig<'c>,
        change: impl FnOnce(DirConfig<'c>) -> M::Directory<'c>,
    ) -> DirConfig<'c> {
        let merged = self.merge(pool, add);
        let directory = state::put_directory::<M>(pool, change(merged));
        // SAFETY: the vector was just made, in this pool, and nobody else knows it yet; the slot is
        // the module's, and what it gets lives as long.
        unsafe { *state::slot::<M>(merged.as_ptr()) = directory };
        merged
    }

    /// A vector without any configuration.
    pub(crate) fn empty(pool: Pool<'c>) -> DirConfig<'c> {
        // SAFETY: the pool is alive; httpd never answers with null, it ends when memory is out.
        unsafe {
            DirConfig::from_raw(NonNull::new_unchecked(raw::ap_create_per_dir_config(
                pool.as_ptr(),
            )))
        }
    }

    /// What the module `M` keeps with this configuration.
    pub(crate) fn state<M: Loaded>(self) -> M::Directory<'c> {
        // SAFETY: only `module` and `merge_with` write this slot of such a vector, with what lives
        // as long as the vector.
        unsafe { state::directory::<M>(*state::slot::<M>(self.as_ptr())) }
    }

    /// Core's configuration; null if none of core's directives is in it.
    pub(super) fn core(self) -> *const raw::core_dir_config {
        // SAFETY: core's slot of such a vector holds its configuration, or null.
        unsafe { *state::slot_of(&raw const raw::core_module, self.as_ptr()) }
            .cast_const()
            .cast()
    }

    /// A section's name as httpd compares it: a path or pattern with a slash at its end, or a
    /// regex.
    pub(crate) fn section_name(self) -> Option<&'c CStr> {
        let core = self.core();
        // SAFETY: core's configuration is null or alive, and so is the name in it.
        unsafe {
            let name = core
                .as_ref()
                .map_or(ptr::null(), |_| (*core).d.cast_const());
            (!name.is_null()).then(|| CStr::from_ptr(name))
        }
    }
}

impl<'c> DirConfig<'c> {
    /// `SetOutputFilter`.
    pub(super) fn output_filters(self) -> Option<&'c CStr> {
        let core = self.core();
        // SAFETY: core's configuration is null or alive, and so is the text in it.
        unsafe {
            let filters = core
                .as_ref()
                .map_or(ptr::null(), |_| (*core).output_filters);
            (!filters.is_null()).then(|| CStr::from_ptr(filters))
        }
    }
}

/// A `<Directory>` section of a server: its configuration, and where it applies.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub(crate) struct Section<'c>(DirConfig<'c>);

impl<'c> Section<'c> {
    pub(crate) fn config(self) -> DirConfig<'c> {
        self.0
    }

    fn core(self) -> *const raw::core_dir_config {
        self.0.core()
    }

    /// Its name: see [`DirConfig::section_name`].
    pub(crate) fn name(self) -> &'c CStr {
        self.0.section_name().unwrap_or(c"")
    }

    /// How many slashes the name has; 0 for `<Directory "/">`, which applies everywhere.
    pub(crate) fn components(self) -> u32 {
        // SAFETY: a section always has core's configuration (server/core.c, dirsection).
        unsafe { (*self.core()).d_components }
    }

    pub(crate) fn kind(self) -> SectionKind {
        // SAFETY: as above.
        unsafe {
            let core = self.core();
            if !(*core).r.is_null() {
                SectionKind::Regex
            } else if raw::core_dir_config::d_is_fnmatch_raw(core) != 0 {
                SectionKind::Pattern
            } else {
                SectionKind::Path
            }
        }
    }

    /// Whether a section that is not a regex applies to the directory `dir`, which ends with a
    /// slash.
    pub(crate) fn applies_to(self, dir: &CStr) -> bool {
        self.components() == 0
            || match self.kind() {
                SectionKind::Path => self.name() == dir,
                SectionKind::Pattern => matches_pattern(self.name(), dir),
                SectionKind::Regex => false,
            }
    }

    /// Whether it applies to requests for files in `dir`, a path without a slash at its end.
    pub(crate) fn applies_on_the_way_to(self, dir: &CStr) -> bool {
        let with_slash = || CString::new([dir.to_bytes(), b"/"].concat()).unwrap_or_default();
        match self.kind() {
            SectionKind::Path => strip_dir(dir.to_bytes(), self.name().to_bytes()).is_some(),
            SectionKind::Regex => [dir, &with_slash()]
                .into_iter()
                .any(|name| self.matches(name, |_, _| {})),
            SectionKind::Pattern => {
                let name = with_slash();
                let name = name.to_bytes();
                (1..=name.len())
                    .filter(|end| name[..*end].ends_with(b"/"))
                    .any(|end| {
                        let above = CString::new(&name[..end]).unwrap_or_default();
                        self.applies_to(&above)
                    })
            }
        }
    }

    /// Whether a regex section applies to the file or directory `name`; what its named groups
    /// matched goes to `capture`.
    pub(crate) fn matches(self, name: &CStr, mut capture: impl FnMut(&'c CStr, &[u8])) -> bool {
        let core = self.core();
        // SAFETY: a section has core's configuration; its regex was compiled by httpd, which fills
        // as many places as it is given; `refs` holds a name, or null, for each group (ap_regname).
        unsafe {
            let regex = (*core).r;
            if regex.is_null() {
                return false;
            }
            let names: &[*const std::ffi::c_char] = match (*core).refs.as_ref() {
                Some(refs) if refs.nelts > 0 => {
                    std::slice::from_raw_parts(refs.elts.cast(), refs.nelts as usize)
                }
                _ => &[],
            };
            let none = raw::ap_regmatch_t {
                rm_so: -1,
                rm_eo: -1,
            };
            let mut groups = [none; MAX_GROUPS];
            let groups = &mut groups[..names.len().min(MAX_GROUPS)];
            let failed = raw::ap_regexec(
                regex,
                name.as_ptr(),
                groups.len() as raw::apr_size_t,
                groups.as_mut_ptr(),
                0,
            );
            if failed != 0 {
                return false;
            }
            for (group, group_name) in groups.iter().zip(names) {
                let range = usize::try_from(group.rm_so)
                    .ok()
                    .zip(group.rm_eo.try_into().ok());
                let value = range.and_then(|(from, to)| name.to_bytes().get(from..to));
                if let Some(value) = value.filter(|_| !group_name.is_null()) {
                    capture(CStr::from_ptr(*group_name), value);
                }
            }
            true
        }
    }
}

/// More groups than any regex in a configuration has; those beyond are not captured.
const MAX_GROUPS: usize = 64;

/// Whether `pattern` stands for the directory `dir` (both with a slash at the end, or both
/// without).
pub(crate) fn matches_pattern(pattern: &CStr, dir: &CStr) -> bool {
    // SAFETY: two strings, only read.
    let differs =
        unsafe { raw::apr_fnmatch(pattern.as_ptr(), dir.as_ptr(), raw::APR_FNM_PATHNAME as i32) };
    differs == 0
}

/// `Options` and `AllowOverride` on the way down to a directory. They are merged at each step,
/// before all else, since they decide how the walk goes on (server/request.c, core_opts_merge).
#[derive(Clone, Copy)]
pub(crate) struct Options<'c> {
    options: u32,
    add: u32,
    remove: u32,
    pub(super) overrides: u32,
    pub(super) override_options: u32,
    pub(super) override_list: *mut raw::apr_table_t,
    life: PhantomData<&'c ()>,
}

impl<'c> Options<'c> {
    /// The options of a complete configuration.
    pub(crate) fn of(config: DirConfig<'c>) -> Self {
        let core = config.core();
        let mut all = Options {
            options: 0,
            add: 0,
            remove: 0,
            overrides: 0,
            override_options: 0,
            override_list: ptr::null_mut(),
            life: PhantomData,
        };
        // SAFETY: core's configuration is null or alive.
        unsafe {
            if !core.is_null() {
                all.options = (*core).opts.into();
                all.add = (*core).opts_add.into();
                all.remove = (*core).opts_remove.into();
                all.overrides = (*core).override_;
                all.override_options = (*core).override_opts.into();
                all.override_list = (*core).override_list;
            }
        }
        all
    }

    /// Merges the options of `config` over these.
    pub(crate) fn merge(&mut self, config: DirConfig<'c>) {
        if config.core().is_null() {
            return;
        }
        let own = Options::of(config);
        if own.options & raw::OPT_UNSET != 0 {
            self.add = (self.add & !own.remove) | own.add;
            self.remove = (self.remove & !own.add) | own.remove;
            self.options = (self.options & !self.remove) | self.add;
        } else {
            (self.options, self.add, self.remove) = (own.options, own.add, own.remove);
        }
        if own.overrides & raw::OR_UNSET == 0 {
            self.overrides = own.overrides;
            self.override_options = own.override_options;
        }
        if !own.override_list.is_null() {
            self.override_list = own.override_list;
        }
    }

    pub(crate) fn symlinks(&self) -> Symlinks {
        if self.options & raw::OPT_SYM_OWNER != 0 {
            Symlinks::IfOwnerMatch
        } else if self.options & raw::OPT_SYM_LINKS != 0 {
            Symlinks::Followed
        } else {
            Symlinks::Refused
        }
    }

    /// Whether the option `FollowSymLinks` is among them, whatever `SymLinksIfOwnerMatch` is.
    pub(crate) fn has_follow_symlinks(&self) -> bool {
        self.options & raw::OPT_SYM_LINKS != 0
    }

    /// Whether mod_negotiation may look for variants of a file that is not there.
    pub(crate) fn has_multiviews(&self) -> bool {
        self.options & raw::OPT_MULTI != 0
    }

    /// Whether server-side includes are allowed.
    pub(crate) fn has_includes(&self) -> bool {
        self.options & raw::OPT_INCLUDES != 0
    }

    /// Whether an .htaccess file can have any effect.
    pub(crate) fn allow_htaccess(&self) -> bool {
        // SAFETY: the table is null or alive; it lives as long as the configuration.
        let list_is_empty = || unsafe { raw::apr_is_empty_table(self.override_list) != 0 };
        self.overrides != 0 || !list_is_empty()
    }
}
