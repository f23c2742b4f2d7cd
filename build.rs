//! Finds httpd's and APR's headers, makes Rust bindings of what the module uses
//! of them, and compiles the C shim.
//!
//! httpd is asked through `apxs`, APR through `apr-1-config` and `apu-1-config`;
//! the environment variables `APXS`, `APR_CONFIG` and `APU_CONFIG` name others.

use std::env;
use std::panic;
use std::path::PathBuf;
use std::process::{Command, exit};

/// The module magic number of httpd 2.4 (ap_mmn.h): with another one, structures
/// and hooks differ.
const HTTPD_24: &str = "20120211";

const DEBIAN: &str = "apt-get install apache2-dev libclang-dev";
const FEDORA: &str = "dnf install httpd-devel apr-devel apr-util-devel clang-devel";

fn main() {
    for file in ["include/wrapper.h", "include/shim.h", "src/httpd/shim.c"] {
        println!("cargo::rerun-if-changed={file}");
    }
    for variable in ["APXS", "APR_CONFIG", "APU_CONFIG", "LIBCLANG_PATH"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    // Rust's thread-locals do not survive dlclose(3), and httpd unloads its
    // modules at every restart.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");

    let include_dir = PathBuf::from(ask("APXS", "apxs", &["-q", "INCLUDEDIR"]));
    println!(
        "cargo::rerun-if-changed={}",
        include_dir.join("ap_mmn.h").display()
    );
    check_version(&include_dir);
    let mut flags = vec![format!("-I{}", include_dir.display())];
    for (variable, program) in [
        ("APR_CONFIG", "apr-1-config"),
        ("APU_CONFIG", "apu-1-config"),
    ] {
        let args: &[&str] = if variable == "APR_CONFIG" {
            &["--includes", "--cppflags"]
        } else {
            &["--includes"]
        };
        flags.extend(
            ask(variable, program, args)
                .split_whitespace()
                .map(String::from),
        );
    }

    bind(&flags);

    let mut shim = cc::Build::new();
    shim.file("src/httpd/shim.c")
        .warnings(true)
        .extra_warnings(true)
        // As gcc 14 does by itself.
        .flag("-Werror=implicit-function-declaration");
    // httpd's own headers are not clean of these.
    shim.flag_if_supported("-Wno-unused-parameter");
    // As distributions build httpd's own modules.
    shim.flag_if_supported("-fstack-protector-strong");
    for flag in &flags {
        shim.flag(flag);
    }
    shim.compile("realdoc_shim");
}

/// What `program`, or the one that `variable` names, answers.
fn ask(variable: &str, program: &str, args: &[&str]) -> String {
    let program = env::var(variable).unwrap_or_else(|_| program.into());
    match Command::new(&program).args(args).output() {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().into()
        }
        Ok(output) => fail(&format!(
            "`{program} {}` failed: {}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => fail(&format!(
            "cannot run `{program}`: {error}\n\
             It comes with httpd's development package, or set {variable} to where it is."
        )),
    }
}

fn check_version(include_dir: &std::path::Path) {
    let header = include_dir.join("ap_mmn.h");
    let text = std::fs::read_to_string(&header).unwrap_or_else(|error| {
        fail(&format!(
            "cannot read httpd's header {}: {error}",
            header.display()
        ))
    });
    let magic = text
        .lines()
        .find_map(|line| line.strip_prefix("#define MODULE_MAGIC_NUMBER_MAJOR "))
        .map(str::trim);
    if magic != Some(HTTPD_24) {
        fail(&format!(
            "{} is not of httpd 2.4: its module magic number is {}, not {HTTPD_24}",
            header.display(),
            magic.unwrap_or("missing")
        ));
    }
}

fn bind(flags: &[String]) {
    // What is not read, and differs between httpd's and APR's own builds.
    let opaque = "conn_rec|process_rec|apr_sockaddr_t|apr_bucket_brigade\
        |ap_logconf|ap_configfile_t|server_addr_rec";
    let bindings = bindgen::Builder::default()
        .header("include/wrapper.h")
        .clang_args(flags)
        .allowlist_type(
            "request_rec|htaccess_result|server_rec|core_(server|dir|request)_config|apr_table_entry_t|module|command_rec|cmd_parms",
        )
        .allowlist_function("apr_palloc|apr_pstrmemdup|apr_pool_cleanup_(register|null)")
        .allowlist_function(
            "apr_filepath_merge|apr_fnmatch|apr_stat|apr_table_(get|setn|unset)|apr_is_empty_table",
        )
        .allowlist_function("apr_pool_(create_unmanaged_ex|destroy|abort_get)")
        .allowlist_function(
            "ap_walk_config|ap_find_linked_module|ap_find_command_in_modules|ap_getword_conf",
        )
        .allowlist_function("ap_(create|merge)_per_dir_configs?|ap_regexec|ap_parse_htaccess")
        .allowlist_function(
            "ap_run_dirwalk_stat|ap_(directory|file)_walk|ap_make_full_path|ap_get_request_note",
        )
        .allowlist_function("apr_table_(elts|copy|clear|make|make|addn)|ap_pregcomp|ap_run_(header_parser|translate_name)")
        .allowlist_function(
            "ap_sub_req_method_uri|ap_destroy_sub_req|ap_internal_fast_redirect",
        )
        .allowlist_function(
            "ap_hook_get_(access_checker|access_checker_ex|check_user_id|auth_checker)",
        )
        .allowlist_function("ap_list_provider_names")
        .allowlist_type(
            "ap_LINK_access_checker_t|ap_list_provider_names_t|apr_finfo_t|ap_regmatch_t",
        )
        .allowlist_function("ap_set_document_root|ap_document_root|ap_retained_data_(get|create)")
        .allowlist_function(
            "ap_hook_(post_read_request|translate_name|map_to_storage|fixups|handler|post_config|pre_config)",
        )
        .allowlist_function("ap_hook_(test_config|pre_mpm|post_perdir_config|insert_error_filter|check_(access_ex|auth[nz]))")
        .allowlist_function("apr_optional_hook_add|ap_state_query|ap_exists_config_define")
        .allowlist_function("ap_runtime_dir_relative|realdoc_(log|end).*")
        .allowlist_function("ap_(register_output_filter_protocol|get_output_filter_handle)")
        .allowlist_function("ap_escape_(logitem|html2)|ap_ht_time|ap_rwrite|ap_set_content_type")
        .allowlist_var("ap_conftree|ap_server_conf|ap_top_module|apr_hook_debug_current|ACCESS_CONF|AP_STATUS_SHORT")
        .allowlist_var("core_module|MODULE_MAGIC_.*|OK|DECLINED|M_(GET|OPTIONS|TRACE)|RSRC_CONF|APR_HOOK_.*|AP_SQ_.*")
        .allowlist_var(
            "OPT_.*|OR_.*|AP_REG_EXTENDED|APR_FINFO_.*|APR_FNM_PATHNAME|APR_FILEPATH_.*|HTTP_.*|PROXYREQ_.*",
        )
        .allowlist_var("AUTH[NZ]_PROVIDER_.*|AP_AUTH_INTERNAL_PER_CONF|APR_INCOMPLETE|AP_NOTE_.*_WALK|REALDOC_.*")
        .allowlist_type(opaque)
        .opaque_type(opaque)
        .derive_default(false)
        .layout_tests(false)
        .wrap_unsafe_ops(true)
        .generate_comments(false)
        .rust_target(bindgen::RustTarget::stable(85, 0).expect("a version that bindgen knows"))
        .rust_edition(bindgen::RustEdition::Edition2024);

    // bindgen panics where libclang is missing; its own words help nobody here.
    panic::set_hook(Box::new(|_| {}));
    let generated = panic::catch_unwind(panic::AssertUnwindSafe(|| bindings.generate()));
    let _ = panic::take_hook();
    let bindings = match generated {
        Ok(Ok(bindings)) => bindings,
        Ok(Err(error)) => fail(&format!("cannot read httpd's headers: {error}")),
        Err(cause) => {
            let cause = cause.downcast_ref::<String>().map_or("", String::as_str);
            fail(&format!(
                "bindgen cannot read httpd's headers; is libclang installed? {cause}"
            ))
        }
    };
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets OUT_DIR")).join("httpd.rs");
    if let Err(error) = bindings.write_to_file(&out) {
        fail(&format!("cannot write {}: {error}", out.display()));
    }
}

fn fail(message: &str) -> ! {
    for line in message.lines() {
        println!("cargo::error={line}");
    }
    println!("cargo::error=on Debian and Ubuntu: {DEBIAN}");
    println!("cargo::error=on Fedora and RHEL:   {FEDORA}");
    exit(1)
}
