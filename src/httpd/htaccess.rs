//! The .htaccess files that have been read for a request, and whose directives they hold.

use std::ffi::CStr;
use std::iter::successors;
use std::ptr::NonNull;

use super::dir_config::DirConfig;
use super::other_module::OtherModule;
use super::raw;
use super::request::Request;

impl<'r> Request<'r> {
    /// The configuration of each .htaccess file that has been read for the request, or before for
    /// one that it comes from.
    pub(crate) fn htaccess_files(self) -> impl Iterator<Item = DirConfig<'r>> {
        // SAFETY: httpd's list of what it has read (server/config.c, ap_parse_htaccess): its
        // entries lie in the pool of the request or of one that it comes from, and do not change.
        let first = unsafe { (*self.as_ptr()).htaccess.as_ref() };
        // SAFETY: as above.
        let files = successors(first, |file| unsafe { file.next.as_ref() });
        let configs = files.filter_map(|file| NonNull::new(file.htaccess));
        // SAFETY: as above; null where there was no file.
        configs.map(|config| unsafe { DirConfig::from_raw(config) })
    }
}

impl<'c> DirConfig<'c> {
    /// A module whose source file's name `is_it` is true of, and that has a directive in this
    /// configuration, or in a section in it.
    pub(crate) fn find_module(self, is_it: &impl Fn(&CStr) -> bool) -> Option<&'c CStr> {
        let own = OtherModule::all().find(|module| {
            let has_directive = self.of_module(*module).is_some();
            has_directive && is_it(module.name())
        });
        own.map(OtherModule::name)
            .or_else(|| self.inner().find_map(|inner| inner.find_module(is_it)))
    }

    /// Its `<Files>` and `<If>` sections.
    fn inner(self) -> impl Iterator<Item = DirConfig<'c>> {
        let core = self.core();
        // SAFETY: core's configuration is null or alive; its lists are null or arrays of such
        // vectors (server/core.c, ap_add_file_conf, add_if_conf).
        unsafe {
            let lists = core.as_ref().map_or([None, None], |core| {
                [core.sec_file.as_ref(), core.sec_if.as_ref()]
            });
            lists.into_iter().flatten().flat_map(|list| {
                let first = list.elts.cast::<*mut raw::ap_conf_vector_t>();
                let each = (0..list.nelts as usize).map(move |n| *first.add(n));
                each.filter_map(NonNull::new)
                    .map(|config| DirConfig::from_raw(config))
            })
        }
    }
}
