//! The catalogue as values instead of as text of a CSV file.

use order_model::Money;

use crate::catalogue::{Catalogue, Tier};

/// A product's prices for a piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prices {
    pub(super) wholesale: Money,
    pub(super) base: Money,
    pub(super) retail: Money,
}

/// The products of a catalogue by their numbers there. Their text lies side by side, for the caches.
#[derive(Debug)]
pub(super) struct Products {
    text: String,
    products: Vec<Product>,
}

#[derive(Debug)]
struct Product {
    start: u32,
    code_end: u32,
    end: u32,
    prices: Prices,
}

impl Products {
    pub(super) fn new(catalogue: &Catalogue) -> Self {
        let mut text = String::new();
        let products = (0..catalogue.len())
            .map(|number| {
                let start = text.len() as u32;
                text.push_str(&String::from_utf8_lossy(catalogue.code(number)));
                let code_end = text.len() as u32;
                text.push_str(&unquoted(catalogue.description(number)));
                // What the catalogue writes are amounts.
                let price = |tier| Money::parse(catalogue.price(number, tier)).unwrap_or_default();
                let prices = Prices {
                    wholesale: price(Tier::Wholesale),
                    base: price(Tier::Base),
                    retail: price(Tier::Retail),
                };
                Product { start, code_end, end: text.len() as u32, prices }
            })
            .collect();
        Self { text, products }
    }

    pub(super) fn code(&self, number: usize) -> &str {
        let product = &self.products[number];
        &self.text[product.start as usize..product.code_end as usize]
    }

    pub(super) fn description(&self, number: usize) -> &str {
        let product = &self.products[number];
        &self.text[product.code_end as usize..product.end as usize]
    }

    pub(super) fn prices(&self, number: usize) -> Prices {
        self.products[number].prices
    }
}

/// The text of a CSV field.
fn unquoted(field: &[u8]) -> String {
    let text = String::from_utf8_lossy(field);
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_catalogue() {
        let catalogue = Catalogue::new();
        let products = Products::new(&catalogue);
        let (mut quotes, mut commas) = (0, 0);
        for number in 0..catalogue.len() {
            assert_eq!(products.code(number).as_bytes(), catalogue.code(number));
            let description = products.description(number);
            assert!(!description.starts_with('"') && !description.contains("\"\""));
            quotes += usize::from(description.contains('"'));
            commas += usize::from(description.contains(','));
            let prices = products.prices(number);
            assert!(prices.wholesale <= prices.base && prices.base <= prices.retail);
            assert!(prices.wholesale > Money::ZERO);
        }
        assert!(quotes > 5 && commas > 20, "{quotes} {commas}");
    }

    #[test]
    fn fields_lose_their_quotes() {
        assert_eq!(unquoted(b" OWL "), " OWL ");
        assert_eq!(unquoted(b"\"TEA,COFFEE\""), "TEA,COFFEE");
        assert_eq!(unquoted(b"\"FRAME 7\"\" SINGLE \""), "FRAME 7\" SINGLE ");
    }
}
