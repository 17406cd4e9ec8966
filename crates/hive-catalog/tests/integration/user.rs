//! The metastore takes the calls for those of the user that was given, who is not this process's.

use crate::helper::{Shop, USER, Version, cluster, locate, on_both};

on_both! {
    /// With them it makes the database's folder.
    fn owns_what_the_metastore_makes(version: Version) {
        let shop = Shop::new(version);
        shop.publish("2011-12-10", 1).unwrap();
        let folder = match version {
            Version::Hive4 => format!("user/hive/warehouse/{}.db", shop.database),
            Version::Hive3 => format!("user/hive/warehouse3/{}.db", shop.database),
        };
        assert!(locate(&folder).stat().unwrap().unwrap().is_dir);
        let listed = cluster().hdfs(&["dfs", "-stat", "%u", &format!("/{folder}")]);
        assert_eq!(String::from_utf8(listed.stdout).unwrap().trim(), USER);
        // And this process's user still owns what it makes itself.
        let table = shop.warehouse.join(&shop.ddl.tables[0].directory);
        let listed = cluster().hdfs(&["dfs", "-stat", "%u", table.path()]);
        assert_ne!(String::from_utf8(listed.stdout).unwrap().trim(), USER);
    }
}
