//! What a Hive user expects of the tables.

use test_cluster::{Cluster, Part};

use super::HiveJob;
use crate::job::orders;

#[test]
fn statements_that_people_use() {
    let cluster = Cluster::shared(&[Part::Hive]);
    let hive = HiveJob::new(cluster, "statements");
    hive.put("a.csv", &orders(3_000, 1, 0.0));
    let report = hive.report("a.csv", "2012-01-01");
    let customers = report["customers"].as_u64().unwrap().to_string();
    let mut beeline = cluster.beeline();
    let mut text = |sql: &str| {
        let rows = beeline.query(&sql.replace("DB", &hive.database)).unwrap();
        rows.iter().map(|row| row.join("|")).collect::<Vec<_>>().join("\n")
    };
    let ddl = text("show create table DB.ecom_user_segments");
    for part in [
        "CREATE EXTERNAL TABLE `statements`.`ecom_user_segments`(",
        "`monetary` decimal(20,4) COMMENT 'sum of quantity x unit price, exact, in the currency of the input'",
        "COMMENT 'segment of each customer'",
        "`snapshot_date` string COMMENT 'yyyy-MM-dd, orders before this day (UTC) are counted'",
        "'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'",
        "'external.table.purge'='false'",
        "'parquet.compression'='SNAPPY'",
        "/tests/statements/warehouse/ecom_user_segments'",
    ] {
        assert!(ddl.contains(part), "no {part} in\n{ddl}");
    }
    let described =
        text("describe formatted DB.ecom_user_rfm_batch partition (snapshot_date='2012-01-01')");
    let figure = |name: &str| {
        let line = described
            .lines()
            .find(|line| line.trim_start_matches('|').trim_start().starts_with(name));
        line.unwrap_or_else(|| panic!("no {name} in\n{described}"))
            .split('|')
            .nth(2)
            .unwrap()
            .trim()
            .to_owned()
    };
    assert_eq!(figure("numRows"), customers);
    assert_eq!(figure("numFiles"), "1");
    assert_eq!(figure("rfm.run_id"), report["run_id"].as_str().unwrap());
    let file = hive.warehouse().join(report["tables"][0]["location"].as_str().unwrap());
    let bytes = file.join("part-00000.parquet").stat().unwrap().unwrap().size;
    assert_eq!(figure("totalSize"), bytes.to_string());
    assert!(text("describe formatted DB.ecom_user_segments_current").contains("VIRTUAL_VIEW"));

    // MSCK finds nothing to repair: run directories are hidden
    let partitions = text("show partitions DB.ecom_user_segments");
    text("msck repair table DB.ecom_user_segments sync partitions");
    assert_eq!(text("show partitions DB.ecom_user_segments"), partitions);
    assert_eq!(partitions, "snapshot_date=2012-01-01");
    assert_eq!(text("select count(*) from DB.ecom_user_segments_current"), customers);

    // this metastore makes its tables on first use, but not when it is to write the statistics of columns
    text("describe formatted DB.ecom_user_segments partition (snapshot_date='2012-01-01') segment");
    // statistics by Hive itself, then a run that replaces the partition and with it the statistics
    text(
        "analyze table DB.ecom_user_segments partition (snapshot_date='2012-01-01') compute statistics",
    );
    text(
        "analyze table DB.ecom_user_segments partition (snapshot_date='2012-01-01') compute statistics for columns",
    );
    hive.put("a.csv", &orders(4_000, 2, 0.0));
    let report = hive.report("a.csv", "2012-01-01");
    let customers = report["customers"].as_u64().unwrap().to_string();
    assert_eq!(text("select count(*) from DB.ecom_user_segments_current"), customers);

    // dropping a table keeps its files, and the next run has it back with all that it publishes
    let runs = hive.run_directories();
    text("drop table DB.ecom_user_segments");
    assert_eq!(hive.run_directories(), runs);
    hive.report("a.csv", "2012-01-02");
    assert_eq!(text("show partitions DB.ecom_user_segments"), "snapshot_date=2012-01-02");

    // a table made by hand, with the statements of hive/ddl, is the same one
    text("drop table DB.ecom_user_segments");
    let ddl = include_str!("../../../../../hive/ddl/11_ecom_user_segments.sql");
    text(
        ddl.lines()
            .filter(|line| !line.starts_with("--"))
            .collect::<Vec<_>>()
            .join(" ")
            .replace("${hivevar:database}", "DB")
            .replace("${hivevar:prefix}", "")
            .replace("${hivevar:warehouse}", &hive.warehouse().uri())
            .trim_end_matches(';'),
    );
    hive.report("a.csv", "2012-01-03");
    assert_eq!(text("show partitions DB.ecom_user_segments"), "snapshot_date=2012-01-03");

    // the raw lines
    let raw = include_str!("../../../../../hive/ddl/01_online_retail_raw.sql");
    text(
        raw.lines()
            .filter(|line| !line.starts_with("--"))
            .collect::<Vec<_>>()
            .join(" ")
            .replace("${hivevar:database}", "DB")
            .replace("${hivevar:prefix}", "")
            .replace("${hivevar:input}", &hive.folder.join("input").uri())
            .trim_end_matches(';'),
    );
    assert_eq!(text("select count(*) from DB.online_retail_raw"), "4000");
    assert_eq!(
        text(
            "select count(distinct customer_id) from DB.online_retail_raw where cast(customer_id as bigint) > 0 and cast(quantity as int) > 0 and cast(unit_price as decimal(20,4)) > 0 and invoice_no not like 'C%' and invoice_no not like 'A%'"
        ),
        customers
    );
}
