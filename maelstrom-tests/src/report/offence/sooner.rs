//! What is to be said sooner than what the checker found, because that may be no more than its consequence.

use std::io;

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
        let died = problems.into_iter().find(has_died);
        died.map(|problem| self.of_problem(problem)).transpose()
    }

    /// Answers to a kind of request of which those that could not be read are as many as those that could:
    /// the first of them, and how many.
    fn mostly_malformed(&self, problems: &[Problem]) -> Option<(Problem, String)> {
        let stats = self.evidence.results.stats.as_ref()?;
        stats.by_f.iter().find_map(|(function, outcomes)| {
            let beginning = format!("its answer to `{function}` is malformed: ");
            let malformed = || {
                let kind = problems.iter().filter(|problem| problem.kind == "malformed-reply");
                kind.filter(|problem| problem.text.starts_with(&beginning))
            };
            let count: u64 = malformed().map(|problem| problem.count).sum();
            let first = malformed().next().filter(|_| count >= outcomes.ok_count as u64)?;
            Some((first.clone(), self.came_to_nothing(first)?))
        })
    }

    /// How many operations had answers of which this one could not be read.
    pub(super) fn came_to_nothing(&self, problem: &Problem) -> Option<String> {
        let answer = problem.text.strip_prefix("its answer to `")?;
        let (function, _) = answer.split_once("` is malformed: ")?;
        let outcomes = self.evidence.results.stats.as_ref()?.by_f.get(function)?;
        let beginning = format!("its answer to `{function}` is malformed: ");
        let problems = Words(self.evidence.results).problems();
        let same = problems.iter().filter(|problem| problem.text.starts_with(&beginning));
        let count: u64 = same.map(|problem| problem.count).sum();
        Some(match outcomes.ok_count {
            0 => format!("So not one {function} succeeded."),
            _ => format!(
                "Of {} {function} operations {} came to nothing by such answers.",
                text::grouped(outcomes.count as u64),
                text::grouped(count)
            ),
        })
    }
}
