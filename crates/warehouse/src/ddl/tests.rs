use std::time::Instant;

use super::*;

fn naming() -> Naming {
    Naming::new("sales", "shop_", "/data/it's; a warehouse/").unwrap()
}

#[test]
fn reads_tables() {
    let ddl = Ddl::load(&naming()).unwrap();
    let names: Vec<_> = ddl.tables.iter().map(TableDef::qualified_name).collect();
    assert_eq!(
        names,
        [
            "sales.shop_ecom_user_rfm_batch",
            "sales.shop_ecom_user_segments",
            "sales.shop_ecom_segment_profiles"
        ]
    );
    let table = ddl.table(USER_RFM_BATCH).unwrap();
    let columns: Vec<_> =
        table.columns.iter().map(|c| format!("{} {}", c.name, c.hive_type)).collect();
    assert_eq!(
        columns,
        [
            "customer_id bigint",
            "recency_days int",
            "frequency bigint",
            "monetary decimal(20,4)",
            "last_order timestamp",
            "country string",
            "r_score int",
            "f_score int",
            "m_score int"
        ]
    );
    assert_eq!(table.partition_keys.len(), 1);
    assert_eq!(table.partition_keys[0].name, "snapshot_date");
    assert_eq!(table.location, "/data/it's; a warehouse/shop_ecom_user_rfm_batch");
    assert_eq!(table.directory, "shop_ecom_user_rfm_batch");
    let properties: Vec<_> =
        table.properties.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(
        properties,
        [
            ("EXTERNAL", "TRUE"),
            ("discover.partitions", "false"),
            ("external.table.purge", "false"),
            ("parquet.compression", "SNAPPY")
        ]
    );
}

#[test]
fn reads_order_tables() {
    let ddl = Ddl::load(&naming()).unwrap();
    let names: Vec<_> = ddl.order_tables.iter().map(TableDef::qualified_name).collect();
    assert_eq!(names, ["sales.shop_ecom_orders_tagged", "sales.shop_ecom_orders_rejected"]);
    let columns = |base_name| {
        let table = ddl.table(base_name).unwrap();
        let all = table.columns.iter().chain(&table.partition_keys);
        all.map(|c| format!("{} {}", c.name, c.hive_type)).collect::<Vec<_>>()
    };
    assert_eq!(
        columns(ORDERS_TAGGED),
        [
            "invoice_no string",
            "stock_code string",
            "description string",
            "quantity int",
            "event_time timestamp",
            "unit_price decimal(20,4)",
            "customer_id bigint",
            "country string",
            "is_return boolean",
            "segment_id int",
            "segment string",
            "segment_snapshot string",
            "ingest_time timestamp",
            "kafka_topic string",
            "kafka_partition int",
            "kafka_offset bigint",
            "dt string"
        ]
    );
    assert_eq!(
        columns(ORDERS_REJECTED),
        [
            "reason string",
            "detail string",
            "message_key binary",
            "message_value binary",
            "ingest_time timestamp",
            "kafka_timestamp timestamp",
            "kafka_topic string",
            "kafka_partition int",
            "kafka_offset bigint",
            "dt string"
        ]
    );
    let table = ddl.table(ORDERS_TAGGED).unwrap();
    let name = table.partition_name(&[Some("2011-12-09".to_owned())]);
    assert_eq!(name, "dt=2011-12-09");
    assert_eq!(table.default_location(&name), "shop_ecom_orders_tagged/dt=2011-12-09");
    assert_eq!(table.partition_name(&[None]), "dt=__HIVE_DEFAULT_PARTITION__");
    // What a run publishes is none of them, and they have what all tables have.
    assert!(ddl.tables.iter().all(|table| !ddl.order_tables.contains(table)));
    assert_eq!(table.properties, ddl.tables[0].properties);
}

#[test]
fn views_have_the_columns_of_their_table_and_its_key() {
    let ddl = Ddl::load(&naming()).unwrap();
    assert_eq!(ddl.views.len(), 3);
    let date: SnapshotDate = "2011-12-10".parse().unwrap();
    for view in &ddl.views {
        let table = ddl.tables.iter().find(|t| t.name == view.table).unwrap();
        let of_table: Vec<_> =
            table.columns.iter().chain(&table.partition_keys).map(|c| c.name.as_str()).collect();
        let of_view: Vec<_> = view.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(of_view, of_table, "{}", view.name);
        assert_eq!(
            view.text_for(&date),
            format!(
                "SELECT\n  {}\nFROM {}\nWHERE snapshot_date = '2011-12-10'",
                of_table.join(",\n  "),
                table.qualified_name()
            )
        );
    }
}

/// Limits of the metastore's own tables: `COLUMNS_V2.COMMENT` has 256 characters, names have 128.
#[test]
fn definitions_fit_the_metastore() {
    let longest = Naming::new("d", &"p".repeat(60), "/w").unwrap();
    let ddl = Ddl::load(&longest).unwrap();
    for table in ddl.tables.iter().chain(&ddl.order_tables) {
        assert!(table.name.len() <= 128, "{}", table.name);
        for column in table.columns.iter().chain(&table.partition_keys) {
            assert!(!column.comment.is_empty() && column.comment.len() <= 256, "{}", column.name);
        }
    }
}

#[test]
fn every_file_of_the_folder_is_compiled_in() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../hive/ddl");
    let mut on_disk: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        // 01 to 09 are for people
        .filter(|name| name.ends_with(".sql") && !name.starts_with('0'))
        .collect();
    on_disk.sort();
    assert_eq!(on_disk, FILES.map(|(name, _)| name));
}

/// Beeline splits a script at semicolons and counts quotes before it drops comments.
#[test]
fn comment_lines_do_not_confuse_beeline() {
    for (name, sql) in FILES {
        for line in sql.lines().filter(|line| line.contains("--")) {
            assert!(
                line.starts_with("-- ") && !line.contains(['\'', '"', ';', '`']),
                "{name}: {line}"
            );
        }
    }
}

#[test]
fn loads_in_well_under_5_ms() {
    // The best of several, so that a busy machine does not fail the test; the build here is not even optimised.
    let best = (0..20)
        .map(|_| {
            let start = Instant::now();
            Ddl::load(&naming()).unwrap();
            start.elapsed()
        })
        .min()
        .unwrap();
    assert!(best.as_millis() < 5, "{best:?}");
}

#[test]
fn refuses_names_that_hive_would_not_take() {
    for (database, prefix, warehouse, message) in [
        ("", "", "/w", "the database ''"),
        ("Sales", "", "/w", "the database 'Sales'"),
        ("a;b", "", "/w", "the database 'a;b'"),
        ("a", "x-", "/w", "the table prefix 'x-'"),
        ("a", "é", "/w", "the table prefix 'é'"),
        ("a", "", "", "the warehouse ''"),
        ("a", "", "/", "the warehouse '/'"),
        ("a", "", "/w\n", "the warehouse '/w\n'"),
    ] {
        let error = Naming::new(database, prefix, warehouse).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
        assert!(!error.is_retryable());
    }
    let ddl = Ddl::load(&naming()).unwrap();
    let error = ddl.table("ecom_nothing").unwrap_err();
    assert_eq!(error.to_string(), "hive/ddl defines no table 'ecom_nothing'");
    let error = ddl.view("ecom_nothing").unwrap_err();
    assert_eq!(error.to_string(), "hive/ddl defines no view 'ecom_nothing'");
}

#[test]
fn a_broken_file_is_named_with_its_line() {
    let good = FILES[0].1;
    for (from, to, line, problem) in [
        ("STORED AS PARQUET", "STORED AS ORC", 16, "expected PARQUET, found ORC"),
        ("customer_id BIGINT", "customer_id VARCHAR", 4, "column type"),
        ("customer_id BIGINT", "CustomerId BIGINT", 4, "lower-case name, found CustomerId"),
        ("EXTERNAL ", "", 3, "expected OR, found TABLE"),
        ("snapshot_date STRING", "snapshot_date DATE", 16, "partition keys of type STRING"),
        ("${hivevar:warehouse}/", "/data/", 18, "LOCATION below"),
        ("${hivevar:warehouse}/", "${hivevar:warehouse}/../", 18, "LOCATION below"),
        (";", "; DROP TABLE x;", 18, "the end of the file"),
        (";", "", 18, "expected ';', found the end of the file"),
    ] {
        let broken = good.replacen(from, to, 1);
        let error = read_definition("10_x.sql", &broken, &naming()).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("hive/ddl/10_x.sql, line"), "{message}");
        assert!(message.contains(problem), "{message}");
        assert!(message.contains(&format!("line {line}")), "{line}: {message}");
    }
}

#[test]
fn a_view_tells_which_snapshot_it_shows() {
    let ddl = Ddl::load(&Naming::new("shop", "x_", "/warehouse").unwrap()).unwrap();
    for view in &ddl.views {
        let text = view.text_for(&"2011-12-10".parse().unwrap());
        let shown = |text: &str| view.snapshot_of(text).map(|date| date.as_str().to_owned());
        assert_eq!(shown(&text).as_deref(), Some("2011-12-10"));
        assert_eq!(
            shown(&format!("{}\n;", text.replace('\n', "  "))).as_deref(),
            Some("2011-12-10")
        );
        assert_eq!(shown(&text.replace("customer", "client").replace("segment", "part")), None);
        assert_eq!(shown(&text.replace("2011-12-10", "2011-12-10' OR '1' = '1")), None);
        assert_eq!(shown("SELECT 1"), None);
    }
}
