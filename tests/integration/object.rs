//! The built module as a file: what it links to, what it exports, how it is hardened.

use std::path::Path;
use std::process::Command;

use testbed::Module;

#[test]
fn is_fit_to_be_given_away() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/check-object");
    let module = Module::On.file().expect("Module::On has a file");
    let output = Command::new(script)
        .arg(module)
        .output()
        .expect("packaging/check-object runs");
    let findings = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{findings}{errors}");
    assert!(findings.contains("no RPATH"), "it looked: {findings}");
}
