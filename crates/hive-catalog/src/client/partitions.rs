//! Calls about partitions.

use hive_metastore::{AddPartitionsRequest, Partition};

use super::{Metastore, context};
use crate::answer::answer;
use crate::calls::or_none;
use crate::error::MetastoreError;

impl Metastore {
    /// All partitions of a table.
    pub fn get_partitions(
        &self,
        database: &str,
        table: &str,
    ) -> Result<Vec<Partition>, MetastoreError> {
        self.call(
            "read",
            || format!("the partitions of {database}.{table}"),
            |client| {
                let (database, table) = (database.to_owned().into(), table.to_owned().into());
                async move { answer(client.get_partitions(database, table, -1).await) }
            },
        )
    }

    /// Adds a partition, which must not be there.
    pub(crate) fn add_partition(&self, partition: &Partition) -> Result<(), MetastoreError> {
        let added = self.call(
            "add",
            || name_of_partition(partition),
            |client| {
                let req = AddPartitionsRequest {
                    db_name: partition.db_name.clone().unwrap_or_default(),
                    tbl_name: partition.table_name.clone().unwrap_or_default(),
                    parts: vec![partition.clone()],
                    if_not_exists: false,
                    need_result: Some(false),
                    ..Default::default()
                };
                async move { answer(client.add_partitions_req(req).await) }
            },
        );
        added.map(drop)
    }

    /// Adds those of `partitions` that are not there, all of them or none. They are of one table.
    pub(crate) fn add_missing_partitions(
        &self,
        partitions: &[Partition],
    ) -> Result<(), MetastoreError> {
        let Some(first) = partitions.first() else { return Ok(()) };
        let added = self.call(
            "add",
            || name_of_first(partitions.len(), first),
            |client| {
                let req = AddPartitionsRequest {
                    db_name: first.db_name.clone().unwrap_or_default(),
                    tbl_name: first.table_name.clone().unwrap_or_default(),
                    parts: partitions.to_vec(),
                    if_not_exists: true,
                    need_result: Some(false),
                    ..Default::default()
                };
                async move { answer(client.add_partitions_req(req).await) }
            },
        );
        added.map(drop)
    }

    /// Those partitions that are there, in any order. Names are `key=value/...`, with Hive's escaping.
    pub(crate) fn get_partitions_by_names(
        &self,
        database: &str,
        table: &str,
        names: &[String],
    ) -> Result<Vec<Partition>, MetastoreError> {
        self.call(
            "read",
            || format!("partitions of {database}.{table}"),
            |client| {
                let (database, table) = (database.to_owned().into(), table.to_owned().into());
                let names = names.iter().map(|name| name.clone().into()).collect();
                async move { answer(client.get_partitions_by_names(database, table, names).await) }
            },
        )
    }

    /// The names of all partitions of a table, which must be there: whether an error says so depends on the version.
    pub(crate) fn get_partition_names(
        &self,
        database: &str,
        table: &str,
    ) -> Result<Vec<String>, MetastoreError> {
        let names = self.call(
            "read",
            || format!("the names of the partitions of {database}.{table}"),
            |client| {
                let (database, table) = (database.to_owned().into(), table.to_owned().into());
                async move { answer(client.get_partition_names(database, table, -1).await) }
            },
        );
        Ok(names?.into_iter().map(|name| name.to_string()).collect())
    }

    /// Drops a partition, never its files. Whether it was there: if a call is repeated, it may be gone by then.
    pub(crate) fn drop_partition(
        &self,
        database: &str,
        table: &str,
        name: &str,
    ) -> Result<bool, MetastoreError> {
        let dropped = self.call(
            "drop",
            || format!("partition {name} of {database}.{table}"),
            |client| {
                let (database, table) = (database.to_owned().into(), table.to_owned().into());
                let name = name.to_owned().into();
                let delete_data = false;
                let call = async move {
                    client.drop_partition_by_name(database, table, name, delete_data).await
                };
                async move { answer(call.await) }
            },
        );
        Ok(or_none(dropped)?.is_some())
    }

    /// Replaces the definition of a partition, which must be there.
    pub(crate) fn alter_partition(&self, partition: &Partition) -> Result<(), MetastoreError> {
        self.call(
            "change",
            || name_of_partition(partition),
            |client| {
                let database = partition.db_name.clone().unwrap_or_default();
                let table = partition.table_name.clone().unwrap_or_default();
                let partitions = vec![partition.clone()];
                let context = context(&[("DO_NOT_UPDATE_STATS", "true")]);
                let call = async move {
                    client
                        .alter_partitions_with_environment_context(
                            database, table, partitions, context,
                        )
                        .await
                };
                async move { answer(call.await) }
            },
        )
    }
}

fn name_of_partition(partition: &Partition) -> String {
    let part = |part: &Option<pilota::FastStr>| part.as_deref().unwrap_or_default().to_owned();
    let values = partition.values.iter().flatten().map(|v| v.as_str()).collect::<Vec<_>>();
    let table = format!("{}.{}", part(&partition.db_name), part(&partition.table_name));
    format!("partition {} of {table}", values.join("/"))
}

fn name_of_first(n_partitions: usize, first: &Partition) -> String {
    let name = name_of_partition(first);
    if n_partitions > 1 { format!("{name} and {} more", n_partitions - 1) } else { name }
}
