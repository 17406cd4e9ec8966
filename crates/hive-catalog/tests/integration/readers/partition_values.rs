//! Partition values that Hive escapes, and none at all, in every reader that knows of partitions.

use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use warehouse::catalog::Catalog;
use warehouse::partition_path::DEFAULT_PARTITION;

use super::hive::{Hive, Mode};
use super::spark::{Reader, spark};
use super::table::{register, table, write};
use super::text::{Row, sorted};
use crate::helper::{locate, unique};

const DAY: &str = "2011-12-10";

const SHOPS: [Option<&str>; 13] = [
    Some("plain"),
    Some("a/b=c%d é"),
    Some("two words"),
    Some("12:30"),
    Some("日本"),
    Some("🛒"),
    // Both kinds of quotes at once Spark cannot look for.
    Some("it's"),
    Some("a \"b\""),
    Some("%2F"),
    Some("#?*[]{}^"),
    Some("=first"),
    Some("back\\slash"),
    None,
];

/// A text in the SQL of Hive and Spark.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[test]
fn are_what_was_published() {
    let database = unique();
    let warehouse = locate(&database);
    let columns = [("id", "bigint")];
    let def = table(&database, "by_shop", &warehouse, &columns, &["day", "shop"]);
    let partitions = SHOPS.iter().enumerate().map(|(id, shop)| {
        let ids = Arc::new(Int64Array::from(vec![id as i64]));
        let batch = RecordBatch::try_new(def.arrow_schema(), vec![ids]).unwrap();
        write(&warehouse, &def, &[Some(DAY), *shop], &batch)
    });
    let partitions: Vec<_> = partitions.collect();
    let catalogs = register(&warehouse, &def, &partitions);
    // And again, which changes them. An empty text is null.
    let mut again = partitions.clone();
    again[SHOPS.len() - 1].partition.values[1] = Some(String::new());
    register(&warehouse, &def, &again);
    let name = def.qualified_name();
    for catalog in &catalogs {
        let state = catalog.load().unwrap();
        let found = &state.tables[&name].partitions;
        assert_eq!(found.len(), SHOPS.len());
        for change in &partitions {
            let found = &found[&change.name];
            assert_eq!(found.values, change.partition.values);
            assert_eq!(found.location, change.partition.location);
        }
    }

    let expected: Vec<Row> = (0..)
        .zip(SHOPS)
        .map(|(id, shop)| vec![Some(id.to_string()), Some(DAY.into()), shop.map(str::to_owned)])
        .collect();
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let id = Field::new("id", DataType::Int64, true);
    let all = Arc::new(Schema::new(vec![id.clone(), text("day"), text("shop")]));
    let only_id = Arc::new(Schema::new(vec![id]));
    let conditions = SHOPS.map(|shop| match shop {
        Some(shop) => format!("day = '{DAY}' and shop = {}", quoted(shop)),
        None => format!("day = '{DAY}' and shop is null"),
    });

    // For Hive's readers a null key of type STRING is a text, whoever has made the partition.
    let mut in_hive = expected.clone();
    in_hive[SHOPS.len() - 1][2] = Some(DEFAULT_PARTITION.to_owned());
    let is_text = format!("= '{DEFAULT_PARTITION}'");

    let mut hive = Hive::new();
    for mode in [Mode::Fetch, Mode::Vectorised] {
        assert_eq!(sorted(hive.rows(mode, &all, &name)), in_hive, "Hive, {mode:?}");
    }
    for (id, condition) in conditions.iter().enumerate() {
        let condition = condition.replace("is null", &is_text);
        let found = hive.rows(Mode::Fetch, &only_id, &format!("{name} where {condition}"));
        assert_eq!(found, [[Some(id.to_string())]], "Hive, {condition}");
    }
    for (reader, expected) in [(Reader::Own, &expected), (Reader::Hive, &in_hive)] {
        let found = spark().rows(reader, &format!("select id, day, shop from {name}"));
        assert_eq!(&sorted(found), expected, "Spark, {reader:?}");
    }
    // Whichever the reader, the metastore chooses the partitions.
    for (id, condition) in conditions.iter().enumerate() {
        let sql = format!("select id from {name} where {condition}");
        assert_eq!(spark().rows(Reader::Own, &sql), [[Some(id.to_string())]], "Spark, {sql}");
    }
}
