//! Hive's tables and partitions as Glue has them, and back.
//!
//! Field by field, as AWS's own client for Hive does it, so that Hive and Spark on EMR find what Hive itself would have
//! stored.

use std::collections::HashMap;

use aws_sdk_glue::error::BuildError;
use aws_sdk_glue::primitives::DateTime;
use aws_sdk_glue::types::{
    Column, Partition as GluePartition, PartitionInput, PartitionValueList, SerDeInfo as GlueSerDe,
    StorageDescriptor as GlueStorage, Table as GlueTable, TableInput,
};
use hive_metastore::{FieldSchema, Partition, SerDeInfo, StorageDescriptor, Table};
use pilota::{AHashMap, FastStr};
use warehouse::partition_path::{DEFAULT_PARTITION, parse_partition_name};

type Parameters = AHashMap<FastStr, FastStr>;

/// What tells Glue's own programs, and Athena's, what the files are.
const CLASSIFICATION: (&str, &str) = ("classification", "parquet");
/// A request to a metastore, which there is none of here.
const NO_STATS: &str = "DO_NOT_UPDATE_STATS";

/// A table or view that is to be there.
pub(crate) fn table_input(table: &Table) -> Result<TableInput, BuildError> {
    let mut parameters = plain(table.parameters.as_ref());
    parameters.remove(NO_STATS);
    let comment = parameters.get("comment").cloned();
    let is_view = table.table_type.as_deref() == Some("VIRTUAL_VIEW");
    if !is_view {
        let (key, value) = CLASSIFICATION;
        parameters.insert(key.to_owned(), value.to_owned());
    }
    TableInput::builder()
        .name(text(table.table_name.as_ref()).unwrap_or_default())
        .set_description(comment)
        .set_owner(text(table.owner.as_ref()))
        .retention(table.retention.unwrap_or_default())
        .set_storage_descriptor(table.sd.as_ref().map(storage).transpose()?)
        .set_partition_keys(table.partition_keys.as_deref().map(columns).transpose()?)
        .set_view_original_text(text(table.view_original_text.as_ref()))
        .set_view_expanded_text(text(table.view_expanded_text.as_ref()))
        .set_table_type(text(table.table_type.as_ref()))
        .set_parameters(Some(parameters))
        .build()
}

/// A partition that is to be there.
pub(crate) fn partition_input(partition: &Partition) -> Result<PartitionInput, BuildError> {
    Ok(PartitionInput::builder()
        .set_values(Some(values(partition)))
        .set_storage_descriptor(partition.sd.as_ref().map(storage).transpose()?)
        .set_parameters(Some(plain(partition.parameters.as_ref())))
        .build())
}

/// The values of a partition, in the order of the keys.
pub(crate) fn values(partition: &Partition) -> Vec<String> {
    partition.values.iter().flatten().map(FastStr::to_string).collect()
}

/// The values in a partition's name; `None` for a text that no partition is called.
pub(crate) fn values_of_name(name: &str) -> Option<Vec<String>> {
    let keys_and_values = parse_partition_name(name).ok()?.into_iter();
    let value =
        |(_, value): (_, Option<String>)| value.unwrap_or_else(|| DEFAULT_PARTITION.to_owned());
    Some(keys_and_values.map(value).collect())
}

/// Partitions that are asked for, each once: Glue refuses to be asked for one twice.
pub(crate) fn value_lists(names: &[String]) -> Result<Vec<PartitionValueList>, BuildError> {
    let mut all: Vec<_> = names.iter().filter_map(|name| values_of_name(name)).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter()
        .map(|values| PartitionValueList::builder().set_values(Some(values)).build())
        .collect()
}

fn storage(sd: &StorageDescriptor) -> Result<GlueStorage, BuildError> {
    let serde = sd.serde_info.as_ref().map(|serde| {
        GlueSerDe::builder()
            .set_name(text(serde.name.as_ref()))
            .set_serialization_library(text(serde.serialization_lib.as_ref()))
            .set_parameters(serde.parameters.as_ref().map(|parameters| plain(Some(parameters))))
            .build()
    });
    Ok(GlueStorage::builder()
        .set_columns(sd.cols.as_deref().map(columns).transpose()?)
        .set_location(text(sd.location.as_ref()))
        .set_input_format(text(sd.input_format.as_ref()))
        .set_output_format(text(sd.output_format.as_ref()))
        .compressed(sd.compressed.unwrap_or_default())
        .number_of_buckets(sd.num_buckets.unwrap_or_default())
        .set_serde_info(serde)
        .set_parameters(Some(plain(sd.parameters.as_ref())))
        .stored_as_sub_directories(false)
        .build())
}

fn columns(fields: &[FieldSchema]) -> Result<Vec<Column>, BuildError> {
    let column = |field: &FieldSchema| {
        Column::builder()
            .name(text(field.name.as_ref()).unwrap_or_default())
            .set_type(text(field.r#type.as_ref()))
            .set_comment(text(field.comment.as_ref()))
            .build()
    };
    fields.iter().map(column).collect()
}

/// A table or view that was found.
pub(crate) fn table(found: GlueTable) -> Table {
    Table {
        db_name: fast(found.database_name),
        table_name: fast(Some(found.name)),
        owner: fast(found.owner),
        create_time: found.create_time.as_ref().and_then(seconds),
        retention: Some(found.retention),
        sd: found.storage_descriptor.map(descriptor),
        partition_keys: Some(fields(found.partition_keys)),
        view_original_text: fast(found.view_original_text),
        view_expanded_text: fast(found.view_expanded_text),
        table_type: fast(found.table_type),
        parameters: Some(parameters(found.parameters)),
        ..Table::default()
    }
}

/// A partition that was found.
pub(crate) fn partition(found: GluePartition) -> Partition {
    Partition {
        db_name: fast(found.database_name),
        table_name: fast(found.table_name),
        values: found.values.map(|values| values.into_iter().map(FastStr::from).collect()),
        create_time: found.creation_time.as_ref().and_then(seconds),
        sd: found.storage_descriptor.map(descriptor),
        parameters: Some(parameters(found.parameters)),
        ..Partition::default()
    }
}

fn descriptor(found: GlueStorage) -> StorageDescriptor {
    let serde = |serde: GlueSerDe| SerDeInfo {
        name: fast(serde.name),
        serialization_lib: fast(serde.serialization_library),
        parameters: Some(parameters(serde.parameters)),
    };
    StorageDescriptor {
        cols: Some(fields(found.columns)),
        location: fast(found.location),
        input_format: fast(found.input_format),
        output_format: fast(found.output_format),
        compressed: Some(found.compressed),
        num_buckets: Some(found.number_of_buckets),
        serde_info: found.serde_info.map(serde),
        bucket_cols: Some(Vec::new()),
        sort_cols: Some(Vec::new()),
        parameters: Some(parameters(found.parameters)),
        ..StorageDescriptor::default()
    }
}

fn fields(columns: Option<Vec<Column>>) -> Vec<FieldSchema> {
    let field = |column: Column| FieldSchema {
        name: fast(Some(column.name)),
        r#type: fast(column.r#type),
        comment: fast(column.comment),
    };
    columns.unwrap_or_default().into_iter().map(field).collect()
}

fn seconds(time: &DateTime) -> Option<i32> {
    i32::try_from(time.secs()).ok()
}

fn text(text: Option<&FastStr>) -> Option<String> {
    text.map(FastStr::to_string)
}

fn fast(text: Option<String>) -> Option<FastStr> {
    text.map(FastStr::from)
}

fn plain(parameters: Option<&Parameters>) -> HashMap<String, String> {
    let all = parameters.into_iter().flatten();
    all.map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

fn parameters(found: Option<HashMap<String, String>>) -> Parameters {
    let all = found.into_iter().flatten();
    all.map(|(key, value)| (FastStr::from(key), FastStr::from(value))).collect()
}
