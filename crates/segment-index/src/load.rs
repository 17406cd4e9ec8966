//! Reads the newest published snapshot into an index.

mod names;

use std::sync::Arc;

use arrow::array::{Array, AsArray, DictionaryArray, PrimitiveArray, StringArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Int32Type, Int64Type, Schema, SchemaRef,
};
use arrow::record_batch::RecordBatch;
use store::{Location, StoreError, StoreErrorKind};
use warehouse::catalog::{Catalog, CatalogError};
use warehouse::catalog_state::{CatalogState, CatalogTable, Partition};
use warehouse::ddl::ViewDef;
use warehouse::read::{CUSTOMER_ID, ReadError, read_columns};

use self::names::{Met, Names};
use crate::{BuildError, SegmentIndex, SegmentIndexBuilder, Snapshot};

const SEGMENT_ID: &str = "segment_id";
const SEGMENT: &str = "segment";

/// How often the catalog is read when files go away under the reader. Each time a whole publication, and all of the
/// time that old runs are kept, must have come between reading the catalog and reading the files.
const MAX_TRIES: usize = 4;

/// Why no index could be made of what the catalog shows.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The catalog could not be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A data file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The table has not the columns of a table of segments.
    #[error(
        "cannot read segments through the view {view}: its table has no column '{column}' of type {expected}; \
         is the view that of the segments?"
    )]
    Column {
        /// Qualified name of the view.
        view: String,
        /// The column.
        column: &'static str,
        /// Its Arrow type.
        expected: DataType,
    },
    /// Customers are not in the order of their ids, or one is there twice.
    #[error(
        "'{path}' has customer {customer_id} after customer {previous}, and ids must ascend within a snapshot; \
         publish this snapshot again"
    )]
    NotAscending {
        /// The file.
        path: Location,
        /// The customer.
        customer_id: i64,
        /// The one before, which may be the last of the file before.
        previous: i64,
    },
    /// A row without a value that each row must have.
    #[error("'{path}' has a row whose {column} is null; publish this snapshot again")]
    Null {
        /// The file.
        path: Location,
        /// The column.
        column: &'static str,
    },
    /// A segment has two names.
    #[error(
        "'{path}' calls the segment {segment_id} of customer {customer_id} '{found}', but before it was '{before}'; \
         publish this snapshot again"
    )]
    Renamed {
        /// The file.
        path: Location,
        /// The first customer with the other name.
        customer_id: i64,
        /// The segment.
        segment_id: i32,
        /// Its name there.
        found: String,
        /// Its name before.
        before: String,
    },
    /// The files do not hold what the catalog says. Also a look at a folder from which files were being removed.
    #[error(
        "the snapshot {date} of run {run_id} has {found} customers in its files, but {expected} in the catalog; \
         publish it again"
    )]
    Rows {
        /// Day of the snapshot.
        date: String,
        /// The run.
        run_id: String,
        /// Rows of the files.
        found: u64,
        /// Rows as the catalog has them.
        expected: u64,
    },
    /// The customers make no index.
    #[error("cannot make an index of '{path}'")]
    Build {
        /// The file.
        path: Location,
        /// Why.
        source: BuildError,
    },
}

impl LoadError {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Catalog(error) => error.is_retryable() || self.may_be_replaced(),
            Self::Read(error) => error.is_retryable(),
            Self::Build { source, .. } => source.is_retryable(),
            Self::Column { .. }
            | Self::NotAscending { .. }
            | Self::Null { .. }
            | Self::Renamed { .. }
            | Self::Rows { .. } => false,
        }
    }

    /// Whether it may come from files being removed, because the snapshot that the catalog showed has been replaced.
    fn may_be_replaced(&self) -> bool {
        let is_gone = |error: &StoreError| error.kind() == StoreErrorKind::NotFound;
        match self {
            Self::Catalog(CatalogError::Store(error)) => is_gone(error),
            Self::Read(ReadError::Store(error)) => is_gone(error),
            Self::Read(ReadError::Gone { .. }) | Self::Rows { .. } => true,
            _ => false,
        }
    }
}

/// What `view`, the one of the segments, shows now; `None` when there is no view, table or partition yet. Reads the catalog only.
///
/// # Errors
/// [`LoadError::Catalog`].
pub fn current_snapshot(
    catalog: &dyn Catalog,
    view: &ViewDef,
) -> Result<Option<Snapshot>, LoadError> {
    let state = catalog.load()?;
    Ok(resolve(&state, view).map(|(_, _, snapshot)| snapshot))
}

/// All customers of the snapshot that `view` shows now; `None` when there is none yet. `view` is that of the segments,
/// [`warehouse::ddl::USER_SEGMENTS_CURRENT`].
///
/// Three columns are read, 8,192 rows at a time, so the memory needed is that of the index; a million customers take
/// about 50 ms from a local disk. When files are gone
/// because the snapshot has been replaced meanwhile, the catalog is read again.
///
/// # Errors
/// [`LoadError::Catalog`] and [`LoadError::Read`], which may be worth a retry. The others say that what was published
/// is not what the batch job publishes; nothing is guessed then.
pub fn load(catalog: &dyn Catalog, view: &ViewDef) -> Result<Option<SegmentIndex>, LoadError> {
    let mut tries = 1;
    loop {
        match load_once(catalog, view) {
            Err(error) if error.may_be_replaced() && tries < MAX_TRIES => {
                tracing::info!(%error, "segments went away while being read; reading the catalog again");
                tries += 1;
            }
            result => return result,
        }
    }
}

fn load_once(catalog: &dyn Catalog, view: &ViewDef) -> Result<Option<SegmentIndex>, LoadError> {
    let state = catalog.load()?;
    let Some((table, partition, snapshot)) = resolve(&state, view) else { return Ok(None) };
    let schema = schema_to_read(&table.arrow_schema(), view)?;
    let (builder, names) = (SegmentIndexBuilder::new(), Names::default());
    let mut loading = Loading { view, rows: 0, builder, names };
    let mut last_path = catalog.warehouse().join(&partition.location);
    for path in catalog.data_files(partition)? {
        loading.read_file(&path, &schema)?;
        last_path = path;
    }
    let Loading { rows, builder, names, .. } = loading;
    if let Some(expected) = partition.rows()
        && expected != rows
    {
        let Snapshot { date, run_id } = snapshot;
        return Err(LoadError::Rows { date: date.to_string(), run_id, found: rows, expected });
    }
    let index = builder.finish(names.into_segments(), Some(snapshot));
    index.map(Some).map_err(|source| LoadError::Build { path: last_path, source })
}

/// The table behind the view, the partition that it shows, and which snapshot that is.
fn resolve<'s>(
    state: &'s CatalogState,
    view: &ViewDef,
) -> Option<(&'s CatalogTable, &'s Partition, Snapshot)> {
    let name = view.qualified_name();
    let (table, partition) = state.resolve_view(&name)?;
    let date = state.view(&name)?.snapshot_date.clone();
    Some((table, partition, Snapshot { date, run_id: partition.run_id.clone() }))
}

/// The table's schema, with names as dictionaries, so that a name is looked at once and not once a customer.
fn schema_to_read(schema: &SchemaRef, view: &ViewDef) -> Result<SchemaRef, LoadError> {
    let needed =
        [(CUSTOMER_ID, DataType::Int64), (SEGMENT_ID, DataType::Int32), (SEGMENT, DataType::Utf8)];
    for (column, expected) in needed {
        if schema.field_with_name(column).map(Field::data_type).ok() != Some(&expected) {
            return Err(LoadError::Column { view: view.qualified_name(), column, expected });
        }
    }
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let fields = schema.fields().iter().map(|field| match field.name().as_str() {
        SEGMENT => Arc::new(field.as_ref().clone().with_data_type(dictionary.clone())),
        _ => field.clone(),
    });
    Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

/// What has been read so far.
struct Loading<'v> {
    view: &'v ViewDef,
    rows: u64,
    builder: SegmentIndexBuilder,
    names: Names,
}

impl Loading<'_> {
    fn read_file(&mut self, path: &Location, schema: &SchemaRef) -> Result<(), LoadError> {
        let columns = [CUSTOMER_ID, SEGMENT_ID, SEGMENT];
        for batch in read_columns(vec![path.clone()], schema.clone(), &columns) {
            self.read_batch(path, &batch?)?;
        }
        Ok(())
    }

    fn read_batch(&mut self, path: &Location, batch: &RecordBatch) -> Result<(), LoadError> {
        let ids = self.column(batch, CUSTOMER_ID, DataType::Int64, as_numbers::<Int64Type>)?;
        let segment_ids =
            self.column(batch, SEGMENT_ID, DataType::Int32, as_numbers::<Int32Type>)?;
        let (names, texts) = self.column(batch, SEGMENT, DataType::Utf8, as_names)?;
        let nulls = [
            (CUSTOMER_ID, ids.null_count()),
            (SEGMENT_ID, segment_ids.null_count()),
            (SEGMENT, names.logical_null_count()),
        ];
        if let Some((column, _)) = nulls.into_iter().find(|(_, nulls)| *nulls > 0) {
            return Err(LoadError::Null { path: path.clone(), column });
        }
        self.names.begin_batch();
        let rows = ids.values().iter().zip(segment_ids.values()).zip(names.keys().values());
        for ((&customer_id, &segment_id), &key) in rows {
            let code = match self.names.code_of(segment_id, key) {
                Some(code) => code,
                None => {
                    let text = texts.value(key as usize);
                    match self.names.meet(segment_id, key, text) {
                        Met::Code(code) => code,
                        Met::Renamed { before } => {
                            return Err(LoadError::Renamed {
                                path: path.clone(),
                                customer_id,
                                segment_id,
                                found: text.to_owned(),
                                before,
                            });
                        }
                        Met::TooMany { found } => {
                            let source = BuildError::TooManySegments { found };
                            return Err(LoadError::Build { path: path.clone(), source });
                        }
                    }
                }
            };
            self.builder.push(customer_id, code).map_err(|error| match error {
                BuildError::NotAscending { customer_id, previous } => {
                    LoadError::NotAscending { path: path.clone(), customer_id, previous }
                }
                source => LoadError::Build { path: path.clone(), source },
            })?;
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// The reader has seen to it that the columns have these types; all the same nothing may be left out silently.
    fn column<'b, T>(
        &self,
        batch: &'b RecordBatch,
        column: &'static str,
        expected: DataType,
        values: impl Fn(&'b dyn Array) -> Option<T>,
    ) -> Result<T, LoadError> {
        let found = batch.column_by_name(column).and_then(|column| values(column.as_ref()));
        let view = || self.view.qualified_name();
        found.ok_or_else(|| LoadError::Column { view: view(), column, expected })
    }
}

fn as_numbers<T: ArrowPrimitiveType>(column: &dyn Array) -> Option<&PrimitiveArray<T>> {
    column.as_primitive_opt()
}

fn as_names(column: &dyn Array) -> Option<(&DictionaryArray<Int32Type>, &StringArray)> {
    let names = column.as_dictionary_opt()?;
    Some((names, names.values().as_string_opt()?))
}
