//! Directives of a server, outside of all sections, that test files while a URL is translated.

/// The tests of mod_rewrite and of expressions that ask for a file, or for what a URL leads to.
const TESTS: [&[u8]; 10] = [
    b"-d", b"-f", b"-F", b"-h", b"-H", b"-l", b"-L", b"-s", b"-U", b"-x",
];

/// What else asks for files: look-aheads of mod_rewrite and functions of expressions.
const CALLS: [&[u8]; 5] = [b"LA-F:", b"LA-U:", b"file(", b"filemod(", b"filesize("];

/// Whether the directive `name` with these arguments may test a file. Errs on the side of yes.
#[must_use]
pub fn tests_file(name: &[u8], args: &[u8]) -> bool {
    let names: [&[u8]; 3] = [b"RewriteCond", b"RewriteRule", b"SetEnvIfExpr"];
    if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return false;
    }
    let is_between = |byte: &u8| byte.is_ascii_whitespace() || b"\"'()!".contains(byte);
    let is_test = |word: &[u8]| TESTS.contains(&word);
    let calls = |call: &[u8]| args.windows(call.len()).any(|text| text == call);
    args.split(is_between).any(is_test) || CALLS.iter().any(|call| calls(call))
}

#[cfg(test)]
mod tests {
    use super::tests_file;

    #[test]
    fn tests_are_found_in_conditions_and_expressions() {
        for (name, args) in [
            ("RewriteCond", "%{DOCUMENT_ROOT}%{REQUEST_URI} !-f"),
            ("RewriteCond", "\"%{CONTEXT_DOCUMENT_ROOT}/x\" \"-d\" [OR]"),
            ("RewriteCond", "expr \"! -f '/srv/app/current/x'\""),
            ("RewriteCond", "%{LA-U:REQUEST_FILENAME} ^/x"),
            ("RewriteRule", "^/(.*) %{LA-F:REQUEST_FILENAME}"),
            ("SetEnvIfExpr", "\"-s '%{DOCUMENT_ROOT}/stop'\" STOP"),
            ("setenvifexpr", "\"file('/srv/x') == 'on'\" STOP"),
        ] {
            assert!(
                tests_file(name.as_bytes(), args.as_bytes()),
                "{name} {args}"
            );
        }
        for (name, args) in [
            ("RewriteCond", "%{REQUEST_URI} ^/x-f/"),
            ("RewriteCond", "%{HTTP:X} -eq 3"),
            ("RewriteRule", "^/(.*)$ %{DOCUMENT_ROOT}/$1 [L]"),
            ("Alias", "/x -f"),
        ] {
            assert!(
                !tests_file(name.as_bytes(), args.as_bytes()),
                "{name} {args}"
            );
        }
    }
}
