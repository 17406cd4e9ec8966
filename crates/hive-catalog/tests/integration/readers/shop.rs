//! The shop's own tables and views, as publications leave them.

use arrow::datatypes::SchemaRef;
use warehouse::ddl::TableDef;
use warehouse::schema::arrow_schema;

use super::hive::{Hive, Mode};
use super::spark::{Reader, spark};
use super::text::{Row, assert_same, of_batch, sorted};
use crate::helper::{Shop, Version};
use crate::rows::rows;

const OLD: &str = "2011-12-09";
const NEW: &str = "2011-12-10";

/// All columns, the partition key last.
fn schema(table: &TableDef) -> SchemaRef {
    arrow_schema(&[&table.columns[..], &table.partition_keys].concat())
}

/// The rows of a snapshot.
fn snapshot(table: &TableDef, date: &str, n_rows: i64) -> Vec<Row> {
    let mut rows = of_batch(&rows(&table.arrow_schema(), 0, n_rows, 1));
    rows.iter_mut().for_each(|row| row.push(Some(date.to_owned())));
    rows
}

/// Publishes and reads tables and views with `read`, which gives the columns of a schema from a table or view. Sessions
/// that are open see at once what is published next, also fewer rows than there were.
fn publish_and_read(version: Version, mut read: impl FnMut(&SchemaRef, &str) -> Vec<Row>) {
    let shop = Shop::new(version);
    shop.publish(OLD, 40).unwrap();
    for n_rows in [70, 3] {
        shop.publish(NEW, n_rows).unwrap();
        for (table, view) in shop.ddl.tables.iter().zip(&shop.ddl.views) {
            let schema = schema(table);
            let (name, view_name) = (table.qualified_name(), view.qualified_name());
            let old = format!("{name} where snapshot_date = '{OLD}'");
            let new = format!("{name} where snapshot_date = '{NEW}'");
            for (from, date, n_rows) in
                [(&view_name, NEW, n_rows), (&new, NEW, n_rows), (&old, OLD, 40)]
            {
                let expected = snapshot(table, date, n_rows);
                assert_same(from, &sorted(read(&schema, from)), &expected, &schema);
            }
        }
    }
}

#[test]
fn in_hive() {
    let mut hive = Hive::new();
    publish_and_read(Version::Hive4, |schema, from| {
        let counted = hive.printed(&format!("select count(*) from {from}"));
        let rows = hive.rows(Mode::Fetch, schema, from);
        assert_eq!(counted, [[rows.len().to_string()]], "{from}");
        rows
    });
}

#[test]
fn in_spark() {
    // It cannot read the tables of a Hive 4 metastore: it calls `get_table`, which that has no more.
    publish_and_read(Version::Hive3, |schema, from| {
        let columns: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let sql = format!("select {} from {from}", columns.join(", "));
        let rows = spark().rows(Reader::Own, &sql);
        assert_eq!(sorted(spark().rows(Reader::Hive, &sql)), sorted(rows.clone()), "{from}");
        rows
    });
}
