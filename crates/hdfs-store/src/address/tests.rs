use super::*;

fn conf() -> HadoopConf {
    HadoopConf::from_pairs([
        ("fs.defaultFS", "hdfs://pair/"),
        ("dfs.nameservices", "pair, single"),
        ("dfs.ha.namenodes.pair", " nn1 ,nn2"),
        ("dfs.namenode.rpc-address.pair.nn1", "a:9000"),
        ("dfs.namenode.rpc-address.pair.nn2", "b"),
        ("dfs.namenode.rpc-address.single", "c:9000"),
        ("dfs.ha.namenodes.broken", "nn1"),
        ("fs.viewfs.mounttable.table.link./data", "hdfs://single/data"),
        ("fs.viewfs.mounttable.table.linkFallback", "hdfs://pair/"),
        ("fs.viewfs.mounttable.table.homedir", "/home"),
        ("fs.viewfs.mounttable.other.link./x", "s3a://x/"),
    ])
}

#[test]
fn what_an_address_means() {
    for (scheme, authority, uri, url, asked) in [
        ("hdfs", "host:1", "hdfs://host:1", "hdfs://host:1", "NameNode host:1"),
        ("hdfs", "host", "hdfs://host", "hdfs://host:8020", "NameNode host:8020"),
        ("hdfs", "[::1]", "hdfs://[::1]", "hdfs://[::1]:8020", "NameNode [::1]:8020"),
        ("hdfs", "[::1]:1", "hdfs://[::1]:1", "hdfs://[::1]:1", "NameNode [::1]:1"),
        ("hdfs", "pair", "hdfs://pair", "hdfs://pair", "NameNodes a:9000, b:8020"),
        ("hdfs", "", "hdfs://pair", "hdfs://pair", "NameNodes a:9000, b:8020"),
        ("hdfs", "single", "hdfs://single", "hdfs://c:9000", "NameNode c:9000"),
        ("viewfs", "table", "viewfs://table", "viewfs://table", "NameNodes a:9000, b:8020, c:9000"),
    ] {
        let target = Target::resolve(&conf(), scheme, authority).unwrap();
        assert_eq!((&*target.uri, &*target.url, &*target.asked), (uri, url, asked), "{authority}");
    }
}

#[test]
fn what_hdfs_native_is_told() {
    let target = Target::resolve(&conf(), "viewfs", "table").unwrap();
    assert_eq!(target.settings["fs.viewfs.mounttable.table.link./data"], "hdfs://c:9000/data");
    assert_eq!(target.settings["fs.viewfs.mounttable.table.linkFallback"], "hdfs://pair/");
    assert_eq!(target.settings["dfs.ha.namenodes.pair"], "nn1,nn2");
    assert_eq!(target.settings["dfs.namenode.rpc-address.pair.nn2"], "b:8020");
    assert_eq!(target.home, format!("/home/{}", user()));
    let target = Target::resolve(&conf(), "hdfs", "pair").unwrap();
    assert_eq!(target.home, format!("/user/{}", user()));
}

#[test]
fn refused_addresses() {
    for (scheme, authority, expected) in [
        ("hdfs", "host:0", "'host:0' is not a host"),
        ("hdfs", "host:http", "'host:http' is not a host"),
        ("hdfs", ":1", "':1' is not a host"),
        ("hdfs", "me@host", "'me@host' is not a host"),
        ("hdfs", "broken", "dfs.ha.namenodes.broken names a NameNode 'nn1', but"),
        ("viewfs", "", "it names no host, and fs.defaultFS is 'hdfs://pair/'"),
        ("viewfs", "none", "no setting begins with fs.viewfs.mounttable.none.link"),
        ("viewfs", "other", "fs.viewfs.mounttable.other.link./x is 's3a://x/'"),
    ] {
        let problem = Target::resolve(&conf(), scheme, authority).unwrap_err();
        assert!(problem.starts_with(expected), "{problem}");
    }
    let problem = Target::resolve(&HadoopConf::default(), "hdfs", "").unwrap_err();
    assert!(problem.contains("there is no fs.defaultFS"), "{problem}");
}
