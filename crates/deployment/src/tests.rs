//! Which catalog is meant.

use std::time::Duration;

use super::*;

const FACTORY: &str = "com.amazonaws.glue.catalog.metastore.AWSGlueDataCatalogHiveClientFactory";

fn settings(kind: CatalogKind, uris: Option<&str>) -> CatalogSettings {
    let duration = HumanDuration::new(Duration::from_secs(1));
    CatalogSettings {
        kind,
        uris: uris.map(str::to_owned),
        timeout: duration,
        keep_trying: duration,
        lease: duration,
    }
}

fn warehouse() -> WarehouseSettings {
    WarehouseSettings {
        path: "/warehouse".to_owned(),
        database: "shop".to_owned(),
        prefix: String::new(),
    }
}

#[test]
fn glue_is_where_hive_is() {
    use CatalogKind::{Glue, Hive, Local};
    let metastore = Some("thrift://localhost:9083");
    for (factory, kind, uris, expected) in [
        (None, Local, None, Local),
        (None, Hive, None, Hive),
        (None, Hive, metastore, Hive),
        (None, Glue, None, Glue),
        (Some(FACTORY), Hive, None, Glue),
        // Whoever names a metastore means it.
        (Some(FACTORY), Hive, metastore, Hive),
        (Some(FACTORY), Local, None, Local),
        (Some("AWSGlueDataCatalogHiveClientFactory"), Hive, None, Glue),
        (
            Some("org.apache.hadoop.hive.ql.metadata.SessionHiveMetaStoreClientFactory"),
            Hive,
            None,
            Hive,
        ),
        (Some("org.example.NotAWSGlueDataCatalogHiveClientFactory"), Hive, None, Hive),
        (Some(""), Hive, None, Hive),
    ] {
        let conf = HadoopConf::from_pairs(factory.map(|factory| (CLIENT_FACTORY, factory)));
        let deployment = Deployment::from_conf(conf);
        assert_eq!(
            deployment.catalog_kind(&settings(kind, uris)),
            expected,
            "{factory:?} {kind:?}"
        );
    }
}

#[test]
fn addresses_of_metastores_mean_nothing_to_glue() {
    let deployment = Deployment::from_conf(HadoopConf::default());
    let settings = settings(CatalogKind::Glue, Some("thrift://localhost:9083"));
    let error = deployment.catalog(&warehouse(), &settings).unwrap_err();
    assert!(matches!(error, DeploymentError::UrisOfGlue), "{error:?}");
    assert!(error.is_configuration());
}

#[cfg(not(feature = "glue"))]
#[test]
fn a_program_without_glue_says_so() {
    let emr = HadoopConf::from_pairs([(CLIENT_FACTORY, FACTORY)]);
    for (conf, kind, reason) in [
        (HadoopConf::default(), CatalogKind::Glue, "(catalog.kind is \"glue\")"),
        (
            emr,
            CatalogKind::Hive,
            "(hive-site.xml names Glue's client as hive.metastore.client.factory.class)",
        ),
    ] {
        let deployment = Deployment::from_conf(conf);
        let error = deployment.catalog(&warehouse(), &settings(kind, None)).unwrap_err();
        assert!(error.is_configuration());
        let said = error.to_string();
        assert!(
            said.contains(reason)
                && said.contains("built without it; build it with --features glue"),
            "{said}"
        );
    }
}

#[cfg(feature = "glue")]
#[test]
fn the_account_is_that_of_hive() {
    let emr = [(CLIENT_FACTORY, FACTORY), (GLUE_CATALOG_ID, "123456789012")];
    let deployment = Deployment::from_conf(HadoopConf::from_pairs(emr));
    let catalog = deployment.catalog(&warehouse(), &settings(CatalogKind::Hive, None)).unwrap();
    let described = format!("{catalog:?}");
    assert!(described.contains("catalog_id: Some(\"123456789012\")"), "{described}");
}
