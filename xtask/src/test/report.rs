//! What came out of each step, and of all of them.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::step::{Outcome, Step};
use super::tally::{Runner, Tally};

/// Runs steps, one failing or not, and sums them up.
#[derive(Debug)]
pub(crate) struct Report {
    logs: PathBuf,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    runner: Runner,
    is_ok: bool,
    elapsed: Duration,
    tally: Tally,
}

impl Report {
    /// `logs` is where the output of every step is kept.
    pub(crate) fn new(logs: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
        Ok(Self { logs, rows: Vec::new() })
    }

    /// Returns whether the step went well.
    pub(crate) fn run(&mut self, step: Step) -> anyhow::Result<bool> {
        let (name, runner) = (step.name, step.runner);
        let outcome = step.run(&self.logs.join(format!("{name}.log")))?;
        let row = Row::new(name, runner, &outcome);
        println!("== {name}: {} in {}", row.verdict(), clock(row.elapsed));
        let is_ok = row.is_ok;
        self.rows.push(row);
        Ok(is_ok)
    }

    /// Prints the table and the sum. Fails if a step did, or if nothing was there to run.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let mut total = Tally::default();
        println!("\n{:<14} {:>6} {:>8} {:>8} {:>8} {:>8}", "step", "", "time", "passed", "failed", "skipped");
        for row in &self.rows {
            let Row { name, elapsed, tally, .. } = row;
            let Tally { passed, failed, skipped } = *tally;
            let (verdict, elapsed) = (row.verdict(), clock(*elapsed));
            println!("{name:<14} {verdict:>6} {elapsed:>8} {passed:>8} {failed:>8} {skipped:>8}");
            total += *tally;
        }
        println!("\noutput kept in {}", self.logs.display());
        println!("{} passed, {} failed", total.passed, total.failed);

        let failed: Vec<&str> = self.rows.iter().filter(|row| !row.is_ok).map(|row| row.name).collect();
        ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
        let only_lints = self.rows.iter().all(|row| row.runner == Runner::Silent);
        ensure!(total.passed > 0 || (only_lints && !self.rows.is_empty()), "no test ran");
        Ok(())
    }
}

impl Row {
    fn new(name: &'static str, runner: Runner, outcome: &Outcome) -> Self {
        let mut tally = outcome.tally;
        let is_ok = outcome.status.success() && tally.failed == 0;
        if !is_ok && tally.failed == 0 {
            // A lint, a program that does not compile, a test that took its runner along: something failed.
            tally.failed = 1;
        }
        Self { name, runner, is_ok, elapsed: outcome.elapsed, tally }
    }

    fn verdict(&self) -> &'static str {
        if self.is_ok { "ok" } else { "FAILED" }
    }
}

/// Minutes and seconds.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::*;

    fn row(runner: Runner, exit_code: i32, tally: Tally) -> Row {
        // The upper byte of what wait(2) tells is the exit code.
        let status = ExitStatus::from_raw(exit_code << 8);
        Row::new("it", runner, &Outcome { status, elapsed: Duration::ZERO, tally })
    }

    fn report(rows: Vec<Row>) -> anyhow::Result<()> {
        Report { logs: PathBuf::new(), rows }.finish()
    }

    const TWO: Tally = Tally { passed: 2, failed: 0, skipped: 0 };
    const NONE: Tally = Tally { passed: 0, failed: 0, skipped: 0 };

    #[test]
    fn a_failing_step_counts_as_a_failure_even_without_a_failed_test() {
        let row = row(Runner::Cargo, 101, TWO);
        assert!(!row.is_ok);
        assert_eq!(row.tally, Tally { failed: 1, ..TWO });
        assert!(report(vec![row]).is_err());
    }

    #[test]
    fn failed_tests_fail_the_step_whatever_its_exit_code() {
        let row = row(Runner::Vitest, 0, Tally { failed: 3, ..TWO });
        assert!(!row.is_ok);
        assert_eq!(row.tally.failed, 3);
    }

    #[test]
    fn something_has_to_run() {
        assert!(report(vec![]).is_err());
        assert!(report(vec![row(Runner::Cargo, 0, NONE)]).is_err(), "a filter that matches nothing");
        assert!(report(vec![row(Runner::Silent, 0, NONE)]).is_ok(), "lints alone");
        assert!(report(vec![row(Runner::Cargo, 0, TWO), row(Runner::Node, 0, NONE)]).is_ok());
    }

    #[test]
    fn time_reads_as_minutes_and_seconds() {
        assert_eq!(clock(Duration::from_millis(125_900)), "2:05");
        assert_eq!(clock(Duration::ZERO), "0:00");
    }
}
