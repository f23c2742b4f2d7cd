//! The dump as JSON, for programs. docs/mod_realdoc.md has its schema.

use std::ffi::CStr;

use realdoc_core::json::Json;
use realdoc_core::resolve::strerror;

use super::hosts::{Host, LinkState, Permission, Pinned, Root, State};
use crate::analysis::directive;
use crate::httpd::Section;

pub(super) fn hosts(hosts: &[Host<'_>]) -> Json {
    Json::Object(vec![
        ("version", env!("CARGO_PKG_VERSION").into()),
        ("servers", Json::List(hosts.iter().map(host).collect())),
    ])
}

fn host(host: &Host<'_>) -> Json {
    let definition = host.definition.as_ref();
    let mut members = vec![
        ("name", host.name.into()),
        (
            "file",
            Json::or_null(definition.map(|(file, _)| file.as_c_str())),
        ),
        (
            "line",
            Json::or_null(definition.map(|(_, line)| u64::from(*line))),
        ),
    ];
    match &host.state {
        State::Off => members.push(("realdoc", false.into())),
        State::NoDocumentRoot => {
            members.push(("realdoc", true.into()));
            members.push(("roots", Json::List(Vec::new())));
        }
        State::On(pinned) => {
            members.push(("realdoc", true.into()));
            members.extend(self::pinned(pinned));
        }
    }
    Json::Object(members)
}

fn pinned(host: &Pinned<'_>) -> Vec<(&'static str, Json)> {
    let choice = &host.analysis.choice;
    let sections = |sections: &[Section<'_>]| {
        let sections = sections.iter();
        let sections = sections.map(|section| directive(*section, show).into());
        Json::List(sections.collect())
    };
    let (applied, left_out) = if choice.by_link {
        (&host.by_link_only, &host.by_release_only)
    } else {
        (&host.by_release_only, &host.by_link_only)
    };
    let name = if choice.by_link { "link" } else { "release" };
    let warnings = host.warnings.iter().map(|warning| {
        Json::Object(vec![
            ("tag", warning.kind.tag().into()),
            ("file", warning.file.as_c_str().into()),
            ("line", u64::from(warning.line).into()),
            ("directive", warning.directive.clone().into()),
        ])
    });
    vec![
        ("virtual_root", Json::or_null(host.virtual_root.as_deref())),
        ("roots", Json::List(host.roots.iter().map(root).collect())),
        (
            "sections",
            Json::Object(vec![
                ("name", name.into()),
                ("reason", choice.reason(show).into()),
                ("applied", sections(applied)),
                ("left_out", sections(left_out)),
            ]),
        ),
        ("warnings", Json::List(warnings.collect())),
    ]
}

fn root(root: &Root) -> Json {
    let error = root.resolved.as_ref().err();
    let resolved = root.resolved.as_ref().ok();
    Json::Object(vec![
        ("directive", root.directive.into()),
        ("path", root.path.as_c_str().into()),
        (
            "resolved",
            Json::or_null(resolved.map(|found| found.docroot.as_c_str())),
        ),
        (
            "error",
            Json::or_null(error.map(|error| strerror(error.errno))),
        ),
        (
            "error_at",
            Json::or_null(error.map(|error| error.path.as_c_str())),
        ),
        ("links", Json::List(root.links.iter().map(link).collect())),
    ])
}

fn link(link: &LinkState) -> Json {
    let is_followed = link.permission != Permission::Refused;
    let is_followed_by_stock = link.permission == Permission::Followed;
    Json::Object(vec![
        ("path", link.path.as_c_str().into()),
        (
            "chain",
            Json::List(
                link.chain
                    .iter()
                    .map(|path| path.as_c_str().into())
                    .collect(),
            ),
        ),
        ("followed", is_followed.into()),
        ("followed_without_module", is_followed_by_stock.into()),
    ])
}

fn show(text: &CStr) -> String {
    text.to_string_lossy().into_owned()
}
