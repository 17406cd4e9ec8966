use super::*;

fn write(dir: &Path, name: &str, properties: &[(&str, &str, bool)]) {
    let body: String = properties
        .iter()
        .map(|(name, value, is_final)| {
            format!(
                "<property><name>{name}</name><value>{value}</value><final>{is_final}</final></property>\n"
            )
        })
        .collect();
    std::fs::write(dir.join(name), format!("<configuration>{body}</configuration>")).unwrap();
}

fn variables<'a>(
    pairs: &'a [(&'a str, &'a Path)],
) -> impl Fn(&str) -> Option<std::ffi::OsString> + 'a {
    |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, path)| path.as_os_str().to_owned())
}

#[test]
fn later_files_win_unless_an_earlier_one_is_final() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "core-site.xml", &[("a", "core", false), ("b", "core", true)]);
    write(dir.path(), "hdfs-site.xml", &[("a", "hdfs", false), ("b", "hdfs", false)]);
    write(dir.path(), "hive-site.xml", &[("c", "${a} of ${b}", false)]);
    let conf = HadoopConf::from_dirs(Some(dir.path()), None).unwrap();
    assert_eq!(conf.get("a").unwrap(), "hdfs");
    assert_eq!(conf.get("b").unwrap(), "core");
    assert_eq!(conf.get("c").unwrap(), "hdfs of core");
    assert_eq!(conf.get("d"), None);
    assert_eq!(conf.files().len(), 3);
    assert_eq!(conf.keys().count(), 3);
}

#[test]
fn includes() {
    let dir = tempfile::tempdir().unwrap();
    let include = "<configuration xmlns:xi='http://www.w3.org/2001/XInclude'>\
        <xi:include href='more/site.xml'/></configuration>";
    std::fs::write(dir.path().join("core-site.xml"), include).unwrap();
    std::fs::create_dir(dir.path().join("more")).unwrap();
    write(&dir.path().join("more"), "site.xml", &[("a", "included", false)]);
    let conf = HadoopConf::from_dirs(Some(dir.path()), None).unwrap();
    assert_eq!(conf.get("a").unwrap(), "included");

    let itself = "<configuration><include href='core-site.xml'/></configuration>";
    std::fs::write(dir.path().join("core-site.xml"), itself).unwrap();
    let error = HadoopConf::from_dirs(Some(dir.path()), None).unwrap_err();
    assert!(error.to_string().ends_with("is included by itself, or too deeply"), "{error}");
}

#[test]
fn hives_file_is_looked_for_in_its_own_folder_first() {
    let (hadoop, hive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(hadoop.path(), "hive-site.xml", &[("a", "hadoop's", false)]);
    let get = |hive| HadoopConf::from_dirs(Some(hadoop.path()), hive).unwrap().get("a").unwrap();
    assert_eq!(get(Some(hive.path())), "hadoop's");
    write(hive.path(), "hive-site.xml", &[("a", "hive's", false)]);
    assert_eq!(get(Some(hive.path())), "hive's");
    assert_eq!(get(None), "hadoop's");
}

#[test]
fn the_environment_names_the_folders() {
    let home = tempfile::tempdir().unwrap();
    let conf_dir = home.path().join("etc/hadoop");
    // An installation without a configuration, and nothing at all.
    assert!(HadoopConf::from_variables(variables(&[("HADOOP_HOME", home.path())])).is_ok());
    assert_eq!(HadoopConf::from_variables(|_| None).unwrap().keys().count(), 0);

    std::fs::create_dir_all(&conf_dir).unwrap();
    write(&conf_dir, "core-site.xml", &[("a", "b", false)]);
    for pairs in [[("HADOOP_HOME", home.path())], [("HADOOP_CONF_DIR", &*conf_dir)]] {
        let conf = HadoopConf::from_variables(variables(&pairs)).unwrap();
        assert_eq!(conf.get("a").unwrap(), "b");
    }

    let missing = Path::new("/no/such/folder");
    for name in ["HADOOP_CONF_DIR", "HIVE_CONF_DIR"] {
        let pairs = [(name, missing), ("HADOOP_HOME", home.path())];
        let error = HadoopConf::from_variables(variables(&pairs)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{name} is '/no/such/folder', which is not a folder")
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hdfs-site.xml");
    for bytes in [&b"\xff\xfe<"[..], b"not xml"] {
        std::fs::write(&file, bytes).unwrap();
        let error = HadoopConf::from_dirs(Some(dir.path()), None).unwrap_err();
        assert!(error.to_string().contains(&*file.to_string_lossy()), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
    assert!(HadoopConf::from_dirs(Some(Path::new("/no/such")), None).is_err());
}
