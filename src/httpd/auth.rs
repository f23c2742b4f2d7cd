//! How httpd decides whether a subrequest or redirect must be authorized again.

use std::ffi::{CStr, c_char};

use super::pool::Pool;
use super::raw;

/// httpd's own modules, and this one, whose access and authentication hooks look at nothing but the
/// request's per-directory configuration (they register with `AP_AUTH_INTERNAL_PER_CONF`).
const MODULES: [&CStr; 8] = [
    c"mod_access_compat.c",
    c"mod_auth_basic.c",
    c"mod_auth_digest.c",
    c"mod_authn_core.c",
    c"mod_authnz_fcgi.c",
    c"mod_authz_core.c",
    c"mod_realdoc.c",
    c"mod_ssl.c",
];

/// httpd's own providers that look at nothing else either.
const PROVIDERS: [&CStr; 31] = [
    c"all",
    c"anon",
    c"dbd",
    c"dbd-group",
    c"dbd-login",
    c"dbd-logout",
    c"dbm",
    c"dbm-file-group",
    c"dbm-group",
    c"env",
    c"expr",
    c"file",
    c"file-group",
    c"file-owner",
    c"forward-dns",
    c"group",
    c"host",
    c"ip",
    c"ldap",
    c"ldap-attribute",
    c"ldap-dn",
    c"ldap-filter",
    c"ldap-group",
    c"ldap-user",
    c"local",
    c"method",
    c"socache",
    c"ssl",
    c"ssl-verify-client",
    c"user",
    c"valid-user",
];

/// Whether httpd does not authorize a request again that has the very configuration of the one it
/// came from, wherever its file is. httpd's own flag (`auth_internal_per_conf`, server/request.c)
/// is private. A module that is not known here makes it false: at worst a request is authorized
/// once more.
pub(crate) fn is_per_config(pool: Pool<'_>) -> bool {
    // SAFETY: httpd's own lists of hooks: null, or arrays of such links, each with its
    // module's name (apr_hooks.h). The four kinds differ only in the function's type.
    let hooks_are_known = unsafe {
        [
            raw::ap_hook_get_access_checker(),
            raw::ap_hook_get_access_checker_ex(),
            raw::ap_hook_get_check_user_id(),
            raw::ap_hook_get_auth_checker(),
        ]
        .into_iter()
        .filter_map(|hooks| hooks.as_ref())
        .flat_map(|hooks| {
            let links: *const raw::ap_LINK_access_checker_t = hooks.elts.cast();
            (0..hooks.nelts as usize).map(move |i| (*links.add(i)).szName)
        })
        .all(|name| is_in(&MODULES, name))
    };
    let providers = [
        (raw::AUTHN_PROVIDER_GROUP, raw::AUTHN_PROVIDER_VERSION),
        (raw::AUTHZ_PROVIDER_GROUP, raw::AUTHZ_PROVIDER_VERSION),
    ];
    hooks_are_known
        && providers.into_iter().all(|(group, version)| {
            // SAFETY: httpd makes an array of such names in the pool.
            unsafe {
                let names = raw::ap_list_provider_names(
                    pool.as_ptr(),
                    group.as_ptr().cast(),
                    version.as_ptr().cast(),
                );
                let first: *const raw::ap_list_provider_names_t = (*names).elts.cast();
                (0..(*names).nelts as usize)
                    .all(|i| is_in(&PROVIDERS, (*first.add(i)).provider_name))
            }
        })
}

/// # Safety
/// `name` is null or a string.
unsafe fn is_in(known: &[&CStr], name: *const c_char) -> bool {
    // SAFETY: as the caller promises.
    !name.is_null() && known.contains(&unsafe { CStr::from_ptr(name) })
}
