//! How many tests passed and failed, from what the runners print.

use std::ops::AddAssign;

/// Whose output it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    /// `test result: ok. 12 passed; 0 failed; 1 ignored; …`, once for each program.
    Cargo,
    /// `Tests  1 failed | 57 passed | 2 skipped (60)`
    Vitest,
    /// `ℹ pass 12`, one line for each number.
    Node,
    /// `fuzz turn_packets: ok, 1234 inputs`, one line for each target.
    Fuzz,
    /// Runs no tests.
    Silent,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Ignored, skipped or still to do: there, but not run.
    pub(crate) skipped: u64,
}

impl Tally {
    /// Adds what one line of output says.
    pub(crate) fn count(&mut self, runner: Runner, line: &str) {
        let line = without_colours(line);
        let line = line.trim();
        match runner {
            Runner::Cargo => {
                if let Some(result) = line.strip_prefix("test result: ") {
                    self.count_words(result.split(['.', ';']));
                }
            }
            Runner::Vitest => {
                if let Some(result) = line.strip_prefix("Tests ") {
                    let counts = result.split_once('(').map_or(result, |(counts, _)| counts);
                    self.count_words(counts.split('|'));
                }
            }
            Runner::Node => {
                if let Some((word, count)) = line.strip_prefix("ℹ ").and_then(|line| line.split_once(' ')) {
                    self.add(word, count);
                }
            }
            Runner::Fuzz => {
                let result = line.strip_prefix("fuzz ").and_then(|line| line.split_once(": "));
                if let Some((_, result)) = result {
                    self.passed += u64::from(result.starts_with("ok,"));
                    self.failed += u64::from(result.starts_with("FAILED,"));
                }
            }
            Runner::Silent => {}
        }
    }

    fn count_words<'a>(&mut self, counts: impl Iterator<Item = &'a str>) {
        for (count, word) in counts.filter_map(|count| count.trim().split_once(' ')) {
            self.add(word, count);
        }
    }

    fn add(&mut self, word: &str, count: &str) {
        let Ok(count) = count.parse::<u64>() else { return };
        match word {
            "passed" | "pass" => self.passed += count,
            "failed" | "fail" | "cancelled" => self.failed += count,
            "ignored" | "skipped" | "todo" => self.skipped += count,
            _ => {}
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// The text without the sequences that colour it in a terminal (ECMA-48 SGR).
fn without_colours(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        plain.push_str(piece.split_once('m').map_or("", |(_, rest)| rest));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(runner: Runner, output: &str) -> Tally {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.count(runner, line));
        tally
    }

    #[test]
    fn cargo_prints_a_result_for_each_program() {
        let output = "running 3 tests\ntest a ... ok\ntest b ... FAILED\n\
            test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.01s\n\
            test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s\n";
        assert_eq!(tally(Runner::Cargo, output), Tally { passed: 41, failed: 1, skipped: 1 });
    }

    #[test]
    fn vitest_colours_one_line() {
        let output = "\u{1b}[2m Test Files \u{1b}[22m \u{1b}[1m\u{1b}[32m19 passed\u{1b}[39m\u{1b}[22m\u{1b}[90m (19)\u{1b}[39m\n\
            \u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m\u{1b}[31m3 failed\u{1b}[39m\u{1b}[22m | 121 passed | 2 skipped (126)\n";
        assert_eq!(tally(Runner::Vitest, output), Tally { passed: 121, failed: 3, skipped: 2 });
    }

    #[test]
    fn node_prints_a_line_for_each_number() {
        let output = "✖ z (0.9ms)\nℹ tests 8\nℹ suites 1\nℹ pass 3\nℹ fail 1\nℹ cancelled 1\nℹ skipped 2\nℹ todo 1\nℹ duration_ms 216.5\n";
        assert_eq!(tally(Runner::Node, output), Tally { passed: 3, failed: 2, skipped: 3 });
    }

    #[test]
    fn fuzzing_prints_a_line_for_each_target() {
        let output = "fuzz client_message: ok, 4711 inputs\nfuzz turn_packets: FAILED, exit status: 77; the input is in x\n";
        assert_eq!(tally(Runner::Fuzz, output), Tally { passed: 1, failed: 1, skipped: 0 });
    }

    #[test]
    fn other_lines_count_nothing() {
        for runner in [Runner::Cargo, Runner::Vitest, Runner::Node, Runner::Fuzz, Runner::Silent] {
            let output = "12 passed; 3 failed\nfuzz\nTests\nℹ pass many\ntest result: unknown\n\u{1b}[";
            assert_eq!(tally(runner, output), Tally::default(), "{runner:?}");
        }
    }
}
