use std::collections::BTreeMap;
use std::path::PathBuf;

use job_kit::config::{self, ConfigError, Loader, Secret};
use job_kit::units::{ByteSize, HumanDuration};
use serde::{Deserialize, Serialize};

const DEFAULTS: &str = r#"
[warehouse]
path = "warehouse"      # where tables live

[batch]
k = 4
fault_rate = 0.0
memory = "1 GiB"
idle = "30s"
engine = "local"
dry_run = false
columns = ["a"]
# snapshot_date = 2011-12-10
# token = "..."
"#;

#[derive(Debug, Serialize, Deserialize)]
struct Config {
    warehouse: Warehouse,
    batch: Batch,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Warehouse {
    path: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    k: u32,
    fault_rate: f64,
    memory: ByteSize,
    idle: HumanDuration,
    engine: Engine,
    dry_run: bool,
    columns: Vec<String>,
    snapshot_date: Option<String>,
    token: Option<Secret>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Engine {
    Local,
    Ballista,
}

/// The four layers above the defaults, each empty unless a test fills it.
#[derive(Default)]
struct Given<'a> {
    file: &'a str,
    env: &'a [(&'a str, &'a str)],
    set: &'a [&'a str],
    flags: &'a [(&'a str, toml::Value)],
}

impl Given<'_> {
    /// The result, with the path of the file in a message replaced by `FILE`.
    fn load(&self) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("local.toml");
        std::fs::write(&path, self.file).unwrap();
        let sets: Vec<String> = self.set.iter().map(|set| (*set).to_owned()).collect();
        let flags: BTreeMap<String, toml::Value> =
            self.flags.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        Loader::new(DEFAULTS)
            .file(Some(path.clone()))
            .env_from(self.env.iter().copied())
            .sets(&sets)
            .flags(flags)
            .load()
            .map_err(|error: ConfigError| error.to_string().replace(path.to_str().unwrap(), "FILE"))
    }
}

fn check_file(file: &str, expected: &str) {
    assert_eq!(Given { file, ..Given::default() }.load().unwrap_err(), expected);
}

fn check_env(name: &str, value: &str, expected: &str) {
    assert_eq!(Given { env: &[(name, value)], ..Given::default() }.load().unwrap_err(), expected);
}

fn check_set(set: &str, expected: &str) {
    assert_eq!(Given { set: &[set], ..Given::default() }.load().unwrap_err(), expected);
}

#[test]
fn defaults_alone_are_complete() {
    let config = Given::default().load().unwrap();
    assert_eq!(config.batch.k, 4);
    assert_eq!(config.batch.memory.bytes(), 1 << 30);
    assert_eq!(config.batch.engine, Engine::Local);
    assert_eq!(config.warehouse.path, "warehouse");
    assert!(config.batch.snapshot_date.is_none());
}

#[test]
fn each_layer_overrides_the_one_before() {
    let mut given = Given { file: "[batch]\nk = 5", ..Given::default() };
    assert_eq!(given.load().unwrap().batch.k, 5);
    given.env = &[("RFM_BATCH__K", "6")];
    assert_eq!(given.load().unwrap().batch.k, 6);
    given.set = &["batch.k=7", "batch.k=8"];
    assert_eq!(given.load().unwrap().batch.k, 8, "the last --set counts");
    let flags = [("batch.k", toml::Value::Integer(9))];
    given.flags = &flags;
    let config = given.load().unwrap();
    assert_eq!(config.batch.k, 9);
    assert_eq!(config.batch.fault_rate, 0.0, "other settings keep their value");
}

#[test]
fn one_file_serves_every_job() {
    let file = "[dashboard]\nlisten = \"x\"\n[producer]\nno_such = 1\n[batch]\nk = 5";
    let env =
        [("RFM_STREAMING__TOPIC", "orders"), ("PATH", "/bin"), ("RFMX", "1"), ("RFM_HOME", "/opt")];
    let config = Given { file, env: &env, ..Given::default() }.load().unwrap();
    assert_eq!(config.batch.k, 5);
}

#[test]
fn text_layers_are_read_as_toml_or_as_text() {
    let env =
        [("RFM_BATCH__SNAPSHOT_DATE", "2011-12-10"), ("RFM_BATCH__COLUMNS", "[\"x\", \"y\"]")];
    let set = ["warehouse.path=17", "batch.token=1e5", "batch.engine = ballista", "batch.idle=10m"];
    let config = Given { env: &env, set: &set, ..Given::default() }.load().unwrap();
    assert_eq!(config.batch.snapshot_date.as_deref(), Some("2011-12-10"));
    assert_eq!(config.batch.columns, ["x", "y"]);
    assert_eq!(config.warehouse.path, "17");
    assert_eq!(config.batch.token.unwrap().expose(), "1e5");
    assert_eq!(config.batch.engine, Engine::Ballista);
    assert_eq!(config.batch.idle.get().as_secs(), 600);
}

#[test]
fn a_value_cannot_smuggle_in_another_setting() {
    let config = Given { set: &["warehouse.path=\"a\"\nb = 1"], ..Given::default() }.load();
    assert_eq!(config.unwrap().warehouse.path, "\"a\"\nb = 1");
}

#[test]
fn dates_in_a_file_need_no_quotes() {
    for file in ["[batch]\nsnapshot_date = 2011-12-10", "[batch]\nsnapshot_date = \"2011-12-10\""] {
        let config = Given { file, ..Given::default() }.load().unwrap();
        assert_eq!(config.batch.snapshot_date.as_deref(), Some("2011-12-10"));
    }
}

#[test]
fn a_missing_file_is_named() {
    let path = PathBuf::from("no/such.toml");
    let error = Loader::new(DEFAULTS).file(Some(path)).load::<Config>().unwrap_err();
    assert_eq!(
        format!("{:#}", anyhow::Error::from(error)),
        "cannot read configuration file no/such.toml: No such file or directory (os error 2)"
    );
}

#[test]
fn mistakes_in_a_file_name_the_file_and_the_key() {
    check_file(
        "[batch]\nk = \n",
        "file FILE, line 2, column 5: not valid TOML: invalid string, expected `\"`, `'`",
    );
    check_file(
        "[bach]\nk = 5",
        "file FILE: unknown section \"bach\"; the sections are warehouse, catalog, kafka, batch, \
         producer, streaming, dashboard",
    );
    check_file(
        "batch = 5",
        "file FILE: \"batch\" must be a section; write [batch] and its settings below",
    );
    check_file("[batch]\nkk = 5", "file FILE: unknown setting \"batch.kk\"; did you mean \"k\"?");
    check_file(
        "[batch]\nclusters = 5",
        "file FILE: unknown setting \"batch.clusters\"; known here: k, fault_rate, memory, idle, \
         engine, dry_run, columns, snapshot_date, token",
    );
    check_file(
        "[batch]\nk = \"four\"",
        "file FILE: setting \"batch.k\": expected a whole number, not negative, found \"four\"",
    );
    check_file(
        "[batch]\nk = -1",
        "file FILE: setting \"batch.k\": expected a whole number, not negative, found -1",
    );
    check_file(
        "[batch]\ndry_run = 1",
        "file FILE: setting \"batch.dry_run\": expected true or false, found 1",
    );
    check_file(
        "[batch]\nengine = \"spark\"",
        "file FILE: setting \"batch.engine\": expected one of local, ballista, found \"spark\"",
    );
    check_file(
        "[batch]\nmemory = \"lots\"",
        "file FILE: setting \"batch.memory\": \"lots\" is not a size; write for example \"64 MiB\"",
    );
    check_file(
        "[batch]\ncolumns = [\"a\", 3]",
        "file FILE: setting \"batch.columns.1\": expected text in quotes, found 3",
    );
    check_file(
        "[batch]\ntoken = 12345",
        "file FILE: setting \"batch.token\": expected a secret as text in quotes, found a number \
         (not shown)",
    );
}

#[test]
fn mistakes_in_the_environment_name_the_variable() {
    check_env(
        "RFM_BATCH__K",
        "many",
        "environment variable RFM_BATCH__K: setting \"batch.k\": expected a whole number, not \
         negative, found \"many\"",
    );
    check_env(
        "RFM_BATCH__CLUSTERS_MAX",
        "1",
        "environment variable RFM_BATCH__CLUSTERS_MAX: unknown setting \"batch.clusters_max\"; \
         known here: k, fault_rate, memory, idle, engine, dry_run, columns, snapshot_date, token",
    );
    check_env(
        "RFM_BACH__K",
        "1",
        "environment variable RFM_BACH__K: unknown section \"bach\"; the sections are warehouse, \
         catalog, kafka, batch, producer, streaming, dashboard",
    );
    check_env(
        "RFM_BATCH_K",
        "1",
        "environment variable RFM_BATCH_K: unknown section \"batch_k\"; the sections are warehouse, \
         catalog, kafka, batch, producer, streaming, dashboard",
    );
    check_env(
        "RFM_BATCH",
        "1",
        "environment variable RFM_BATCH: \"batch\" is not a setting; write section.key, for \
         example warehouse.path",
    );
}

#[test]
fn mistakes_in_set_say_what_to_write() {
    check_set("batch.k", "--set batch.k: no value; write --set section.key=value");
    check_set(
        "batch=5",
        "--set: \"batch\" is not a setting; write section.key, for example warehouse.path",
    );
    check_set(
        "k=5",
        "--set: unknown section \"k\"; the sections are warehouse, catalog, kafka, batch, producer, \
         streaming, dashboard",
    );
    check_set(
        "dashboard.listen=x",
        "--set: setting \"dashboard.listen\" is of section [dashboard], which this job does not \
         read; its sections are warehouse, batch",
    );
    check_set(
        "batch.dryrun=true",
        "--set: unknown setting \"batch.dryrun\"; did you mean \"dry_run\"?",
    );
    check_set(
        "batch.k=1.5",
        "--set: setting \"batch.k\": expected a whole number, not negative, found 1.5",
    );
    check_set(
        "batch.k.x=1",
        "--set: setting \"batch.k\": expected a whole number, not negative, found a table",
    );
}

#[test]
fn the_layer_that_counts_is_the_one_named() {
    let file = "[batch]\nk = \"bad\"";
    let set = ["batch.k=3"];
    assert_eq!(Given { file, set: &set, ..Given::default() }.load().unwrap().batch.k, 3);
    let flags = [("batch.k", toml::Value::Boolean(true))];
    let error = Given { file, set: &set, flags: &flags, ..Given::default() }.load().unwrap_err();
    assert_eq!(
        error,
        "command line: setting \"batch.k\": expected a whole number, not negative, found true"
    );
}

#[test]
fn a_setting_without_default_is_asked_for() {
    let error = Loader::new("[warehouse]\n[batch]").load::<Config>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "setting \"batch.k\" has no value; set it in the configuration file or with \
         --set batch.k=..."
    );
}

#[test]
fn printing_masks_secrets_and_parses_back() {
    let set = ["batch.token=\"hunter2\""];
    let config = Given { set: &set, ..Given::default() }.load().unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let printed = config::print(&config).unwrap();
    assert!(printed.contains("token = \"****\""), "{printed}");
    assert!(!printed.contains("hunter2"), "{printed}");
    assert!(printed.contains("memory = \"1 GiB\""), "{printed}");
    let back = Given { file: &printed, ..Given::default() }.load().unwrap();
    assert_eq!(back.batch.k, config.batch.k);
}
