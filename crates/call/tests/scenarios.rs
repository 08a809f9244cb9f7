//! Every call in `scenarios/` runs exactly as written; `ui/src/call/scenarios.test.ts` runs the same files.
//!
//! `VISAVIS_UPDATE=1 cargo test -p visavis-call --test scenarios` writes the outputs anew: read the difference.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use visavis_call::{Call, Input, Output};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    about: String,
    steps: Vec<Step>,
}

/// One input, or the passing of time where there is none, and everything that comes of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    at_ms: u64,
    #[serde(default)]
    input: Option<Input>,
    #[serde(default)]
    outputs: Vec<Output>,
    /// When the core wants to be woken after this step.
    #[serde(default)]
    wake_ms: Option<u64>,
}

#[test]
fn every_scenario_runs_as_written() {
    let update = std::env::var_os("VISAVIS_UPDATE").is_some();
    let files = scenario_files();
    assert!(files.len() >= 15, "only {} scenarios found", files.len());
    for file in files {
        let text = fs::read_to_string(&file).expect("read the scenario");
        let mut scenario: Scenario =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let seen = run(&scenario);
        if update {
            for (step, (outputs, wake_ms)) in scenario.steps.iter_mut().zip(seen) {
                (step.outputs, step.wake_ms) = (outputs, wake_ms);
            }
            fs::write(&file, render(&scenario)).expect("write the scenario");
            continue;
        }
        for (index, (step, (outputs, wake_ms))) in scenario.steps.iter().zip(seen).enumerate() {
            let place = format!("{} step {index} at {} ms", file.display(), step.at_ms);
            assert_eq!(outputs, step.outputs, "{place}: outputs");
            assert_eq!(wake_ms, step.wake_ms, "{place}: next time-out");
        }
    }
}

/// What the core does at each step: its outputs and when it wants to be woken.
fn run(scenario: &Scenario) -> Vec<(Vec<Output>, Option<u64>)> {
    let start = Instant::now();
    let mut call = Call::new("scenario/1");
    let mut seen = Vec::new();
    for step in &scenario.steps {
        let now = start + Duration::from_millis(step.at_ms);
        match &step.input {
            Some(input) => call.handle(now, input.clone()),
            None => call.handle_timeout(now),
        }
        let outputs = std::iter::from_fn(|| call.poll_output()).collect();
        let wake_ms = call
            .poll_timeout()
            .map(|wake| u64::try_from((wake - start).as_millis()).expect("a short scenario"));
        seen.push((outputs, wake_ms));
    }
    seen
}

fn scenario_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the scenarios")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files
}

/// One line an input and one an output, so that a difference reads well.
fn render(scenario: &Scenario) -> String {
    fn json(value: &impl Serialize) -> String {
        serde_json::to_string(value).expect("serializes")
    }
    let mut text = format!("{{\n  \"about\": {},\n  \"steps\": [\n", json(&scenario.about));
    for (index, step) in scenario.steps.iter().enumerate() {
        write!(text, "    {{\n      \"at_ms\": {}", step.at_ms).expect("write to a string");
        if let Some(input) = &step.input {
            write!(text, ",\n      \"input\": {}", json(input)).expect("write to a string");
        }
        if !step.outputs.is_empty() {
            let lines: Vec<_> =
                step.outputs.iter().map(|output| format!("        {}", json(output))).collect();
            write!(text, ",\n      \"outputs\": [\n{}\n      ]", lines.join(",\n"))
                .expect("write to a string");
        }
        if let Some(wake_ms) = step.wake_ms {
            write!(text, ",\n      \"wake_ms\": {wake_ms}").expect("write to a string");
        }
        text.push_str(if index + 1 == scenario.steps.len() { "\n    }\n" } else { "\n    },\n" });
    }
    text.push_str("  ]\n}\n");
    text
}
