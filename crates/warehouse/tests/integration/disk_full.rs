//! A disk that fills up while a snapshot is written.

use crate::helper::{Task, publish_in_namespace};

#[test]
fn the_error_says_what_to_do_and_the_previous_snapshot_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let large = |date, salt| Task { n_rows: 200_000, ..Task::new(date, salt) };
    let results = publish_in_namespace(
        &folder.path().join("warehouse"),
        &format!("mount -t tmpfs -o size=1m tmpfs {path}"),
        &[
            ("true", Task::new("2011-12-09", 1)),
            // the first file does not fit
            ("true", large("2011-12-10", 2)),
            ("true", Task::new("2011-12-11", 3)),
            // nothing fits at all
            (&format!("cat /dev/zero > {path}/filler || true"), Task::new("2011-12-12", 4)),
            (&format!("rm {path}/filler"), Task::new("2011-12-13", 5)),
        ],
    );
    let [first, large, third, full, last] = &results[..] else { panic!("{results:?}") };
    assert_eq!(first.as_deref(), Ok("2011-12-09"));
    assert_eq!(third.as_deref(), Ok("2011-12-11"));
    assert_eq!(last.as_deref(), Ok("2011-12-13"));

    let message = large.as_ref().unwrap_err();
    assert!(message.starts_with("retryable=false cannot write '"), "{message}");
    assert!(message.contains("ecom_user_rfm_batch/_runs/run-"), "{message}");
    let advice = "part-00000.parquet': the disk is full or a quota is used up; free some space or choose another folder";
    assert!(message.contains(advice), "{message}");
    assert!(message.contains("No space left on device (os error 28)"), "{message}");
    assert!(message.contains(r#"views show Some(("2011-12-09", 1)), 0 leftovers"#), "{message}");

    let message = full.as_ref().unwrap_err();
    assert!(
        message.contains(": the disk is full or a quota is used up; free some space"),
        "{message}"
    );
    assert!(message.contains(r#"views show Some(("2011-12-11", 3)), 0 leftovers"#), "{message}");
}
