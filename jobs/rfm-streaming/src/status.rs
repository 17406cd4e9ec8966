//! What is committed of each Kafka partition, read from the commit logs.

use std::io;

use job_kit::format::{Column, Table, thousands};
use stream_sink::layout::Layout;
use stream_sink::log;

use crate::config::{Place, Settings, TAGGED};

/// Prints the newest entry of each commit log of the topic.
pub(crate) fn print(settings: &Settings, place: &Place) -> anyhow::Result<()> {
    let layout = Layout::new(place.catalog.warehouse(), &place.tables[TAGGED]);
    let topic = &settings.streaming.topic;
    let mut table = Table::new([
        Column::right("partition"),
        Column::right("next offset"),
        Column::right("epoch"),
        Column::right("commits not visible"),
        Column::left("last entry"),
        Column::left("writer"),
    ]);
    for source in layout.sources(topic)? {
        let Some(state) = log::read(&layout.log(&source))? else { continue };
        let newest = &state.newest;
        let is_waiting = |entry: &&stream_sink::entry::Entry| {
            !entry.files.is_empty() && entry.sequence > newest.finished_through
        };
        // The newest entry is finished after it was written, and nothing says so before the next one.
        let waiting = state.chain.iter().filter(is_waiting).count().saturating_sub(1);
        table.row([
            source.partition.to_string(),
            thousands(newest.end_offset),
            newest.epoch.to_string(),
            waiting.to_string(),
            newest.written_at.clone(),
            newest.writer.clone(),
        ]);
    }
    table.write_to(&mut io::stdout())?;
    Ok(())
}
