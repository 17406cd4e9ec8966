//! Publishing, re-publishing, retention.

use std::path::Path;
use std::time::Duration;

use warehouse::ddl::{Ddl, Naming, USER_SEGMENTS_CURRENT};
use warehouse::local_catalog::LocalCatalog;
use warehouse::parquet_file::WriteOptions;
use warehouse::publish::{Publication, PublicationOptions, PublishError, Published};
use warehouse::run_id::RunId;

use crate::rows::rows;

pub(crate) fn ddl() -> Ddl {
    Ddl::load(&Naming::new("default", "", "/warehouse").unwrap()).unwrap()
}

pub(crate) fn options() -> PublicationOptions {
    PublicationOptions { lock_wait: Duration::ZERO, keep_old_runs: Duration::from_secs(3_600) }
}

pub(crate) fn publish(warehouse: &Path, date: &str, salt: i64) -> Result<Published, PublishError> {
    let ddl = ddl();
    let catalog = LocalCatalog::new(warehouse);
    let run_id = RunId::new(std::time::SystemTime::now());
    let date = date.parse().unwrap();
    let publication =
        Publication::begin(&catalog, &ddl.tables, &ddl.views, run_id, date, &options())?;
    let mut written = Vec::new();
    for table in &ddl.tables {
        let sorted_by = Some(table.columns[0].name.clone());
        let options = WriteOptions { sorted_by, ..WriteOptions::default() };
        let mut writer = publication.table_writer(table, options)?;
        writer.write(&rows(&table.arrow_schema(), 0, 100, salt))?;
        written.push(writer.finish()?);
    }
    publication.publish(written)
}

#[test]
fn publishes_all_tables_and_views() {
    let folder = tempfile::tempdir().unwrap();
    let published = publish(folder.path(), "2011-12-10", 1).unwrap();
    assert_eq!(published.current_snapshot.as_str(), "2011-12-10");
    let catalog = LocalCatalog::new(folder.path());
    let state = catalog.load().unwrap();
    let view = format!("default.{USER_SEGMENTS_CURRENT}");
    let (_, partition) = state.resolve_view(&view).unwrap();
    assert_eq!(partition.rows(), 100);
    for file in catalog.data_files(partition) {
        assert!(file.is_file(), "{}", file.display());
    }
}
