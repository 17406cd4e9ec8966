//! Lines that no reader can take, in the ways files go wrong on their way: columns lost or added,
//! text where a number belongs, numbers too large, days that do not exist, quotes left open, bytes
//! of another encoding. Each is one line of the file, so that a file's line count stays exact.

/// The fields of a good line, as they stand between its commas.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    pub(crate) invoice: &'a [u8],
    /// `StockCode,Description,`
    pub(crate) code_and_description: &'a [u8],
    /// `StockCode`
    pub(crate) code: &'a [u8],
    pub(crate) quantity: &'a [u8],
    pub(crate) date: &'a [u8],
    pub(crate) price: &'a [u8],
    pub(crate) customer: &'a [u8],
    pub(crate) country: &'a [u8],
}

const QUANTITIES: [&[u8]; 6] = [b"six", b"", b"1.5", b"12O", b"99999999999999999999", b"--1"];
const DATES: [&[u8]; 6] =
    [b"13/45/2011 8:26", b"2/30/2011 9:00", b"12/1/2010 25:61", b"yesterday", b"", b"0/0/0 0:00"];
const PRICES: [&[u8]; 6] = [b"abc", b"NaN", b"", b"1e5", b"2.55.1", b"inf"];
const CUSTOMERS: [&[u8]; 4] = [b"99999999999999999999999", b"17\xff50", b"1785O", b"\xe9\xe8\xa3"];
const GARBAGE: [&[u8]; 3] = [b"### export interrupted ###", b"\xff\xfe\x00I\x00n\x00v", b";;;;;;;"];

/// How many ways there are: a number below picks one.
pub(crate) const WAYS: u32 = 28;

/// Appends a malformed line made of the fields of a good one, in the `way`-th way.
pub(crate) fn push_malformed(out: &mut Vec<u8>, way: u32, good: Fields<'_>) {
    let way = way as usize;
    if let Some(&quantity) = QUANTITIES.get(way) {
        return push_line(out, Fields { quantity, ..good });
    }
    let way = way - QUANTITIES.len();
    if let Some(&date) = DATES.get(way) {
        return push_line(out, Fields { date, ..good });
    }
    let way = way - DATES.len();
    if let Some(&price) = PRICES.get(way) {
        return push_line(out, Fields { price, ..good });
    }
    let way = way - PRICES.len();
    if let Some(&customer) = CUSTOMERS.get(way) {
        return push_line(out, Fields { customer, ..good });
    }
    let way = way - CUSTOMERS.len();
    if let Some(&garbage) = GARBAGE.get(way) {
        return push_fields(out, &[garbage]);
    }
    match way - GARBAGE.len() {
        // A quote that nothing closes.
        0 => push_fields(
            out,
            &[
                good.invoice,
                good.code,
                b"\"FRAME 7",
                good.quantity,
                good.date,
                good.price,
                good.customer,
                good.country,
            ],
        ),
        // The country is lost, and the customer with it.
        1 => push_fields(out, &[good.invoice, good.code, b"LOST", good.quantity, good.date]),
        // A column too many, as an unquoted comma in a description gives.
        _ => push_fields(
            out,
            &[
                good.invoice,
                good.code,
                b"TEA",
                b"COFFEE",
                good.quantity,
                good.date,
                good.price,
                good.customer,
                good.country,
            ],
        ),
    }
}

/// Appends a line.
pub(crate) fn push_line(out: &mut Vec<u8>, line: Fields<'_>) {
    out.extend_from_slice(line.invoice);
    out.push(b',');
    out.extend_from_slice(line.code_and_description);
    let rest = [line.quantity, line.date, line.price, line.customer, line.country];
    push_fields(out, &rest);
}

fn push_fields(out: &mut Vec<u8>, fields: &[&[u8]]) {
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(field);
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use order_model::{DateFormat, Money};

    use super::*;

    const GOOD: Fields<'_> = Fields {
        invoice: b"536365",
        code_and_description: b"71053,WHITE METAL LANTERN,",
        code: b"71053",
        quantity: b"6",
        date: b"12/1/2010 8:26",
        price: b"3.39",
        customer: b"17850",
        country: b"United Kingdom",
    };

    /// Whether a line parses by the rules of the suite; none of the lines here has good quotes.
    fn parses(line: &[u8]) -> bool {
        let line = line.strip_suffix(b"\r\n").unwrap();
        assert!(!line.contains(&b'\n') && !line.contains(&b'\r'));
        let fields: Vec<&[u8]> = line.split(|&byte| byte == b',').collect();
        let &[_, _, description, quantity, date, price, customer, _] = fields.as_slice() else {
            return false;
        };
        let int = |text| std::str::from_utf8(text).is_ok_and(|text| text.parse::<i64>().is_ok());
        !description.starts_with(b"\"")
            && int(quantity)
            && DateFormat::MonthFirst.parse(date).is_some()
            && Money::parse(price).is_ok()
            && int(customer)
    }

    #[test]
    fn a_good_line_is_a_line_of_the_real_file() {
        let mut out = Vec::new();
        push_line(&mut out, GOOD);
        let expected =
            b"536365,71053,WHITE METAL LANTERN,6,12/1/2010 8:26,3.39,17850,United Kingdom\r\n";
        assert_eq!(out, expected);
        assert!(parses(&out));
    }

    #[test]
    fn every_way_differs_and_none_parses() {
        let mut seen = HashSet::new();
        for way in 0..WAYS {
            let mut out = Vec::new();
            push_malformed(&mut out, way, GOOD);
            assert!(!parses(&out), "{:?}", String::from_utf8_lossy(&out));
            assert!(seen.insert(out), "way {way} twice");
        }
        assert_eq!(seen.len(), WAYS as usize);
    }
}
