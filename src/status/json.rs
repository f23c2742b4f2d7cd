//! The same as JSON. docs/mod_realdoc.md has its schema.

use realdoc_core::json::Json;
use realdoc_core::resolve::strerror;
use realdoc_core::{Micros, SECOND};

use super::rows::Row;

pub(super) fn status(rows: &[Row<'_>]) -> Json {
    let links = rows.iter().map(link).collect();
    Json::Object(vec![
        ("version", env!("CARGO_PKG_VERSION").into()),
        ("links", Json::List(links)),
    ])
}

fn link(row: &Row<'_>) -> Json {
    let counts = &row.counts;
    let mut servers: Vec<_> = row.others.iter().copied().chain([row.server]).collect();
    servers.sort_unstable();
    let servers = servers.into_iter().map(Json::from).collect();
    let failure = counts.failure;
    let previous = row.previous.iter().map(|(release, left)| {
        let release = release.as_c_str().into();
        Json::Object(vec![("release", release), ("left", seconds(*left).into())])
    });
    Json::Object(vec![
        ("key", row.key.clone().into()),
        ("servers", Json::List(servers)),
        ("link", row.link.as_c_str().into()),
        ("release", Json::or_null(row.release.as_deref())),
        ("previous", Json::List(previous.collect())),
        ("previous_served", counts.served.into()),
        ("previous_lost", counts.lost.into()),
        ("flips", counts.flips.into()),
        ("last_flip", Json::or_null(counts.flipped_at.map(seconds))),
        ("checks", counts.checks.into()),
        ("failures", counts.failures.into()),
        (
            "last_failure",
            Json::or_null(failure.map(|(at, _)| seconds(at))),
        ),
        (
            "last_error",
            Json::or_null(failure.map(|(_, errno)| strerror(errno))),
        ),
    ])
}

fn seconds(at: Micros) -> u64 {
    (at / SECOND).try_into().unwrap_or(0)
}
