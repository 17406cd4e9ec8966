//! A metastore's calls, made of Glue's.

use aws_sdk_glue::Client;
use aws_sdk_glue::error::BuildError;
use aws_sdk_glue::operation::batch_get_partition::BatchGetPartitionOutput;
use aws_sdk_glue::types::{DatabaseInput, PartitionError, PartitionValueList};
use hive_catalog::{FoundTable, MetastoreCalls, MetastoreError, MetastoreErrorKind, or_none};
use hive_metastore::{Database, Partition, Table};
use pilota::FastStr;

use crate::answer::Failure;
use crate::client::{Glue, Operation};
use crate::convert;

/// What one answer may hold at most, by Glue's rules.
const PARTITIONS_PER_PAGE: i32 = 1_000;

impl MetastoreCalls for Glue {
    fn user(&self) -> &str {
        &self.settings.user
    }

    fn has_database(&self, name: &str) -> Result<bool, MetastoreError> {
        let found = self.call(
            Operation::GetDatabase,
            "read",
            || format!("database {name}"),
            |client| {
                client
                    .get_database()
                    .set_catalog_id(self.settings.catalog_id.clone())
                    .name(name)
                    .send()
            },
        );
        Ok(or_none(found)?.is_some())
    }

    /// Glue's databases have no owner.
    fn create_database(&self, database: &Database) -> Result<(), MetastoreError> {
        let name = database.name.as_ref().map(FastStr::to_string).unwrap_or_default();
        let object = || format!("database {name}");
        let input = DatabaseInput::builder()
            .name(&name)
            .set_description(database.description.as_ref().map(FastStr::to_string))
            .build();
        let input = self.made(input, "create", object)?;
        let created = self.call(Operation::CreateDatabase, "create", object, |client| {
            client
                .create_database()
                .set_catalog_id(self.settings.catalog_id.clone())
                .database_input(input.clone())
                .send()
        });
        created.map(drop)
    }

    fn get_table(&self, database: &str, name: &str) -> Result<Option<FoundTable>, MetastoreError> {
        let found = self.call(
            Operation::GetTable,
            "read",
            || format!("table {database}.{name}"),
            |client| {
                client
                    .get_table()
                    .set_catalog_id(self.settings.catalog_id.clone())
                    .database_name(database)
                    .name(name)
                    .send()
            },
        );
        Ok(or_none(found)?.and_then(|answer| answer.table).map(|mut found| {
            let version = found.version_id.take();
            FoundTable { table: convert::table(found), version }
        }))
    }

    fn create_table(&self, table: &Table) -> Result<(), MetastoreError> {
        let object = || name_of(table);
        let input = self.made(convert::table_input(table), "create", object)?;
        let created = self.call(Operation::CreateTable, "create", object, |client| {
            client
                .create_table()
                .set_catalog_id(self.settings.catalog_id.clone())
                .database_name(part(table.db_name.as_ref()))
                .table_input(input.clone())
                .send()
        });
        created.map(drop)
    }

    /// Glue compares the version. It keeps no copy of the old one: a view has a new version each day, and their number is
    /// limited.
    fn replace_view(&self, view: &Table, before: &FoundTable) -> Result<(), MetastoreError> {
        let object = || name_of(view);
        let input = self.made(convert::table_input(view), "change", object)?;
        let updated = self.call(Operation::UpdateTable, "change", object, |client| {
            client
                .update_table()
                .set_catalog_id(self.settings.catalog_id.clone())
                .database_name(part(view.db_name.as_ref()))
                .table_input(input.clone())
                .set_version_id(before.version.clone())
                .skip_archive(true)
                .send()
        });
        updated.map(drop)
    }

    fn get_partitions(
        &self,
        database: &str,
        table: &str,
    ) -> Result<Vec<Partition>, MetastoreError> {
        self.get_many_partitions(database, table)
    }

    /// Page by page, without columns.
    fn get_many_partitions(
        &self,
        database: &str,
        table: &str,
    ) -> Result<Vec<Partition>, MetastoreError> {
        let mut partitions = Vec::new();
        let mut next = None;
        loop {
            let page = self.call(
                Operation::GetPartitions,
                "read",
                || format!("the partitions of {database}.{table}"),
                |client| {
                    client
                        .get_partitions()
                        .set_catalog_id(self.settings.catalog_id.clone())
                        .database_name(database)
                        .table_name(table)
                        .exclude_column_schema(true)
                        .max_results(PARTITIONS_PER_PAGE)
                        .set_next_token(next.clone())
                        .send()
                },
            )?;
            partitions.extend(page.partitions.into_iter().flatten().map(convert::partition));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(partitions);
            }
        }
    }

    fn get_partitions_by_names(
        &self,
        database: &str,
        table: &str,
        names: &[String],
    ) -> Result<Vec<Partition>, MetastoreError> {
        let object = || format!("partitions of {database}.{table}");
        let mut left = self.made(convert::value_lists(names), "read", object)?;
        let mut partitions = Vec::new();
        while !left.is_empty() {
            let request = |client: Client| {
                client
                    .batch_get_partition()
                    .set_catalog_id(self.settings.catalog_id.clone())
                    .database_name(database)
                    .table_name(table)
                    .set_partitions_to_get(Some(left.clone()))
                    .send()
            };
            let answer = self.call(Operation::BatchGetPartition, "read", object, request)?;
            let BatchGetPartitionOutput { partitions: found, unprocessed_keys, .. } = answer;
            let found = found.unwrap_or_default();
            let unprocessed: Vec<PartitionValueList> = unprocessed_keys.unwrap_or_default();
            if unprocessed.len() >= left.len() {
                let failure = Failure::broken("it has looked for none of them".into());
                return Err(self.error("read", object(), failure));
            }
            partitions.extend(found.into_iter().map(convert::partition));
            left = unprocessed;
        }
        Ok(partitions)
    }

    fn add_partition(&self, partition: &Partition) -> Result<(), MetastoreError> {
        let object = || name_of_partition(partition);
        let input = self.made(convert::partition_input(partition), "add", object)?;
        let created = self.call(Operation::CreatePartition, "add", object, |client| {
            client
                .create_partition()
                .set_catalog_id(self.settings.catalog_id.clone())
                .database_name(part(partition.db_name.as_ref()))
                .table_name(part(partition.table_name.as_ref()))
                .partition_input(input.clone())
                .send()
        });
        created.map(drop)
    }

    /// What Glue says of single partitions comes after what it has done with the others.
    fn add_missing_partitions(&self, partitions: &[Partition]) -> Result<(), MetastoreError> {
        let Some(first) = partitions.first() else { return Ok(()) };
        let object = || match partitions.len() {
            1 => name_of_partition(first),
            n => format!("{} and {} more", name_of_partition(first), n - 1),
        };
        let inputs = partitions.iter().map(convert::partition_input).collect();
        let inputs: Vec<_> = self.made(inputs, "add", object)?;
        let answer = self.call(Operation::BatchCreatePartition, "add", object, |client| {
            client
                .batch_create_partition()
                .set_catalog_id(self.settings.catalog_id.clone())
                .database_name(part(first.db_name.as_ref()))
                .table_name(part(first.table_name.as_ref()))
                .set_partition_input_list(Some(inputs.clone()))
                .send()
        })?;
        for error in answer.errors.unwrap_or_default() {
            let failure = of_partition(&error);
            if failure.kind != MetastoreErrorKind::AlreadyExists {
                let values = error.partition_values.unwrap_or_default().join("/");
                let table =
                    format!("{}.{}", part(first.db_name.as_ref()), part(first.table_name.as_ref()));
                return Err(self.error("add", format!("partition {values} of {table}"), failure));
            }
        }
        Ok(())
    }

    fn alter_partition(&self, partition: &Partition) -> Result<(), MetastoreError> {
        let object = || name_of_partition(partition);
        let input = self.made(convert::partition_input(partition), "change", object)?;
        let updated = self.call(Operation::UpdatePartition, "change", object, |client| {
            client
                .update_partition()
                .set_catalog_id(self.settings.catalog_id.clone())
                .database_name(part(partition.db_name.as_ref()))
                .table_name(part(partition.table_name.as_ref()))
                .set_partition_value_list(Some(convert::values(partition)))
                .partition_input(input.clone())
                .send()
        });
        updated.map(drop)
    }

    fn drop_partition(
        &self,
        database: &str,
        table: &str,
        name: &str,
    ) -> Result<bool, MetastoreError> {
        let Some(values) = convert::values_of_name(name) else { return Ok(false) };
        let dropped = self.call(
            Operation::DeletePartition,
            "drop",
            || format!("partition {name} of {database}.{table}"),
            |client| {
                client
                    .delete_partition()
                    .set_catalog_id(self.settings.catalog_id.clone())
                    .database_name(database)
                    .table_name(table)
                    .set_partition_values(Some(values.clone()))
                    .send()
            },
        );
        Ok(or_none(dropped)?.is_some())
    }
}

impl Glue {
    /// What a request is to carry.
    fn made<T>(
        &self,
        made: Result<T, BuildError>,
        action: &'static str,
        object: impl Fn() -> String,
    ) -> Result<T, MetastoreError> {
        made.map_err(|error| self.error(action, object(), Failure::broken(Box::new(error))))
    }
}

fn of_partition(error: &PartitionError) -> Failure {
    let detail = error.error_detail.as_ref();
    let code = detail.and_then(|detail| detail.error_code.as_deref()).unwrap_or_default();
    let message = detail.and_then(|detail| detail.error_message.as_deref()).unwrap_or_default();
    Failure::of_answer(Operation::BatchCreatePartition, 200, code, message)
}

fn name_of(table: &Table) -> String {
    let kind = match table.table_type.as_deref() {
        Some("VIRTUAL_VIEW") => "view",
        _ => "table",
    };
    format!("{kind} {}.{}", part(table.db_name.as_ref()), part(table.table_name.as_ref()))
}

fn name_of_partition(partition: &Partition) -> String {
    let table =
        format!("{}.{}", part(partition.db_name.as_ref()), part(partition.table_name.as_ref()));
    format!("partition {} of {table}", convert::values(partition).join("/"))
}

fn part(name: Option<&FastStr>) -> String {
    name.map(FastStr::to_string).unwrap_or_default()
}
