//! Who may see it, and what every answer says to a browser.

use serde_json::{Value, json};

use crate::support::client::{Events, send};
use crate::support::program::{Running, command, output};
use crate::support::shop::Shop;

const TOKEN: &str = "a-token-of-twenty-five-chars";

fn with_token(shop: &Shop) -> Running {
    let mut command = shop.command();
    command.env("RFM_DASHBOARD__TOKEN", TOKEN);
    Running::start(&mut command)
}

/// `name=value` of the cookie that an answer sets.
#[track_caller]
fn cookie_of(answer: &crate::support::client::Answer) -> String {
    let cookie = answer.header("set-cookie").unwrap();
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    cookie.split(';').next().unwrap().to_owned()
}

#[test]
fn nothing_is_shown_without_the_token() {
    let shop = Shop::open().with_broker();
    let dashboard = with_token(&shop);
    for path in [
        "/api/segments",
        "/api/segments.csv",
        "/api/snapshots",
        "/api/scatter",
        "/api/migration",
        "/api/customers/12347",
        "/api/customers/12347/orders",
        "/api/live",
        "/api/stream/orders",
        "/api/nothing",
        "/metrics",
    ] {
        assert_eq!(dashboard.get(path).problem(401), "signed_out", "{path}");
        let forged =
            [("Cookie", "rfm_session=0000"), ("Authorization", "Bearer wrong-wrong-wrong-wrong")];
        assert_eq!(dashboard.get_with(path, &forged[..1]).problem(401), "signed_out", "{path}");
    }
    let session = dashboard.get("/api/session").json();
    assert_eq!((&session["authenticated"], &session["auth"]), (&json!(false), &json!("token")));
    assert_eq!(
        (&session["snapshot"], &session["live"], &session["warehouse"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    for path in ["/healthz", "/readyz", "/api/openapi.json"] {
        assert_ne!(dashboard.get(path).status, 401, "{path}");
    }
    assert!(!dashboard.log().contains(TOKEN));
}

#[test]
fn signing_in_and_out() {
    let shop = Shop::open().with_broker();
    let dashboard = with_token(&shop);
    let wrong = dashboard.post("/api/session", &json!({"token": "not it"}));
    assert_eq!(wrong.problem(401), "sign_in_failed");
    assert_eq!(wrong.header("set-cookie"), None);
    let signed_in = dashboard.post("/api/session", &json!({"token": TOKEN}));
    assert_eq!(signed_in.json()["authenticated"], true);
    let cookie = cookie_of(&signed_in);
    let headers = [("Cookie", cookie.as_str())];
    assert_ne!(dashboard.get_with("/api/segments", &headers).status, 401);
    assert_eq!(dashboard.get_with("/api/session", &headers).json()["authenticated"], true);
    let mut events = Events::open(&dashboard.address, "", &headers);
    assert_eq!(events.next().unwrap().name, "heartbeat");
    // Programs send it each time.
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(dashboard.get_with("/metrics", &[("Authorization", &bearer)]).status, 200);

    let out = send(&dashboard.address, "DELETE", "/api/session", &headers, "");
    assert_eq!(out.status, 204);
    assert!(cookie_of(&out).ends_with('='));
    assert_eq!(dashboard.get_with("/api/segments", &headers).problem(401), "signed_out");
    assert_eq!(events.next_of("bye").data["reason"], "signed_out");
    assert!(events.next().is_none());
}

#[test]
fn sign_ins_that_are_none() {
    let shop = Shop::open();
    let dashboard = with_token(&shop);
    let post = |kind: &str, body: &str| {
        send(&dashboard.address, "POST", "/api/session", &[("Content-Type", kind)], body)
    };
    let right = json!({"token": TOKEN}).to_string();
    for (kind, body) in [
        ("text/plain", right.as_str()),
        ("application/x-www-form-urlencoded", "token=x"),
        ("application/json", "{"),
        ("application/json", "{}"),
        ("application/json", "[1]"),
        ("application/json", r#"{"token":"a","user":"b"}"#),
        ("application/json", r#"{"token":1}"#),
    ] {
        assert_eq!(post(kind, body).problem(400), "body_malformed", "{kind} {body}");
    }
    let large = json!({"token": "x".repeat(12_000)}).to_string();
    assert_eq!(post("application/json", &large).status, 413);
    let foreign = [("Content-Type", "application/json"), ("Sec-Fetch-Site", "cross-site")];
    let answer = send(&dashboard.address, "POST", "/api/session", &foreign, &right);
    assert_eq!(answer.problem(403), "origin_refused");
    // Guessing ends soon.
    let mut answers = (0..30)
        .map(|n| post("application/json", &json!({"token": format!("guess {n}")}).to_string()));
    let limited = answers.find(|answer| answer.status == 429).unwrap();
    assert_eq!(limited.problem(429), "too_many_attempts");
    assert_eq!(post("application/json", &right).problem(429), "too_many_attempts");
}

#[test]
fn user_and_password() {
    let hash = output(command().arg("hash-password"), "correct horse\n");
    assert!(hash.status.success());
    let hash = String::from_utf8(hash.stdout).unwrap();
    let shop = Shop::open();
    let mut command = shop.command();
    command.env("RFM_DASHBOARD__USER", "marketing");
    command.env("RFM_DASHBOARD__PASSWORD_HASH", hash.trim());
    let dashboard = Running::start(&mut command);
    assert_eq!(dashboard.get("/api/session").json()["auth"], "password");
    for (user, password) in [("marketing", "wrong"), ("other", "correct horse")] {
        let answer = dashboard.post("/api/session", &json!({"user": user, "password": password}));
        assert_eq!(answer.problem(401), "sign_in_failed");
    }
    let answer =
        dashboard.post("/api/session", &json!({"user": "marketing", "password": "correct horse"}));
    assert_eq!(answer.json()["user"], "marketing");
    // marketing:correct horse
    let basic = [("Authorization", "Basic bWFya2V0aW5nOmNvcnJlY3QgaG9yc2U=")];
    assert_eq!(dashboard.get_with("/metrics", &basic).status, 200);
    let wrong = [("Authorization", "Basic bWFya2V0aW5nOndyb25n")];
    assert_eq!(dashboard.get_with("/metrics", &wrong).problem(401), "signed_out");
}

#[test]
fn headers_of_every_answer() {
    let shop = Shop::open();
    let dashboard = Running::ready(&mut shop.command());
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                  connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
                  require-trusted-types-for 'script'";
    for path in [
        "/",
        "/live",
        "/customers/1",
        "/api/segments",
        "/api/nothing",
        "/nothing",
        "/assets/x",
        "/healthz",
        "/metrics",
    ] {
        let answer = dashboard.get(path);
        assert_eq!(answer.header("content-security-policy"), Some(policy), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert!(answer.header("x-request-id").is_some(), "{path}");
    }
    let packed = dashboard.get_with("/api/openapi.json", &[("Accept-Encoding", "gzip")]);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() * 4 < dashboard.get("/api/openapi.json").body.len());
}

#[test]
fn other_names_for_this_server_are_refused() {
    let shop = Shop::open();
    let mut command = shop.command();
    command.args(["--set", "dashboard.hosts=[\"rfm.shop.example\"]"]);
    let dashboard = Running::ready(&mut command);
    for host in ["evil.example", "evil.example:3034", "127.0.0.1.evil.example"] {
        let answer = dashboard.get_with("/api/segments", &[("Host", host)]);
        assert_eq!(answer.problem(421), "host_refused", "{host}");
    }
    for host in ["localhost:3034", "127.0.0.1:1", "[::1]", "rfm.shop.example"] {
        assert_eq!(dashboard.get_with("/api/segments", &[("Host", host)]).status, 200, "{host}");
    }
}
