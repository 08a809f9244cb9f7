//! What happens in the call, one JSON line each, on standard output and in the statistics file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use visavis_engine::api::{CallStats, Event};

use crate::ages::{Ages, PictureAges};

/// Where events and statistics are written.
pub(crate) struct Report {
    stats: Option<BufWriter<File>>,
    ages: PictureAges,
}

/// A line of the statistics file.
#[derive(Serialize)]
struct StatsLine<'a> {
    #[serde(flatten)]
    stats: &'a CallStats,
    /// Camera to decoded, of each picture since the last line that carries a time code.
    picture_ages_ms: Vec<f64>,
    /// Unix time at which each was decoded.
    picture_times_ms: Vec<f64>,
}

impl Report {
    pub(crate) fn new(stats: Option<&Path>, ages: PictureAges) -> anyhow::Result<Self> {
        let stats = match stats {
            Some(path) => {
                let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
                Some(BufWriter::new(file))
            }
            None => None,
        };
        Ok(Self { stats, ages })
    }

    /// An event, for whoever drives this peer: a line on standard output.
    pub(crate) fn event(&self, event: &Event) -> anyhow::Result<()> {
        line(&mut io::stdout().lock(), event).context("cannot write to standard output")
    }

    pub(crate) fn stats(&mut self, stats: &CallStats) -> anyhow::Result<()> {
        match &mut self.stats {
            Some(file) => {
                let Ages { ages_ms, times_ms } = self.ages.take();
                line(file, &StatsLine { stats, picture_ages_ms: ages_ms, picture_times_ms: times_ms })
                    .context("cannot write the statistics")
            }
            None => Ok(()),
        }
    }
}

/// A line is there whole as soon as it is written, for readers that follow along.
fn line(writer: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string(value)?;
    text.push('\n');
    writer.write_all(text.as_bytes())?;
    writer.flush()
}
