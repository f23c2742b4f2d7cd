//! httpd's configuration file, as text.

use std::path::Path;

use crate::installation::{Installation, load_module, user_and_group};
use crate::{Module, Mpm};

/// The modules that every server has; some are built in on some systems.
const BASE_MODULES: [&str; 7] = [
    "unixd",
    "log_config",
    "authz_core",
    "dir",
    "mime",
    "env",
    "setenvif",
];

/// Grants everything, unless the test is about access.
const ROOT_SECTION: &str = "Options FollowSymLinks\nAllowOverride None\nRequire all granted\n";

/// The few types that the tests serve: the system's own list may not be installed.
pub(crate) const MIME_TYPES: &str = "\
text/html html shtml
text/plain txt
text/css css
application/javascript js
image/png png
";

/// What the configuration file is made from.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) mpm: Mpm,
    pub(crate) module: Module,
    pub(crate) modules: Vec<String>,
    pub(crate) cgi: bool,
    pub(crate) children: usize,
    pub(crate) threads: usize,
    pub(crate) log_level: Option<String>,
    pub(crate) root_section: String,
    pub(crate) text: String,
}

impl Config {
    pub(crate) fn new(mpm: Mpm) -> Self {
        Self {
            mpm,
            module: Module::Off,
            modules: Vec::new(),
            cgi: false,
            children: if mpm.is_threaded() { 2 } else { 8 },
            threads: 16,
            log_level: None,
            root_section: ROOT_SECTION.into(),
            text: String::new(),
        }
    }

    /// How many ports the text asks for: at least one.
    pub(crate) fn ports(&self) -> usize {
        (2..=9)
            .rev()
            .find(|n| self.text.contains(&format!("{{port{n}}}")))
            .unwrap_or(1)
    }

    /// The file's content for a server in directory `root` that listens on `ports`.
    pub(crate) fn render(&self, root: &Path, ports: &[u16]) -> String {
        let mut file = self.load_modules();
        file += &format!(
            "ServerRoot \"{}\"\n\
             ServerName localhost\n\
             PidFile run/httpd.pid\n\
             DefaultRuntimeDir run\n\
             CoreDumpDirectory cores\n\
             ErrorLog logs/error_log\n\
             LogLevel {}\n\
             TypesConfig conf/mime.types\n\
             DocumentRoot htdocs\n\
             Timeout 300\n\
             KeepAliveTimeout 300\n\
             MaxKeepAliveRequests 0\n",
            root.display(),
            self.log_level(),
        );
        file += &user_and_group();
        file += &self.mpm.pool(self.children, self.threads);
        for port in ports {
            file += &format!("Listen 127.0.0.1:{port}\n");
        }
        if self.cgi {
            // mod_cgid's socket is in DefaultRuntimeDir.
            file += "AddHandler cgi-script .cgi\n";
        }
        file += &format!("<Directory \"/\">\n{}\n</Directory>\n", self.root_section);
        file += &self.text;
        fill_in(&file, root, ports)
    }

    fn load_modules(&self) -> String {
        let installation = Installation::get();
        let mpm = format!("mpm_{}", self.mpm);
        let cgi = match (self.cgi, self.mpm.is_threaded()) {
            (false, _) => None,
            (true, false) => Some("cgi"),
            (true, true) => Some("cgid"),
        };
        let mut names = vec![mpm.as_str()];
        let wanted = BASE_MODULES
            .into_iter()
            .chain(cgi)
            .chain(self.modules.iter().map(String::as_str));
        for name in wanted {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let mut lines: String = names
            .into_iter()
            .filter_map(|name| installation.load_module(name))
            .collect();
        if let Some(file) = self.module.file() {
            lines += &load_module("realdoc_module", &file);
        }
        lines
    }

    fn log_level(&self) -> &str {
        match (&self.log_level, self.module) {
            (Some(level), _) => level,
            // httpd refuses the name of a module that is not loaded.
            (None, Module::Off) => "warn",
            (None, Module::On | Module::TestHooks) => "warn realdoc:debug",
        }
    }
}

/// Replaces `{root}`, `{port}`, `{port1}`, `{port2}` and so on.
fn fill_in(text: &str, root: &Path, ports: &[u16]) -> String {
    let root = root
        .to_str()
        .expect("the temporary directory's name is text");
    let mut text = text.replace("{root}", root);
    for (n, port) in (1..).zip(ports) {
        let port = port.to_string();
        if n == 1 {
            text = text.replace("{port}", &port);
        }
        text = text.replace(&format!("{{port{n}}}"), &port);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Config, fill_in};
    use crate::Mpm;

    #[test]
    fn placeholders() {
        let text = fill_in(
            "{root}/a {port} {port1} {port2} %{x}e",
            Path::new("/t"),
            &[8, 9],
        );
        assert_eq!(text, "/t/a 8 8 9 %{x}e");
    }

    #[test]
    fn ports() {
        let mut config = Config::new(Mpm::Event);
        assert_eq!(config.ports(), 1);
        config.text = "<VirtualHost *:{port}>, <VirtualHost *:{port3}>".into();
        assert_eq!(config.ports(), 3);
    }
}
