//! What the scan of a piece counted, as a row among the order runs.
//!
//! Customers have positive numbers. The statistics of piece `n` are the single row of "customer" `-1 - n`, with the JSON in the place
//! of the last order; neither the sums by invoice nor those by customer touch it. It takes the way of the piece's runs, so
//! whoever has it has the runs of the same attempt.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, Int64Array, RecordBatch,
    StringArray,
};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use order_csv::{FilePart, PartSummary};
use order_model::Rejection;
use serde::{Deserialize, Serialize};
use store::{StoreError, Stores};

use crate::failure::ClusterError;

/// The columns of order runs as they are sent: invoices are plain strings, for Arrow's views of strings are sent with all the
/// text that they look at.
pub(crate) fn sent_schema(whole_lines: bool) -> SchemaRef {
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8View => Arc::new(Field::new(field.name(), DataType::Utf8, false)),
        _ => Arc::clone(field),
    };
    let schema = order_csv::schema(whole_lines);
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

/// A batch of order runs in the columns that are sent.
pub(crate) fn to_sent(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type()));
    RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<_, _>>()?)
}

/// What is said of a piece.
#[derive(Debug, Deserialize, Serialize)]
struct Statistics {
    parts: Vec<PartStatistics>,
}

/// See [`PartSummary`].
#[derive(Debug, Deserialize, Serialize)]
struct PartStatistics {
    lines: u64,
    rows: u64,
    kept: u64,
    after_snapshot: u64,
    rejected: [u64; Rejection::ALL.len()],
    rejects_file: Option<String>,
}

/// The row of piece `number`.
pub(crate) fn row(
    number: u64,
    parts: &[PartSummary],
    whole_lines: bool,
) -> Result<RecordBatch, ArrowError> {
    let part = |part: &PartSummary| PartStatistics {
        lines: part.lines,
        rows: part.rows,
        kept: part.kept,
        after_snapshot: part.after_snapshot,
        rejected: part.rejected,
        rejects_file: part.rejects_file.as_ref().map(|file| file.uri()),
    };
    let statistics = Statistics { parts: parts.iter().map(part).collect() };
    let text = serde_json::to_vec(&statistics);
    let text = text.map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
    let schema = sent_schema(whole_lines);
    let amount = Decimal128Array::from(vec![0]).with_data_type(schema.field(2).data_type().clone());
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![-1 - number as i64])),
        Arc::new(StringArray::from(vec![""])),
        Arc::new(amount),
        Arc::new(Int64Array::from(vec![1])),
        Arc::new(BinaryArray::from_vec(vec![&text])),
    ];
    if whole_lines {
        columns.push(Arc::new(BinaryArray::from_vec(vec![b""])));
    }
    RecordBatch::try_new(schema, columns)
}

/// Takes the statistics out of the rows that come back.
#[derive(Debug, Default)]
pub struct StatisticsReader {
    pieces: BTreeMap<u64, Statistics>,
}

impl StatisticsReader {
    /// The customers of a batch of the job's result.
    ///
    /// # Errors
    /// Rows of statistics that no piece has written, or that came twice.
    pub fn take(&mut self, batch: RecordBatch) -> Result<RecordBatch, ClusterError> {
        let wrong = |what: &str| ClusterError::fault(format!("the cluster's result {what}"));
        let integers = |name: &str| {
            let column = batch.column_by_name(name).and_then(|c| c.as_primitive_opt::<Int64Type>());
            column.ok_or_else(|| wrong(&format!("lacks the column {name}")))
        };
        let customers = integers("customer_id")?;
        if customers.values().iter().all(|&customer| customer >= 0) {
            return Ok(batch);
        }
        let (frequencies, lines) = (integers("frequency")?, integers("lines")?);
        let texts = batch.column_by_name("last_seen").and_then(|c| c.as_binary_opt::<i32>());
        let texts = texts.ok_or_else(|| wrong("lacks the column last_seen"))?;
        for row in (0..batch.num_rows()).filter(|&row| customers.value(row) < 0) {
            let number = (-1 - customers.value(row)) as u64;
            let statistics = serde_json::from_slice(texts.value(row));
            let statistics = statistics.map_err(|_| wrong("has statistics that are none"))?;
            let before = self.pieces.insert(number, statistics);
            if before.is_some() || frequencies.value(row) != 1 || lines.value(row) != 1 {
                return Err(wrong(&format!("has piece {number} of the input more than once")));
            }
        }
        let positive: BooleanArray = customers.values().iter().map(|&c| Some(c >= 0)).collect();
        filter_record_batch(&batch, &positive).map_err(|error| wrong(&error.to_string()))
    }

    /// What came of each part, after the last batch. `pieces` are those that were sent.
    ///
    /// # Errors
    /// Pieces without statistics, or statistics without a piece.
    pub fn finish(
        mut self,
        pieces: Vec<Vec<FilePart>>,
        stores: &Stores,
    ) -> Result<Vec<(FilePart, PartSummary)>, ClusterError> {
        let mut all = Vec::with_capacity(pieces.len());
        for (number, parts) in (0..).zip(pieces) {
            let statistics = self.pieces.remove(&number);
            let statistics = statistics.filter(|found| found.parts.len() == parts.len());
            let Some(statistics) = statistics else {
                let problem = format!("the cluster's result lacks piece {number} of the input");
                return Err(ClusterError::fault(problem));
            };
            for (part, found) in parts.into_iter().zip(statistics.parts) {
                let summary = found.summary(stores);
                let summary = summary.map_err(|error| {
                    ClusterError::fault(format!("a rejects file cannot be found: {error}"))
                })?;
                all.push((part, summary));
            }
        }
        match self.pieces.first_key_value() {
            None => Ok(all),
            Some((number, _)) => Err(ClusterError::fault(format!(
                "the cluster's result has a piece {number} that was not sent"
            ))),
        }
    }
}

impl PartStatistics {
    fn summary(self, stores: &Stores) -> Result<PartSummary, StoreError> {
        let Self { lines, rows, kept, after_snapshot, rejected, rejects_file } = self;
        let rejects_file = rejects_file.map(|uri| stores.locate(&uri)).transpose()?;
        Ok(PartSummary { lines, rows, kept, after_snapshot, rejected, rejects_file })
    }
}

#[cfg(test)]
mod tests {
    use order_csv::InputFile;
    use store::Location;

    use super::*;

    /// A result as the plan gives it.
    fn result(rows: &[(i64, &[u8], i64)]) -> RecordBatch {
        let column =
            |name, values: Vec<i64>| (name, Arc::new(Int64Array::from(values)) as ArrayRef);
        let texts = BinaryArray::from_vec(rows.iter().map(|row| row.1).collect());
        RecordBatch::try_from_iter([
            column("customer_id", rows.iter().map(|row| row.0).collect()),
            column("frequency", rows.iter().map(|row| row.2).collect()),
            column("lines", rows.iter().map(|row| row.2).collect()),
            ("last_seen", Arc::new(texts) as ArrayRef),
        ])
        .unwrap()
    }

    fn part(file: usize) -> FilePart {
        let input = InputFile { location: Location::local("/x.csv"), size: 5 };
        FilePart { file, input, blocks: 0..2, lines_before: 0 }
    }

    fn text_of(summary: &PartSummary) -> Vec<u8> {
        let row = row(1, std::slice::from_ref(summary), true).unwrap();
        assert_eq!(row.column(0).as_primitive::<Int64Type>().value(0), -2);
        row.column(4).as_binary::<i32>().value(0).to_vec()
    }

    #[test]
    fn statistics_are_told_from_customers() {
        let rejects_file = Some(Location::local("/r/x.csv"));
        let summary = PartSummary {
            lines: 9,
            rows: 8,
            kept: 1,
            after_snapshot: 2,
            rejected: [0, 1, 4, 0, 0],
            rejects_file,
        };
        let text = text_of(&summary);
        let mut reader = StatisticsReader::default();
        let rest = reader.take(result(&[(7, b"a", 3), (-2, &text, 1), (9, b"b", 2)])).unwrap();
        assert_eq!(rest.column(0).as_primitive::<Int64Type>().values(), &[7, 9]);
        assert_eq!(reader.take(result(&[(8, b"a", 3)])).unwrap().num_rows(), 1);
        assert_eq!(reader.take(result(&[(-1, &text, 1)])).unwrap().num_rows(), 0);
        let all = reader.finish(vec![vec![part(0)], vec![part(1)]], &Stores::local()).unwrap();
        assert_eq!(all, [(part(0), summary.clone()), (part(1), summary)]);
    }

    #[test]
    fn a_piece_too_many_or_too_few_is_a_fault() {
        let text = text_of(&PartSummary::default());
        let take = |rows: &[(i64, &[u8], i64)]| {
            let mut reader = StatisticsReader::default();
            reader.take(result(rows)).map(|_| reader)
        };
        let message =
            |reader: Result<StatisticsReader, ClusterError>| reader.unwrap_err().to_string();
        assert!(message(take(&[(-1, &text, 2)])).contains("piece 0 of the input more than once"));
        assert!(message(take(&[(-1, &text, 1), (-1, &text, 1)])).contains("more than once"));
        assert!(message(take(&[(-1, b"{", 1)])).contains("statistics that are none"));
        let finish = |pieces| {
            let reader = take(&[(-2, &text, 1)]).unwrap();
            reader.finish(pieces, &Stores::local()).unwrap_err().to_string()
        };
        assert!(finish(vec![vec![part(0)], vec![part(0)]]).contains("lacks piece 0"));
        let reader = take(&[(-1, &text, 1), (-2, &text, 1)]).unwrap();
        let error = reader.finish(vec![vec![part(0)]], &Stores::local()).unwrap_err();
        assert!(error.to_string().contains("piece 1 that was not sent"));
    }
}
