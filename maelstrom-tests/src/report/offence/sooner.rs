//! What is to be said sooner than what the checker found, because that may be no more than its consequence.

use std::io;

use checkers::stats::Outcomes;

use super::Offence;
use super::search::Search;
use crate::exhibit::Lead;
use crate::report::text;
use crate::report::words::{Problem, Words};

impl Search<'_> {
    /// A node that had died by itself before it showed, or answers most of which could not be read.
    pub(super) fn sooner(&self, lead: &Lead) -> io::Result<Option<Offence>> {
        let problems = Words(self.evidence.results).problems();
        if let Some((problem, why)) = self.mostly_malformed(&problems) {
            return Ok(Some(Offence { why, ..self.of_problem(problem)? }));
        }
        let has_died = |problem: &Problem| problem.kind == "died" && problem.time < lead.time;
        let Some(problem) = problems.into_iter().find(has_died) else { return Ok(None) };
        let why = self.why_died(&problem).unwrap_or_default();
        Ok(Some(Offence { why, ..self.of_problem(problem)? }))
    }

    /// Answers to a kind of request of which those that could not be read are as many as those that could:
    /// the first of them, and how many.
    fn mostly_malformed(&self, problems: &[Problem]) -> Option<(Problem, String)> {
        let stats = self.evidence.results.stats.as_ref()?;
        stats.by_f.iter().find_map(|(function, outcomes)| {
            let first = malformed(problems, function).next()?;
            let is_most = malformed_count(problems, function) >= outcomes.ok_count as u64;
            is_most.then(|| (first.clone(), came_to_nothing(problems, function, outcomes)))
        })
    }

    /// How many operations had answers that could not be read, if this is one.
    pub(super) fn came_to_nothing(&self, problems: &[Problem], one: &Problem) -> Option<String> {
        let mut by_f = self.evidence.results.stats.as_ref()?.by_f.iter();
        let (function, outcomes) = by_f.find(|(function, _)| is_malformed(one, function))?;
        Some(came_to_nothing(problems, function, outcomes))
    }
}

/// Whether this is an answer to a kind of request that could not be read.
fn is_malformed(problem: &Problem, function: &str) -> bool {
    problem.kind == "malformed-reply"
        && problem.text.starts_with(&format!("its answer to `{function}` is malformed: "))
}

fn malformed<'a>(problems: &'a [Problem], function: &str) -> impl Iterator<Item = &'a Problem> {
    problems.iter().filter(move |problem| is_malformed(problem, function))
}

fn malformed_count(problems: &[Problem], function: &str) -> u64 {
    malformed(problems, function).map(|problem| problem.count).sum()
}

fn came_to_nothing(problems: &[Problem], function: &str, outcomes: &Outcomes) -> String {
    match outcomes.ok_count {
        0 => format!("So not one {function} succeeded."),
        _ => format!(
            "Of {} {function} operations {} came to nothing by such answers.",
            text::grouped(outcomes.count as u64),
            text::grouped(malformed_count(problems, function))
        ),
    }
}
