//! Tables, partitions and views as the metastore stores them.
//!
//! What stands here is what Hive itself would store for the statements in `hive/ddl`, so that tables are the same
//! whoever creates them.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use hive_metastore::{FieldSchema, Partition, SerDeInfo, StorageDescriptor, Table};
use pilota::{AHashMap, FastStr};
use warehouse::catalog_state::{CatalogTable, DataFile};
use warehouse::ddl::{TableDef, ViewDef};
use warehouse::schema::Column;
use warehouse::snapshot_date::SnapshotDate;

/// Parameter of views and partitions: the run that published them.
pub(crate) const RUN_ID: &str = "rfm.run_id";
pub(crate) const EXTERNAL_TABLE: &str = "EXTERNAL_TABLE";
pub(crate) const VIRTUAL_VIEW: &str = "VIRTUAL_VIEW";

const PARQUET_SERDE: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";
const PARQUET_INPUT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat";
const PARQUET_OUTPUT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat";

/// What stands for null in a partition's values.
const NULL_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

type Parameters = AHashMap<FastStr, FastStr>;

/// A table that is to be created, with its files in the folder `location`.
pub(crate) fn table(def: &TableDef, location: &str, owner: &str) -> Table {
    let mut parameters = parameters(&def.properties);
    parameters.insert("comment".into(), text(&def.comment));
    // Nothing is known of the files; the partitions have their own figures.
    parameters.insert("DO_NOT_UPDATE_STATS".into(), "true".into());
    Table {
        db_name: Some(text(&def.database)),
        table_name: Some(text(&def.name)),
        owner: Some(text(owner)),
        sd: Some(parquet_files(&def.columns, location)),
        partition_keys: Some(fields(&def.partition_keys)),
        parameters: Some(parameters),
        table_type: Some(EXTERNAL_TABLE.into()),
        ..Table::default()
    }
}

/// A partition that is to be there.
///
/// Its figures are exact: they are counted while the files are written. They are given anew each time, because the
/// metastore would keep the old ones.
pub(crate) fn partition(
    def: &TableDef,
    values: &[Option<String>],
    location: &str,
    run_id: &str,
    files: &[DataFile],
) -> Partition {
    let sum = |figure: fn(&DataFile) -> u64| files.iter().map(figure).sum::<u64>().to_string();
    let parameters = BTreeMap::from([
        (RUN_ID.to_owned(), run_id.to_owned()),
        ("numFiles".to_owned(), files.len().to_string()),
        ("numRows".to_owned(), sum(|file| file.rows)),
        ("totalSize".to_owned(), sum(|file| file.bytes)),
    ]);
    described(def, values, location, self::parameters(&parameters), seconds_now())
}

/// A partition of an order table that is to be there.
///
/// Files come and go in its folder, so nothing is known of them: a figure would soon be wrong. Left out, though, a
/// metastore that adds the partition counts the files of that moment, unless the table forbids it, which it forgets (its
/// `containsAllFastStats` and `canUpdateStats`). -1 is what Hive takes a figure for that is missing, and Spark and Trino
/// pass over negative ones.
pub(crate) fn order_partition(
    def: &TableDef,
    values: &[Option<String>],
    location: &str,
    create_time: Option<i32>,
) -> Partition {
    let unknown = |figure: &str| (text(figure), FastStr::from("-1"));
    let parameters = ["numFiles", "totalSize", "numFilesErasureCoded"].map(unknown);
    let parameters = Parameters::from_iter(parameters);
    described(def, values, location, parameters, create_time)
}

/// Seconds since 1970, as the metastore counts time.
pub(crate) fn seconds_now() -> Option<i32> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i32::try_from(now.as_secs()).ok()
}

/// `create_time` in seconds since 1970; left out, a change would set it back to 1970.
fn described(
    def: &TableDef,
    values: &[Option<String>],
    location: &str,
    parameters: Parameters,
    create_time: Option<i32>,
) -> Partition {
    // For Hive an empty text is null, too.
    let value = |value: &Option<String>| {
        text(value.as_deref().filter(|value| !value.is_empty()).unwrap_or(NULL_VALUE))
    };
    Partition {
        create_time,
        db_name: Some(text(&def.database)),
        table_name: Some(text(&def.name)),
        values: Some(values.iter().map(value).collect()),
        sd: Some(parquet_files(&def.columns, location)),
        parameters: Some(parameters),
        ..Partition::default()
    }
}

/// A view that is to show the snapshot of `date`. `before` is what is there.
pub(crate) fn view(
    def: &ViewDef,
    table: &TableDef,
    date: &SnapshotDate,
    run_id: &str,
    owner: &str,
    before: Option<&Table>,
) -> Table {
    let type_of = |name: &str| {
        let mut columns = table.columns.iter().chain(&table.partition_keys);
        columns
            .find(|column| column.name == name)
            .map_or_else(|| "string".to_owned(), |column| column.hive_type.to_string())
    };
    let columns = def.columns.iter().map(|column| FieldSchema {
        name: Some(text(&column.name)),
        r#type: Some(type_of(&column.name).into()),
        comment: Some(text(&column.comment)),
    });
    let columns = columns.collect();
    let mut parameters: Parameters =
        before.and_then(|before| before.parameters.clone()).unwrap_or_default();
    parameters.remove("transient_lastDdlTime");
    parameters.insert("comment".into(), text(&def.comment));
    parameters.insert(RUN_ID.into(), text(run_id));
    let query = text(&def.text_for(date));
    Table {
        db_name: Some(text(&def.database)),
        table_name: Some(text(&def.name)),
        owner: before.and_then(|before| before.owner.clone()).or_else(|| Some(text(owner))),
        create_time: before.and_then(|before| before.create_time),
        sd: Some(StorageDescriptor {
            cols: Some(columns),
            input_format: Some("org.apache.hadoop.mapred.SequenceFileInputFormat".into()),
            output_format: Some("org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat".into()),
            serde_info: Some(SerDeInfo::default()),
            num_buckets: Some(-1),
            compressed: Some(false),
            bucket_cols: Some(Vec::new()),
            sort_cols: Some(Vec::new()),
            parameters: Some(Parameters::default()),
            ..StorageDescriptor::default()
        }),
        partition_keys: Some(Vec::new()),
        parameters: Some(parameters),
        // Both: without the expanded text Hive fails with a null pointer.
        view_original_text: Some(query.clone()),
        view_expanded_text: Some(query),
        table_type: Some(VIRTUAL_VIEW.into()),
        ..Table::default()
    }
}

/// Why the files that are written for `def` do not belong into the table that is there, if they do not.
///
/// `location` and `found_location` are the folders as the metastore is to have them and has them.
pub(crate) fn difference(
    def: &TableDef,
    found: &Table,
    location: &str,
    found_location: &str,
) -> Option<String> {
    let kind = found.table_type.as_deref().unwrap_or_default();
    if kind != EXTERNAL_TABLE {
        return Some(format!("it is a {kind}, this program writes an {EXTERNAL_TABLE}"));
    }
    if found_location != location {
        return Some(format!(
            "its folder is '{found_location}', this program would use '{location}'"
        ));
    }
    let descriptor = found.sd.as_ref();
    let serde = descriptor
        .and_then(|sd| sd.serde_info.as_ref()?.serialization_lib.as_deref())
        .unwrap_or_default();
    if serde != PARQUET_SERDE {
        return Some(format!("its files are read by {serde}, this program writes Parquet"));
    }
    let columns = descriptor.and_then(|sd| sd.cols.as_deref()).unwrap_or_default();
    let keys = found.partition_keys.as_deref().unwrap_or_default();
    columns_difference("column", columns, &def.columns)
        .or_else(|| columns_difference("partition key", keys, &def.partition_keys))
}

fn columns_difference(what: &str, found: &[FieldSchema], wanted: &[Column]) -> Option<String> {
    let name = |field: &FieldSchema| field.name.as_deref().unwrap_or_default().to_owned();
    let kind = |field: &FieldSchema| field.r#type.as_deref().unwrap_or_default().to_owned();
    for index in 0..found.len().max(wanted.len()) {
        match (found.get(index), wanted.get(index)) {
            (Some(a), Some(b)) if name(a) == b.name && kind(a) == b.hive_type.to_string() => {}
            (Some(a), Some(b)) => {
                return Some(format!(
                    "{what} {} is '{}' {}, this program writes '{}' {}",
                    index + 1,
                    name(a),
                    kind(a),
                    b.name,
                    b.hive_type
                ));
            }
            (Some(a), None) => {
                return Some(format!("{what} '{}' is unknown to this program", name(a)));
            }
            (None, Some(b)) => return Some(format!("{what} '{}' is missing", b.name)),
            (None, None) => {}
        }
    }
    None
}

/// A table that was found to fit `def`, without its partitions.
pub(crate) fn catalog_table(def: &TableDef, found: &Table) -> CatalogTable {
    let all = found.parameters.iter().flatten();
    CatalogTable {
        location: def.directory.clone(),
        columns: def.columns.clone(),
        partition_keys: def.partition_keys.clone(),
        comment: def.comment.clone(),
        properties: all.map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        partitions: BTreeMap::new(),
    }
}

/// The values of a partition, as text; `None` is null.
pub(crate) fn values(partition: &Partition) -> Vec<Option<String>> {
    let values = partition.values.iter().flatten();
    values.map(|value| (value != NULL_VALUE).then(|| value.to_string())).collect()
}

/// A parameter's value.
pub(crate) fn parameter<'a>(parameters: Option<&'a Parameters>, key: &str) -> Option<&'a str> {
    parameters?.get(key).map(FastStr::as_str)
}

fn parquet_files(columns: &[Column], location: &str) -> StorageDescriptor {
    let serde_parameters = BTreeMap::from([("serialization.format".to_owned(), "1".to_owned())]);
    StorageDescriptor {
        cols: Some(fields(columns)),
        location: Some(text(location)),
        input_format: Some(PARQUET_INPUT.into()),
        output_format: Some(PARQUET_OUTPUT.into()),
        compressed: Some(false),
        num_buckets: Some(-1),
        serde_info: Some(SerDeInfo {
            name: None,
            serialization_lib: Some(PARQUET_SERDE.into()),
            parameters: Some(parameters(&serde_parameters)),
        }),
        bucket_cols: Some(Vec::new()),
        sort_cols: Some(Vec::new()),
        parameters: Some(Parameters::default()),
        ..StorageDescriptor::default()
    }
}

fn fields(columns: &[Column]) -> Vec<FieldSchema> {
    let field = |column: &Column| FieldSchema {
        name: Some(text(&column.name)),
        r#type: Some(column.hive_type.to_string().into()),
        comment: Some(text(&column.comment)),
    };
    columns.iter().map(field).collect()
}

fn parameters(of: &BTreeMap<String, String>) -> Parameters {
    of.iter().map(|(key, value)| (text(key), text(value))).collect()
}

fn text(text: &str) -> FastStr {
    text.to_owned().into()
}
