//! Settings, and how the program begins and ends.

use crate::support::program::{Running, command, output};
use crate::support::shop::Shop;

#[track_caller]
fn fails(arguments: &[&str], expected: &[&str]) {
    let out = output(command().args(arguments), "");
    let text = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(2), "{text}");
    for part in expected {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn settings_that_cannot_be() {
    let hash = ["--set", "dashboard.password_hash=x", "--set", "dashboard.user=u"];
    fails(
        &["--listen", "0.0.0.0:0"],
        &["0.0.0.0:0", "a sign-in is required", "RFM_DASHBOARD__TOKEN"],
    );
    fails(&["--listen", "here"], &["dashboard.listen is 'here'", "127.0.0.1:3034"]);
    fails(&["--set", "dashboard.token=short"], &["at least 16 characters"]);
    fails(&hash, &["dashboard.password_hash is no hash", "hash-password"]);
    fails(&["--set", "dashboard.user=u"], &["belong together"]);
    fails(&["--set", "dashboard.tls_key=x.pem"], &["belong together"]);
    fails(&["--topic", "a b", "--brokers", "localhost:1"], &["dashboard.topic is 'a b'"]);
    fails(&["--topic", "orders-tagged"], &["kafka.brokers"]);
    fails(&["--set", "dashboard.currency=pounds"], &["ISO 4217"]);
    fails(&["--set", "dashboard.prefil=1"], &["prefil", "prefill"]);
    fails(&["--set", "dashboard.refresh=0s"], &["dashboard.refresh must be more than nothing"]);
    let out = output(command().arg("hash-password"), "");
    assert_eq!(out.status.code(), Some(2));
}

#[test]
fn secrets_are_not_printed() {
    let out = output(
        command().arg("--print-config").env("RFM_DASHBOARD__TOKEN", "a-secret-of-some-length"),
        "",
    );
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success() && text.contains("listen = \"127.0.0.1:3034\""), "{text}");
    assert!(text.contains("****") && !text.contains("a-secret"), "{text}");
    // What is printed is a configuration.
    let shop = Shop::new();
    let path = shop.folder.path().join("printed.toml");
    std::fs::write(&path, &text).unwrap();
    let again = output(
        command().args([
            "--print-config",
            "--config",
            path.to_str().unwrap(),
            "--set",
            "dashboard.token=a-secret-of-some-length",
        ]),
        "",
    );
    assert_eq!(String::from_utf8(again.stdout).unwrap(), text);
}

#[test]
fn an_address_that_is_taken() {
    let shop = Shop::open();
    let first = Running::start(&mut shop.command());
    let taken = first.address.clone();
    let out = output(command().args(["--listen", &taken]).current_dir(shop.folder.path()), "");
    let text = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(2), "{text}");
    assert!(text.contains(&taken) && text.contains("another program does"), "{text}");
    first.stop();
}

#[test]
fn the_files_of_the_deployments_are_read() {
    for name in ["local", "cluster", "emr"] {
        let path = format!("{}/../../config/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let out = output(command().args(["--config", &path, "--print-config"]), "");
        assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
    }
}
