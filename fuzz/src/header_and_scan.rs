//! Any bytes as a whole file: an error or a result, the same for any number of workers, and compressed as well as not.

use order_csv::ScanOptions;

use super::reading::{gzip, read};

pub fn check(data: &[u8]) {
    let options = ScanOptions::default();
    let first = read(data, &options, 1).map_err(|error| error.to_string());
    let second = read(data, &options, 3).map_err(|error| error.to_string());
    match (&first, &second) {
        (Ok(first), Ok(second)) => assert_eq!(first, second, "1 and 3 workers"),
        // The message names the file, which is another one each time.
        (Err(_), Err(_)) => {}
        _ => unreachable!("1 worker: {first:?}\n3 workers: {second:?}"),
    }
    if let Ok(first) = first
        && !data.starts_with(b"\x1f\x8b")
    {
        let packed = read(&gzip(data), &options, 1);
        assert_eq!(packed.expect("the plain file is readable"), first, "compressed and not");
    }
}
