//! Names of the files that no reader sees yet. They carry the epoch of their writer, so that a take-over can tell what
//! is left of earlier writers from what its own successors are at.

use crate::source::Source;

/// The beginning of the names of the data files of a commit that starts at `start`; a number and `.parquet` follow. They
/// keep their names when readers see them, and are in the order of the offsets when listed by name.
pub(crate) fn data_file_stem(source: &Source, start: i64, epoch: u64) -> String {
    let Source { topic, partition } = source;
    format!("part-{topic}-{partition}-{start:019}-e{epoch}")
}

/// The name of an entry that is complete, but has no place in the log.
pub(crate) fn entry_name(epoch: u64, id: &str) -> String {
    format!("e{epoch}-{id}.json")
}

/// Whether `name` is of a writer before the one that began `epoch`, or of a take-over that lost against its own.
pub(crate) fn is_leftover(name: &str, epoch: u64) -> bool {
    if let Some(name) = name.strip_suffix(".json") {
        let of = name.strip_prefix('e').and_then(|name| name.split_once('-'));
        return of.and_then(|(of, _)| of.parse::<u64>().ok()).is_some_and(|of| of <= epoch);
    }
    let of = name.strip_suffix(".parquet").and_then(|name| name.rsplit('-').nth(1));
    of.and_then(|of| of.strip_prefix('e')?.parse::<u64>().ok()).is_some_and(|of| of < epoch)
}

/// Whose rows the data file `name` holds; `None` if it is not called as one of a stream.
pub(crate) fn source_of(name: &str) -> Option<Source> {
    let mut parts = name.strip_prefix("part-")?.strip_suffix(".parquet")?.rsplitn(5, '-');
    let (_number, epoch, start) = (parts.next()?, parts.next()?, parts.next()?);
    let partition = parts.next()?.parse().ok()?;
    let is_of_stream = epoch.starts_with('e') && start.parse::<i64>().is_ok();
    is_of_stream.then(|| Some(Source { topic: parts.next()?.to_owned(), partition }))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_source() {
        for topic in ["orders", "a-e9.b-0", "x-1-2-e3-4"] {
            let source = Source { topic: topic.to_owned(), partition: 3 };
            let name = format!("{}-12.parquet", data_file_stem(&source, 7, 5));
            assert_eq!(source_of(&name), Some(source), "{name}");
        }
        for other in ["part-00001.parquet", "part-a-0-1-e2-3.csv", "part-a-0-x-e2-3.parquet", ""] {
            assert_eq!(source_of(other), None, "{other}");
        }
    }

    #[test]
    fn leftovers_are_of_earlier_epochs() {
        let source = Source { topic: "a-e9.b-0".to_owned(), partition: 3 };
        let data_file = |epoch| format!("{}-12.parquet", data_file_stem(&source, 7, epoch));
        assert_eq!(data_file(4), "part-a-e9.b-0-3-0000000000000000007-e4-12.parquet");
        for (epoch, is_left) in [(4, true), (5, false), (6, false)] {
            assert_eq!(is_leftover(&data_file(epoch), 5), is_left);
        }
        // Its own entry is no longer there.
        for (epoch, is_left) in [(4, true), (5, true), (6, false)] {
            assert_eq!(is_leftover(&entry_name(epoch, "20111209T063000Z-0a1b2c3d"), 5), is_left);
        }
        for other in
            ["", "notes", "of-a-person.parquet", "e-1.json", "e99999999999999999999-1.json"]
        {
            assert!(!is_leftover(other, 5), "{other}");
        }
    }
}
