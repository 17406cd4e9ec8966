//! The fields of a row, by the rules of the batch job's reader.

use std::ops::Range;

/// Positions of the columns in every row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) invoice: usize,
    pub(super) stock_code: usize,
    /// Not every export has it.
    pub(super) description: Option<usize>,
    pub(super) quantity: usize,
    pub(super) invoice_date: usize,
    pub(super) unit_price: usize,
    pub(super) customer_id: usize,
    pub(super) country: usize,
    /// Fields of a row.
    pub(super) count: usize,
}

impl Columns {
    /// Reads the header: the spellings of Online Retail and Online Retail II, without case, spaces and underscores.
    pub(super) fn read(header: &[u8]) -> Result<Columns, String> {
        let (mut text, mut fields) = (Vec::new(), Vec::new());
        let shown: String = String::from_utf8_lossy(header).chars().take(200).collect();
        split(header, &mut text, &mut fields)
            .map_err(|why| format!("the header {shown:?}: {why}"))?;
        let names: Vec<String> = fields
            .iter()
            .map(|field| {
                String::from_utf8_lossy(&text[field.clone()])
                    .chars()
                    .filter(|c| !c.is_whitespace() && *c != '_')
                    .flat_map(char::to_lowercase)
                    .collect()
            })
            .collect();
        let find = |spellings: &[&str], column: &str| {
            let is = |name: &String| spellings.contains(&name.as_str());
            match names.iter().filter(|name| is(name)).count() {
                0 => Err(format!("no column {column} in the header {shown:?}")),
                1 => Ok(names.iter().position(is).unwrap_or_default()),
                _ => Err(format!("column {column} twice in the header {shown:?}")),
            }
        };
        Ok(Columns {
            invoice: find(&["invoiceno", "invoice"], "InvoiceNo (or Invoice)")?,
            stock_code: find(&["stockcode"], "StockCode")?,
            description: names.iter().position(|name| name == "description"),
            quantity: find(&["quantity"], "Quantity")?,
            invoice_date: find(&["invoicedate"], "InvoiceDate")?,
            unit_price: find(&["unitprice", "price"], "UnitPrice (or Price)")?,
            customer_id: find(&["customerid"], "CustomerID (or Customer ID)")?,
            country: find(&["country"], "Country")?,
            count: names.len(),
        })
    }
}

/// Splits a line into fields: their bytes, quotes taken away, go to `text`, where each is in it to `fields`. A quote opens a
/// quoted field only as the first byte of the field.
pub(super) fn split(
    line: &[u8],
    text: &mut Vec<u8>,
    fields: &mut Vec<Range<usize>>,
) -> Result<(), &'static str> {
    text.clear();
    fields.clear();
    let mut rest = line;
    loop {
        let start = text.len();
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            rest = quoted;
            loop {
                let quote = rest.iter().position(|&b| b == b'"').ok_or("unclosed quote")?;
                text.extend_from_slice(&rest[..quote]);
                rest = &rest[quote + 1..];
                match rest.strip_prefix(b"\"") {
                    Some(after) => {
                        text.push(b'"');
                        rest = after;
                    }
                    None => break,
                }
            }
        } else {
            let end = rest.iter().position(|&b| b == b',').unwrap_or(rest.len());
            text.extend_from_slice(&rest[..end]);
            rest = &rest[end..];
        }
        fields.push(start..text.len());
        match rest.split_first() {
            None => return Ok(()),
            Some((b',', after)) => rest = after,
            Some(_) => return Err("text after a closing quote"),
        }
    }
}

/// A whole number; no plus sign, which no export writes.
pub(super) fn integer(field: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(field.trim_ascii()).ok()?;
    if text.starts_with('+') { None } else { text.parse().ok() }
}

/// A customer id: positive, perhaps with the `.0` of a spreadsheet. `Ok(None)` for an empty field.
pub(super) fn customer(field: &[u8]) -> Result<Option<i64>, ()> {
    let text = std::str::from_utf8(field.trim_ascii()).map_err(|_| ())?;
    if text.is_empty() {
        return Ok(None);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || fraction.bytes().any(|b| b != b'0') || whole.starts_with('+') {
        return Err(());
    }
    match whole.parse() {
        Ok(id) if id > 0 => Ok(Some(id)),
        _ => Err(()),
    }
}
