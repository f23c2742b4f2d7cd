//! What a configuration may say of a file that httpd sends as it is, and what may run it instead.

/// httpd's own modules, and PHP's, whose directives in an .htaccess file run nothing that the file
/// names. mod_actions and mod_lua are not among them.
const MODULES: &[&[u8]] = &[
    b"core.c",
    b"mod_access_compat.c",
    b"mod_alias.c",
    b"mod_allowmethods.c",
    b"mod_auth_basic.c",
    b"mod_auth_digest.c",
    b"mod_auth_form.c",
    b"mod_authn_anon.c",
    b"mod_authn_core.c",
    b"mod_authn_dbd.c",
    b"mod_authn_dbm.c",
    b"mod_authn_file.c",
    b"mod_authn_socache.c",
    b"mod_authnz_fcgi.c",
    b"mod_authnz_ldap.c",
    b"mod_authz_core.c",
    b"mod_authz_dbd.c",
    b"mod_authz_dbm.c",
    b"mod_authz_groupfile.c",
    b"mod_authz_host.c",
    b"mod_authz_owner.c",
    b"mod_authz_user.c",
    b"mod_autoindex.c",
    b"mod_brotli.c",
    b"mod_buffer.c",
    b"mod_cache.c",
    b"mod_cern_meta.c",
    b"mod_charset_lite.c",
    b"mod_dav.c",
    b"mod_deflate.c",
    b"mod_dir.c",
    b"mod_env.c",
    b"mod_expires.c",
    b"mod_filter.c",
    b"mod_headers.c",
    b"mod_http2.c",
    b"mod_imagemap.c",
    b"mod_include.c",
    b"mod_log_debug.c",
    b"mod_mime.c",
    b"mod_negotiation.c",
    b"mod_php.c",
    b"mod_php5.c",
    b"mod_php7.c",
    b"mod_proxy.c",
    b"mod_proxy_fcgi.c",
    b"mod_proxy_html.c",
    b"mod_ratelimit.c",
    b"mod_remoteip.c",
    b"mod_request.c",
    b"mod_rewrite.c",
    b"mod_session.c",
    b"mod_session_cookie.c",
    b"mod_session_crypto.c",
    b"mod_session_dbd.c",
    b"mod_setenvif.c",
    b"mod_speling.c",
    b"mod_ssl.c",
    b"mod_substitute.c",
    b"mod_userdir.c",
    b"mod_usertrack.c",
    b"mod_version.c",
    b"mod_xml2enc.c",
];

/// httpd's own output filters that do not take the content for a program.
const FILTERS: &[&[u8]] = &[
    b"brotli_compress",
    b"buffer",
    b"cache",
    b"cache_save",
    b"content_length",
    b"data",
    b"deflate",
    b"fixup_headers_err",
    b"fixup_headers_out",
    b"inflate",
    b"mod_expires",
    b"mod_session_out",
    b"rate_limit",
    b"substitute",
    b"xlateout",
    b"xml2enc",
];

/// Whether directives of the module with this source file run nothing, where they stand in an
/// .htaccess file.
#[must_use]
pub fn is_harmless_module(source_file: &[u8]) -> bool {
    MODULES.contains(&source_file)
}

/// Whether the output filter of this name sends what it gets, at most in another form.
#[must_use]
pub fn is_harmless_filter(name: &[u8]) -> bool {
    FILTERS
        .iter()
        .any(|filter| filter.eq_ignore_ascii_case(name))
}

/// The scripts of mod_actions, which answer in the place of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actions {
    /// Content types and handlers, of `Action`.
    names: Vec<Vec<u8>>,
    /// Whether there is `Script GET`.
    answers_queries: bool,
}

impl Actions {
    /// Takes note of a directive, whatever it is, by its name and its first argument.
    pub fn add(&mut self, directive: &[u8], argument: &[u8]) {
        match directive {
            b"Action" => self.names.push(argument.to_vec()),
            b"Script" => self.answers_queries |= argument.eq_ignore_ascii_case(b"GET"),
            _ => {}
        }
    }

    /// Whether a script may answer for a file of this content type that core would send, if it is
    /// asked for by GET or HEAD.
    #[must_use]
    pub fn may_answer(&self, content_type: Option<&[u8]>, has_query: bool) -> bool {
        let without_parameters = content_type
            .and_then(|text| text.split(|byte| *byte == b';').next())
            .map(<[u8]>::trim_ascii);
        let is_named = |name: &[u8]| {
            let mut names = self.names.iter();
            names.any(|own| own.eq_ignore_ascii_case(name))
        };
        self.answers_queries && has_query
            || is_named(b"default-handler")
            || without_parameters.is_some_and(is_named)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn actions(directives: &[(&str, &str)]) -> Actions {
        let mut actions = Actions::default();
        for (directive, argument) in directives {
            actions.add(directive.as_bytes(), argument.as_bytes());
        }
        actions
    }

    #[test]
    fn what_is_not_known_may_run_code() {
        for name in ["mod_lua.c", "mod_actions.c", "mod_perl.c", "mod_wsgi.c", ""] {
            assert!(!is_harmless_module(name.as_bytes()), "{name}");
        }
        for name in ["INCLUDES", "includes", "PHP", "minify", ""] {
            assert!(!is_harmless_filter(name.as_bytes()), "{name}");
        }
        assert!(is_harmless_module(b"mod_rewrite.c"));
        assert!(is_harmless_filter(b"DEFLATE"));
    }

    #[test]
    fn an_action_is_for_a_type_without_its_parameters() {
        let some = actions(&[("Action", "text/JavaScript"), ("Action", "php-fcgi")]);
        for content_type in ["text/javascript", "text/javascript; charset=utf-8"] {
            assert!(
                some.may_answer(Some(content_type.as_bytes()), false),
                "{content_type}"
            );
        }
        assert!(!some.may_answer(Some(b"text/css"), true));
        assert!(!some.may_answer(None, true));
        assert!(actions(&[("Action", "default-handler")]).may_answer(None, false));
    }

    #[test]
    fn a_script_for_get_is_for_queries() {
        let get = actions(&[("Script", "GET"), ("Script", "PUT")]);
        assert!(get.may_answer(Some(b"text/css"), true));
        assert!(!get.may_answer(Some(b"text/css"), false));
        let others = actions(&[("Script", "PUT"), ("SetHandler", "text/css")]);
        assert!(!others.may_answer(Some(b"text/css"), true));
    }
}
