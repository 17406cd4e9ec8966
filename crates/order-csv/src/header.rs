//! Which field of a line is which column.

use store::Location;

use crate::CsvError;
use crate::quoted::split_line;

/// Positions (from 0) of the needed columns in every line of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    pub invoice: usize,
    pub quantity: usize,
    pub invoice_date: usize,
    pub unit_price: usize,
    pub customer_id: usize,
    pub country: usize,
    /// Fields that every line has.
    pub count: usize,
}

/// Spellings of Online Retail and Online Retail II, without case, spaces and underscores.
const INVOICE: [&str; 2] = ["invoiceno", "invoice"];
const QUANTITY: [&str; 1] = ["quantity"];
const INVOICE_DATE: [&str; 1] = ["invoicedate"];
const UNIT_PRICE: [&str; 2] = ["unitprice", "price"];
const CUSTOMER_ID: [&str; 1] = ["customerid"];
const COUNTRY: [&str; 1] = ["country"];

impl Columns {
    /// Reads the header line (without its line end). `StockCode` and `Description` are not needed, and further columns are
    /// allowed.
    pub(crate) fn read(path: &Location, line: &[u8]) -> Result<Columns, CsvError> {
        let mut names = Vec::new();
        let shown = shorten(line);
        let mut fields = Vec::new();
        let mut text = Vec::new();
        // A header with an unclosed quote is shown as it is when its columns are not found.
        if split_line(line, &mut text, &mut fields).is_ok() {
            for &(start, end) in &fields {
                names.push(normalise(text.get(start..end).unwrap_or_default()));
            }
        }
        let find = |spellings: &[&str], column: &str| {
            let mut found =
                names.iter().enumerate().filter(|(_, n)| spellings.contains(&n.as_str()));
            let Some((index, _)) = found.next() else {
                return Err(CsvError::MissingColumn {
                    path: path.clone(),
                    column: column.to_owned(),
                    header: shown.clone(),
                });
            };
            match found.next() {
                None => Ok(index),
                Some(_) => Err(CsvError::DuplicateColumn {
                    path: path.clone(),
                    column: column.to_owned(),
                    header: shown.clone(),
                }),
            }
        };
        Ok(Columns {
            invoice: find(&INVOICE, "InvoiceNo (or Invoice)")?,
            quantity: find(&QUANTITY, "Quantity")?,
            invoice_date: find(&INVOICE_DATE, "InvoiceDate")?,
            unit_price: find(&UNIT_PRICE, "UnitPrice (or Price)")?,
            customer_id: find(&CUSTOMER_ID, "CustomerID (or Customer ID)")?,
            country: find(&COUNTRY, "Country")?,
            count: names.len(),
        })
    }
}

fn normalise(name: &[u8]) -> String {
    String::from_utf8_lossy(name)
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '_')
        .flat_map(char::to_lowercase)
        .collect()
}

/// The header as an error message shows it: one line, no control characters, at most 200 of them.
fn shorten(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line.get(..800).unwrap_or(line));
    let mut shown: String = text.chars().take(200).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Columns, String> {
        Columns::read(&Location::local("x.csv"), line.as_bytes()).map_err(|e| e.to_string())
    }

    #[test]
    fn both_spellings_in_any_order() {
        let first = read(
            "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
        );
        let Ok(first) = first else { panic!("{first:?}") };
        assert_eq!((first.invoice, first.customer_id, first.count), (0, 6, 8));
        let second = read("country,\"customer id\", PRICE ,invoicedate,Invoice,quantity,Extra");
        let Ok(second) = second else { panic!("{second:?}") };
        assert_eq!((second.country, second.unit_price, second.invoice, second.count), (0, 2, 4, 7));
    }

    #[test]
    fn missing_and_double_columns_are_named_with_the_header() {
        let missing = read("Invoice,Quantity,InvoiceDate,Price,Country").unwrap_err();
        assert!(missing.contains("no column CustomerID (or Customer ID)"), "{missing}");
        assert!(missing.contains("Invoice,Quantity,InvoiceDate,Price,Country"), "{missing}");
        let double =
            read("InvoiceNo,Invoice,Quantity,InvoiceDate,Price,CustomerID,Country").unwrap_err();
        assert!(double.contains("InvoiceNo (or Invoice) twice"), "{double}");
        let garbage =
            Columns::read(&Location::local("x"), &[0, 159, 146, 150].repeat(400)).unwrap_err();
        assert!(garbage.to_string().chars().count() < 2_000);
        // Columns nobody needs may stand there twice.
        assert!(read("Invoice,x,x,Quantity,InvoiceDate,Price,CustomerID,Country").is_ok());
    }
}
