//! The thread that makes committed orders visible. It tries again for as long as it takes; orders go on being committed meanwhile.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stream_sink::entry::Entry;
use stream_sink::publisher::Publisher;

use crate::events::Event;
use crate::writer::Command;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// Ends when nobody can send entries any more and all of them are visible.
pub(crate) fn start(
    mut publisher: Publisher,
    entries: Receiver<Vec<Entry>>,
    events: Sender<Event>,
    writer: Sender<Command>,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("publisher".to_owned()).spawn(move || {
        let mut waiting: Vec<Entry> = Vec::new();
        let mut failing = false;
        loop {
            let wait = if waiting.is_empty() { Duration::from_secs(3_600) } else { PAUSE };
            match entries.recv_timeout(wait) {
                Ok(more) => waiting.extend(more),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    if waiting.is_empty() {
                        return;
                    }
                    if failing {
                        std::thread::sleep(PAUSE);
                    }
                }
            }
            while let Ok(more) = entries.try_recv() {
                waiting.extend(more);
            }
            if waiting.is_empty() {
                continue;
            }
            // A Kafka partition that was taken over again hands in what it had handed in before.
            waiting.sort_by(|a, b| (&a.source, a.sequence).cmp(&(&b.source, b.sequence)));
            waiting.dedup_by(|a, b| (&a.source, a.sequence) == (&b.source, b.sequence));
            let started = Instant::now();
            match publisher.publish(&waiting) {
                Ok(progress) => {
                    waiting.retain(|entry| {
                        !progress.finished.iter().any(|(source, sequence)| {
                            *source == entry.source && *sequence == entry.sequence
                        })
                    });
                    if !progress.finished.is_empty() {
                        let (rows, took) = (progress.rows, started.elapsed());
                        let _ = events.send(Event::Published { rows, took });
                        // Nobody listens any more when the job ends: its successor finds out by itself.
                        let _ = writer.send(Command::Finished(progress.finished));
                    }
                    failing = progress.problem.is_some();
                    if let Some(problem) = progress.problem {
                        let _ = events.send(Event::NotPublished(problem));
                    }
                }
                Err(error) => {
                    let _ = events.send(Event::CannotPublish(error));
                    return;
                }
            }
        }
    })
}
