//! What an executor is told about a piece of the input, as JSON: the piece as a row of the plan's source, what holds for all of
//! them in the plan's scan.

use order_csv::{FilePart, InputFile, KeepRejects, ScanOptions};
use order_model::{DateFormat, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Location, StoreError, Stores};

/// Parts of files that are read one after the other by one task.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// From 0, unique in a job.
    pub(crate) number: u64,
    pub(crate) parts: Vec<Part>,
}

/// A part of a file. See [`FilePart`].
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Part {
    file: usize,
    uri: String,
    size: u64,
    from: u64,
    to: u64,
    lines_before: u64,
}

/// How all pieces are read. See [`ScanOptions`].
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct PieceOptions {
    date_format: Option<String>,
    until: Option<i64>,
    pub(crate) whole_lines: bool,
    rejects_folder: Option<String>,
    only_malformed: bool,
    /// Nothing is read; the statistics have the lines alone.
    pub(crate) only_count: bool,
}

impl Piece {
    /// The pieces of a scan.
    pub fn all(parts: &[Vec<FilePart>]) -> Vec<Piece> {
        let part = |part: &FilePart| Part {
            file: part.file,
            uri: part.input.location.uri(),
            size: part.input.size,
            from: part.blocks.start,
            to: part.blocks.end,
            lines_before: part.lines_before,
        };
        let piece = |(number, parts): (u64, &Vec<FilePart>)| Piece {
            number,
            parts: parts.iter().map(part).collect(),
        };
        (0..).zip(parts).map(piece).collect()
    }

    /// The parts, in the stores of this machine.
    pub(crate) fn file_parts(&self, stores: &Stores) -> Result<Vec<FilePart>, StoreError> {
        let open = |part: &Part| {
            let input = InputFile { location: stores.locate(&part.uri)?, size: part.size };
            let &Part { file, from, to, lines_before, .. } = part;
            Ok(FilePart { file, input, blocks: from..to, lines_before })
        };
        self.parts.iter().map(open).collect()
    }
}

impl PieceOptions {
    /// Of the driver's scan.
    pub fn new(scan: &ScanOptions) -> PieceOptions {
        PieceOptions {
            date_format: scan.date_format.map(|format| format.name().to_owned()),
            until: scan.until.map(Timestamp::micros),
            whole_lines: scan.whole_lines,
            rejects_folder: scan.kept_rejects_folder().map(Location::uri),
            only_malformed: scan.keep_rejects == KeepRejects::Malformed,
            only_count: false,
        }
    }

    /// Of a job that only counts the lines of its pieces.
    pub fn to_count() -> PieceOptions {
        let options = PieceOptions::new(&ScanOptions::default());
        PieceOptions { only_count: true, ..options }
    }

    /// The same for a scan on this machine.
    ///
    /// # Errors
    /// A format of dates, or a store, that this program does not know.
    pub(crate) fn scan_options(&self, stores: &Stores) -> Result<ScanOptions, String> {
        let date_format: Option<DateFormat> =
            self.date_format.as_deref().map(str::parse).transpose()?;
        let folder = self.rejects_folder.as_deref().map(|uri| stores.locate(uri)).transpose();
        let folder = folder.map_err(|error| error.to_string())?;
        Ok(ScanOptions {
            date_format,
            until: self.until.map(Timestamp::from_micros),
            whole_lines: self.whole_lines,
            rejects_folder: folder,
            keep_rejects: match (&self.rejects_folder, self.only_malformed) {
                (None, _) => KeepRejects::None,
                (Some(_), true) => KeepRejects::Malformed,
                (Some(_), false) => KeepRejects::All,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_options_survive_the_way() {
        let location = Location::local("/data/a b,ü.csv");
        let input = InputFile { location: location.clone(), size: 10 };
        let parts = vec![
            vec![FilePart { file: 3, input: input.clone(), blocks: 0..7, lines_before: 0 }],
            vec![FilePart { file: 3, input, blocks: 7..u64::MAX, lines_before: 90 }],
        ];
        let pieces = Piece::all(&parts);
        let text = serde_json::to_string(&pieces).unwrap();
        let pieces: Vec<Piece> = serde_json::from_str(&text).unwrap();
        assert_eq!(pieces.iter().map(|piece| piece.number).collect::<Vec<_>>(), [0, 1]);
        for (piece, parts) in pieces.iter().zip(&parts) {
            assert_eq!(&piece.file_parts(&Stores::local()).unwrap(), parts);
        }
        let folder = Location::local("/rejects");
        let scan = ScanOptions {
            date_format: Some("ISO 8601".parse().unwrap()),
            until: Some(Timestamp::from_micros(-7)),
            whole_lines: true,
            rejects_folder: Some(folder.clone()),
            keep_rejects: KeepRejects::Malformed,
        };
        let text = serde_json::to_string(&PieceOptions::new(&scan)).unwrap();
        let options: PieceOptions = serde_json::from_str(&text).unwrap();
        let there = options.scan_options(&Stores::local()).unwrap();
        assert_eq!((there.date_format, there.until), (scan.date_format, scan.until));
        assert_eq!((there.whole_lines, there.keep_rejects), (true, KeepRejects::Malformed));
        assert_eq!(there.rejects_folder, Some(folder));
        let none = ScanOptions { keep_rejects: KeepRejects::None, ..scan };
        let there = PieceOptions::new(&none).scan_options(&Stores::local()).unwrap();
        assert_eq!((there.rejects_folder, there.keep_rejects), (None, KeepRejects::None));
    }
}
