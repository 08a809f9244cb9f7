//! Entering and leaving again and again, for tests of what a stay leaves behind.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::sync::mpsc;
use tokio::time::timeout;
use visavis_call::{CallEvent, CallState};
use visavis_engine::api::{Command, Event, StreamId};
use visavis_engine::{Engine, InviteLink};
use visavis_protocol::DisplayName;

use crate::report::Report;
use crate::stdin::lines;

/// How long it may take to see somebody, and to leave.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);

/// For each line of standard input: stays in the room until the first picture of somebody else comes, reports that it
/// came and that the stay ended, and waits for the next line.
pub(crate) async fn stay_per_line(
    link: &InviteLink,
    name: &DisplayName,
    report: &Report,
    engine: &Engine,
    events: &mut mpsc::Receiver<Event>,
) -> anyhow::Result<()> {
    let mut lines = lines()?;
    while lines.recv().await.is_some() {
        engine.send(link.clone().command(name.clone())).await;
        report_until(report, events, |event| {
            matches!(event, Event::VideoStarted { stream: StreamId::Participant(_) })
        })
        .await
        .context("nobody was seen")?;
        engine.send(Command::Leave).await;
        report_until(report, events, |event| {
            matches!(event, Event::Call { event: CallEvent::State { state: CallState::Ended } })
        })
        .await
        .context("the stay did not end")?;
    }
    Ok(())
}

/// Waits for an event, and reports it.
async fn report_until(
    report: &Report,
    events: &mut mpsc::Receiver<Event>,
    wanted: impl Fn(&Event) -> bool,
) -> anyhow::Result<()> {
    let next_wanted = async {
        while let Some(event) = events.recv().await {
            if wanted(&event) {
                return report.event(&event);
            }
        }
        bail!("the engine ended")
    };
    timeout(STEP_TIMEOUT, next_wanted).await?
}
