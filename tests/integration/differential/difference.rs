//! Comparing answers, and telling where they differ.

use std::fmt;

use super::answer::Answer;
use super::requests::Request;

/// What sort of difference it is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The module gives what stock httpd refuses.
    Wider,
    /// The module does not keep to the release: it tells a path by the link's name.
    ByLink,
    /// Anything else.
    Other,
}

/// A request that the module answers otherwise than the reference.
pub(super) struct Difference<'a> {
    pub(super) kind: Kind,
    pub(super) request: &'a Request,
    reference: &'a Answer,
    answer: &'a Answer,
}

/// Where `answers` differ from those of the `reference`, the worst first.
pub(super) fn compare<'a>(
    requests: &'a [Request],
    reference: &'a [Answer],
    answers: &'a [Answer],
) -> Vec<Difference<'a>> {
    let mut differences: Vec<Difference<'a>> = requests
        .iter()
        .zip(reference.iter().zip(answers))
        .filter(|(_, (reference, answer))| !reference.is_same(answer) || !answer.by_link.is_empty())
        .map(|(request, (reference, answer))| Difference {
            kind: kind(reference, answer),
            request,
            reference,
            answer,
        })
        .collect();
    differences.sort_by_key(|difference| difference.kind);
    differences
}

fn kind(reference: &Answer, answer: &Answer) -> Kind {
    let is_refused = reference.status >= 400;
    let is_served = answer.status < 400;
    let has_other_body = answer.status == reference.status && answer.body != reference.body;
    let gives_away = answer.secrets() > reference.secrets();
    if gives_away || is_refused && (is_served || has_other_body) {
        Kind::Wider
    } else if !answer.by_link.is_empty() {
        Kind::ByLink
    } else {
        Kind::Other
    }
}

/// All differences as one text; empty if there are none.
pub(super) fn report(mode: &str, requests: &[Request], differences: &[Difference<'_>]) -> String {
    if differences.is_empty() {
        return String::new();
    }
    let wider = differences
        .iter()
        .filter(|difference| difference.kind == Kind::Wider)
        .count();
    let list: String = differences.iter().map(ToString::to_string).collect();
    format!(
        "\n{mode}: {} of {} answers differ from stock httpd's (-), {wider} of them are wider:\n{list}",
        differences.len(),
        requests.len(),
    )
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (reference, answer) = (self.reference, self.answer);
        let kind = match self.kind {
            Kind::Wider => "WIDER ",
            Kind::ByLink => "BY THE LINK ",
            Kind::Other => "",
        };
        writeln!(f, "{kind}{}", self.request)?;
        if reference.status == answer.status {
            writeln!(f, "    {}", answer.status)?;
        } else {
            writeln!(f, "  - {}\n  + {}", reference.status, answer.status)?;
        }
        for line in &answer.by_link {
            writeln!(f, "  ! {line}")?;
        }
        show(f, &reference.lines(), &answer.lines())
    }
}

/// The lines of one that the other has not.
fn show(f: &mut fmt::Formatter<'_>, reference: &[&str], answer: &[&str]) -> fmt::Result {
    for line in reference.iter().filter(|line| !answer.contains(line)) {
        writeln!(f, "  - {line}")?;
    }
    for line in answer.iter().filter(|line| !reference.contains(line)) {
        writeln!(f, "  + {line}")?;
    }
    Ok(())
}
