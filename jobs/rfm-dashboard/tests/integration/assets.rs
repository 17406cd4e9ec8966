//! The page's files.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::support::program::Running;
use crate::support::shop::Shop;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets");

#[test]
fn the_page_names_files_that_may_be_kept_for_ever() {
    let shop = Shop::open();
    let dashboard = Running::ready(&mut shop.command());
    let page = dashboard.get("/");
    assert_eq!((page.status, page.header("cache-control")), (200, Some("no-cache")));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    for path in ["/live", "/customers/12347", "/customers/%3Cscript%3E"] {
        assert_eq!(dashboard.get(path).body, page.body, "{path}");
    }
    let names: Vec<&str> = page.text().split("\"/assets/").skip(1).collect();
    let names: Vec<&str> = names.iter().map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(!names.is_empty());
    for name in names {
        let file = dashboard.get(&format!("/assets/{name}"));
        assert_eq!(file.status, 200, "{name}");
        let cache = file.header("cache-control").unwrap();
        assert!(cache.contains("immutable"), "{name}: {cache}");
        let (tree, path) = name.split_once('/').unwrap();
        assert_eq!(
            (tree.len(), file.body),
            (16, std::fs::read(format!("{FOLDER}/{path}")).unwrap())
        );
        let plain = dashboard.get(&format!("/assets/{path}"));
        assert_eq!((plain.status, plain.header("cache-control")), (200, Some("no-cache")));
    }
    for path in [
        "/assets/",
        "/assets/nothing.js",
        "/assets/../Cargo.toml",
        "/assets/%2e%2e/Cargo.toml",
        "/assets//etc/passwd",
    ] {
        assert_eq!(dashboard.get(path).status, 404, "{path}");
    }
}

#[test]
fn from_a_folder_nothing_but_the_folder_is_served() {
    let shop = Shop::open();
    let assets = shop.folder.path().join("page");
    std::fs::create_dir(&assets).unwrap();
    std::fs::write(assets.join("index.html"), "<p>mine</p>").unwrap();
    std::fs::write(shop.folder.path().join("secret"), "secret").unwrap();
    let mut command = shop.command();
    command.arg("--assets").arg(&assets);
    let dashboard = Running::ready(&mut command);
    assert_eq!(dashboard.get("/").text(), "<p>mine</p>");
    for path in
        ["/assets/../secret", "/assets/%2e%2e/secret", "/assets/..%2fsecret", "/assets//secret"]
    {
        assert_eq!(dashboard.get(path).status, 404, "{path}");
    }
}

/// What was taken from others is what they published: its checksums stand beside it.
#[test]
fn vendored_files_are_unchanged() {
    let vendor = Path::new(FOLDER).join("vendor");
    let sums = std::fs::read_to_string(vendor.join("SHA256SUMS")).unwrap();
    let mut listed = Vec::new();
    for line in sums.lines().filter(|line| !line.is_empty()) {
        let (sum, name) = line.split_once("  ").unwrap();
        let digest = Sha256::digest(std::fs::read(vendor.join(name)).unwrap());
        let found: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, sum, "{name}");
        listed.push(name.to_owned());
    }
    listed.sort();
    let mut there = Vec::new();
    list(&vendor, &vendor, &mut there);
    there.retain(|name| name != "SHA256SUMS");
    there.sort();
    assert_eq!(listed, there);
}

fn list(root: &Path, folder: &Path, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(root, &path, names);
        } else {
            names.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
}
