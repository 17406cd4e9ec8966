use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";

/// The orders of a file as texts, and the rows that are none.
fn read(csv: &[u8]) -> (Vec<String>, Skipped) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.csv");
    std::fs::write(&path, csv).unwrap();
    read_file(path.to_str().unwrap(), None)
}

fn read_file(path: &str, format: Option<DateFormat>) -> (Vec<String>, Skipped) {
    let mut replay = Replay::open(path, format).unwrap();
    let mut orders = Vec::new();
    while replay.advance().unwrap() {
        let o = replay.order().unwrap();
        orders.push(format!(
            "{}|{}|{}|{}|{}|{}|{}|{}",
            o.invoice_no,
            o.stock_code,
            o.description.unwrap_or("-"),
            o.quantity,
            o.event_time,
            o.unit_price,
            o.customer_id.map_or("-".to_owned(), |id| id.to_string()),
            o.country.unwrap_or("-"),
        ));
    }
    (orders, replay.skipped().clone())
}

#[test]
fn rows_are_orders_returns_and_guests_too() {
    let csv = format!(
        "\u{feff}{HEADER}\r\n\
         536365,85123A,WHITE HANGING HEART,6,12/1/2010 8:26,2.55,17850,United Kingdom\r\n\
         C536379,D,Discount,-1,12/1/2010 9:41,27.5,14527.0,EIRE\r\n\
         \r\n\
         536414,22139,,56,2010-12-01 11:52:00,0,,\r\n\
         536370,POST,\"FRAME 7\"\", RED\",3,2010-12-01T08:45:00Z,18,12583,France"
    );
    let (orders, skipped) = read(csv.as_bytes());
    assert_eq!(
        orders,
        [
            "536365|85123A|WHITE HANGING HEART|6|2010-12-01 08:26:00|2.5500|17850|United Kingdom",
            "C536379|D|Discount|-1|2010-12-01 09:41:00|27.5000|14527|EIRE",
            "536414|22139|-|56|2010-12-01 11:52:00|0.0000|-|-",
            "536370|POST|FRAME 7\", RED|3|2010-12-01 08:45:00|18.0000|12583|France",
        ]
    );
    assert_eq!(skipped, Skipped::default());
}

#[test]
fn columns_are_found_by_name() {
    let csv = b"country,Price,customer id,Quantity,INVOICE,Stock_Code,InvoiceDate,Extra\n\
                EIRE,1.5,7,2,1,A,2011-01-02,x\n";
    assert_eq!(read(csv).0, ["1|A|-|2|2011-01-02 00:00:00|1.5000|7|EIRE"]);
}

#[test]
fn rows_that_are_no_orders_are_counted_by_what_is_wrong() {
    let good = "1,A,B,2,1/2/2011 3:04,1.5,7,EIRE";
    let rows: [(&[u8], &str); 13] = [
        (b"1,A,B,six,1/2/2011 3:04,1.5,7,EIRE", "quantity is no whole number"),
        (b"1,A,B,+2,1/2/2011 3:04,1.5,7,EIRE", "quantity is no whole number"),
        (b"1,A,B,3000000000,1/2/2011 3:04,1.5,7,EIRE", "quantity is too large"),
        (b"1,A,B,2,2/30/2011 3:04,1.5,7,EIRE", "date is none"),
        (b"1,A,B,2,1/2/2011 3:04,NaN,7,EIRE", "price is no amount"),
        (b"1,A,B,2,1/2/2011 3:04,1.5,0,EIRE", "customer id is no number"),
        (b"1,A,B,2,1/2/2011 3:04,1.5,1.5,EIRE", "customer id is no number"),
        (b" ,A,B,2,1/2/2011 3:04,1.5,7,EIRE", "no invoice number"),
        (b"1,,B,2,1/2/2011 3:04,1.5,7,EIRE", "no stock code"),
        (b"1,A,B,2,1/2/2011 3:04,1.5,7,\xff", "country is not UTF-8"),
        (b"1,A,B,2,1/2/2011 3:04,1.5,7", "wrong number of fields"),
        (b"1,A,\"B,2,1/2/2011 3:04,1.5,7,EIRE", "unclosed quote"),
        (b"1,A,\"B\"C,2,1/2/2011 3:04,1.5,7,EIRE", "text after a closing quote"),
    ];
    for (row, reason) in rows {
        let csv = [HEADER.as_bytes(), b"\n", row, b"\n", good.as_bytes(), b"\n"].concat();
        let (orders, skipped) = read(&csv);
        // The bad row takes no good one with it.
        assert_eq!(orders.len(), 1, "{reason}");
        assert_eq!(skipped.by_reason, BTreeMap::from([(reason, 1)]));
    }
}

#[test]
fn a_line_without_end_is_skipped_whole() {
    let long = "x".repeat(3 << 20);
    let csv = format!("{HEADER}\n{long}\n1,A,B,2,1/2/2011 3:04,1.5,7,EIRE");
    let (orders, skipped) = read(csv.as_bytes());
    assert_eq!((orders.len(), skipped.by_reason), (1, BTreeMap::from([("line too long", 1)])));
}

#[test]
fn a_description_in_another_encoding_is_no_reason_to_lose_an_order() {
    let csv = [HEADER.as_bytes(), b"\n1,A,\xa31 BAG,2,1/2/2011 3:04,1.5,7,EIRE\n"].concat();
    let (orders, _) = read(&csv);
    assert_eq!(orders, ["1|A|\u{fffd}1 BAG|2|2011-01-02 03:04:00|1.5000|7|EIRE"]);
}

#[test]
fn compressed_files_and_days_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.csv.gz");
    let mut encoder = GzEncoder::new(std::fs::File::create(&path).unwrap(), Compression::default());
    write!(encoder, "{HEADER}\n1,A,B,2,1/2/2011 3:04,1.5,7,EIRE\n").unwrap();
    encoder.finish().unwrap();
    let path = path.to_str().unwrap();
    assert!(read_file(path, None).0[0].contains("2011-01-02"));
    assert!(read_file(path, Some(DateFormat::DayFirst)).0[0].contains("2011-02-01"));
}

#[test]
fn what_is_no_file_of_orders_is_a_matter_of_usage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    let path = path.to_str().unwrap();
    let check = |expected: &str| {
        let error = Replay::open(path, None).err().unwrap();
        assert!(error.is::<UsageError>());
        assert_eq!(error.to_string(), format!("cannot replay {path}: {expected}"));
    };
    check("No such file or directory (os error 2)");
    std::fs::write(path, "").unwrap();
    check("no column InvoiceNo (or Invoice) in the header \"\"");
    std::fs::write(path, "Invoice,InvoiceNo,StockCode\n").unwrap();
    check("column InvoiceNo (or Invoice) twice in the header \"Invoice,InvoiceNo,StockCode\"");
    std::fs::remove_file(path).unwrap();
    std::fs::create_dir(path).unwrap();
    check("is a directory");
}

#[test]
fn a_broken_archive_is_an_error_after_the_rows_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.csv.gz");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    writeln!(encoder, "{HEADER}").unwrap();
    for number in 0..20_000 {
        writeln!(encoder, "{number},A,B,2,1/2/2011 3:04,1.5,{},EIRE", number + 1).unwrap();
    }
    let bytes = encoder.finish().unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let mut replay = Replay::open(path.to_str().unwrap(), None).unwrap();
    let mut orders = 0;
    let error = loop {
        match replay.advance() {
            Ok(true) => orders += 1,
            Ok(false) => panic!("the end of half a file after {orders} orders"),
            Err(error) => break error,
        }
    };
    assert!(orders > 1_000, "{orders}");
    assert!(format!("{error:#}").contains("orders.csv.gz after line"), "{error:#}");
}
