//! What the shop sells: the same for every seed, as for every year of a real shop.

use std::collections::HashSet;

use crate::numbers::push_price;
use crate::random::{Random, WeightedIndex, quantile};
use crate::words::{COLOURS, OBJECTS, PATTERNS};

/// Products proper; the real data has 4,070 stock codes, some of them not products.
const PRODUCTS: usize = 3_950;
/// Products that are also typed with a small letter now and then, as 112 of the real ones.
const RETYPED: usize = 100;

/// Lines by rank of product in the real data: `(rank / number of products, lines)`.
const POPULARITY: [(f64, f64); 9] = [
    (0.0, 2_313.0),
    (0.0025, 1_348.0),
    (0.025, 700.0),
    (0.125, 297.0),
    (0.25, 169.0),
    (0.5, 64.0),
    (0.75, 16.0),
    (0.95, 2.0),
    (1.0, 1.0),
];

/// Unit prices in thousandths of a pound, each with its weight, after the real price list.
const PRICES: [(i64, u32); 33] = [
    (1_250, 50),
    (1_650, 38),
    (850, 29),
    (2_950, 28),
    (420, 25),
    (4_950, 19),
    (3_750, 19),
    (2_100, 18),
    (2_080, 17),
    (1_950, 13),
    (1_450, 13),
    (2_550, 13),
    (390, 8),
    (5_950, 8),
    (650, 8),
    (550, 8),
    (4_250, 7),
    (7_950, 7),
    (4_150, 6),
    (9_950, 6),
    (8_500, 6),
    (290, 4),
    (190, 3),
    (12_750, 4),
    (14_950, 3),
    (16_950, 2),
    (10_950, 2),
    (6_750, 2),
    (3_450, 2),
    (18_000, 1),
    (24_950, 1),
    (39_950, 1),
    (120, 1),
];

/// Which of a product's prices a line is sold at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// For large quantities.
    Wholesale = 0,
    Base = 1,
    /// Through the web shop, to people who leave no customer id.
    Retail = 2,
}

/// A product, its fields ready to be copied into a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Product {
    /// `StockCode,Description,` with quotes where needed.
    code_and_description: Range32,
    code: Range32,
    prices: [Range32; 3],
}

#[derive(Clone, Copy, Debug)]
struct Range32 {
    start: u32,
    end: u32,
}

/// All products; their bytes lie side by side so that the common ones stay in the cache.
#[derive(Debug)]
pub(crate) struct Catalogue {
    products: Vec<Product>,
    popularity: WeightedIndex,
    bytes: Vec<u8>,
}

impl Catalogue {
    pub(crate) fn new() -> Self {
        let mut random = Random::of_part(0x0072_6574_6169_6c00, 0);
        let mut catalogue =
            Self { products: Vec::new(), popularity: WeightedIndex::new(&[]), bytes: Vec::new() };
        let mut weights = Vec::with_capacity(PRODUCTS + RETYPED + 1);
        let (mut codes, mut names) = (HashSet::new(), HashSet::new());
        let prices = WeightedIndex::new(&PRICES.map(|(_, weight)| f64::from(weight)));
        for rank in 0..PRODUCTS {
            let code = stock_code(&mut random, &mut codes);
            let name = loop {
                let name = description(rank, &mut random);
                // The column is 35 characters wide.
                if name.chars().count() <= 35 && names.insert(name.clone()) {
                    break name;
                }
            };
            let base = PRICES[prices.draw(random.bits())].0;
            catalogue.add(&code, &name, base);
            weights.push(quantile(&POPULARITY, rank as f64 / PRODUCTS as f64));
            if code.len() > 5 && rank % 10 == 3 && weights.len() < rank + RETYPED {
                catalogue.add(&code.to_ascii_lowercase(), &name, base);
                weights.push(2.0);
            }
        }
        // The one real product that costs a tenth of a penny.
        catalogue.add("PADS", "PADS TO MATCH ALL CUSHIONS", 1);
        weights.push(3.0);
        catalogue.popularity = WeightedIndex::new(&weights);
        catalogue
    }

    pub(crate) fn len(&self) -> usize {
        self.products.len()
    }

    /// A product for 64 random bits, popular ones more often.
    #[inline]
    pub(crate) fn draw(&self, bits: u64) -> usize {
        self.popularity.draw(bits)
    }

    /// `StockCode,Description,`
    #[inline]
    pub(crate) fn code_and_description(&self, product: usize) -> &[u8] {
        self.text(self.products[product].code_and_description)
    }

    /// `StockCode`
    #[inline]
    pub(crate) fn code(&self, product: usize) -> &[u8] {
        self.text(self.products[product].code)
    }

    /// `Description`, with quotes where a file needs them.
    pub(crate) fn description(&self, product: usize) -> &[u8] {
        let Product { code_and_description: both, code, .. } = self.products[product];
        self.text(Range32 { start: code.end + 1, end: both.end - 1 })
    }

    /// `UnitPrice`
    #[inline]
    pub(crate) fn price(&self, product: usize, tier: Tier) -> &[u8] {
        self.text(self.products[product].prices[tier as usize])
    }

    #[inline]
    fn text(&self, range: Range32) -> &[u8] {
        &self.bytes[range.start as usize..range.end as usize]
    }

    fn add(&mut self, code: &str, description: &str, base: i64) {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(code.as_bytes());
        let code_end = self.bytes.len() as u32;
        self.bytes.push(b',');
        push_field(&mut self.bytes, description);
        self.bytes.push(b',');
        let end = self.bytes.len() as u32;
        // Whole pennies, except for what costs less than one.
        let pennies = |amount: i64| if base < 10 { base } else { (amount + 5) / 10 * 10 };
        let tiers = [pennies(base * 85 / 100), base, pennies(base * 197 / 100)];
        let prices = tiers.map(|price| {
            let start = self.bytes.len() as u32;
            push_price(&mut self.bytes, price);
            Range32 { start, end: self.bytes.len() as u32 }
        });
        self.products.push(Product {
            code_and_description: Range32 { start, end },
            code: Range32 { start, end: code_end },
            prices,
        });
    }
}

/// Appends a text field, quoted if it holds a comma or a quote, inner quotes doubled.
pub(crate) fn push_field(out: &mut Vec<u8>, text: &str) {
    if !text.contains([',', '"']) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Five digits, three in ten with a letter for the colour.
fn stock_code(random: &mut Random, taken: &mut HashSet<u32>) -> String {
    loop {
        let number = random.between(10_002, 90_214);
        if taken.insert(number) {
            let letter = char::from(b'A' + random.below(19) as u8);
            return if random.chance(0.3) {
                format!("{number}{letter}")
            } else {
                number.to_string()
            };
        }
    }
}

/// A description by rank, so that commas (1 % of lines), quotes (0.25 %) and the pound sign fall
/// on products that sell as often as the average one. One in five ends or begins with a space.
fn description(rank: usize, random: &mut Random) -> String {
    let mut word = |words: &[&'static str]| random.pick(words).unwrap_or("GIFT");
    let (colour, pattern, object) = (word(COLOURS), word(PATTERNS), word(OBJECTS));
    let number = random.between(2, 12);
    let name = match rank {
        _ if rank % 100 == 57 => match random.below(3) {
            0 => format!("{object}, {pattern}"),
            1 => format!("{object} , {colour} {pattern}"),
            _ => format!("{object} {colour},{pattern}"),
        },
        _ if rank % 400 == 171 => format!("{pattern} {object} {number}\""),
        _ if rank == PRODUCTS * 2 / 3 => format!("SET OF {number} \u{a3}1 {object}"),
        _ => match random.below(5) {
            0 => format!("SET OF {number} {pattern} {object}"),
            1 => format!("{object} {pattern} {colour}"),
            2 => format!("{pattern} {object}"),
            _ => format!("{colour} {pattern} {object}"),
        },
    };
    match random.below(100) {
        0..=19 => format!("{name} "),
        20 => format!(" {name}"),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_many_and_fields_are_quoted_where_needed() {
        let catalogue = Catalogue::new();
        let codes: HashSet<&[u8]> = (0..catalogue.len()).map(|i| catalogue.code(i)).collect();
        assert_eq!(codes.len(), catalogue.len());
        assert!((4_000..4_070).contains(&codes.len()), "{}", codes.len());
        for product in 0..catalogue.len() {
            let text = std::str::from_utf8(catalogue.code_and_description(product)).unwrap();
            let description = text.split_once(',').unwrap().1.strip_suffix(',').unwrap();
            let quoted = description.starts_with('"') && description.ends_with('"');
            assert_eq!(quoted, description.contains([',', '"']), "{text}");
        }
    }

    #[test]
    fn fields() {
        let check = |text, expected: &str| {
            let mut out = Vec::new();
            push_field(&mut out, text);
            assert_eq!(out, expected.as_bytes());
        };
        check("", "");
        check(" OWL ", " OWL ");
        check("TEA,COFFEE", "\"TEA,COFFEE\"");
        check("FRAME 7\" SINGLE ", "\"FRAME 7\"\" SINGLE \"");
    }

    #[test]
    fn tiers_are_ordered() {
        let catalogue = Catalogue::new();
        let price = |product, tier| -> f64 {
            std::str::from_utf8(catalogue.price(product, tier)).unwrap().parse().unwrap()
        };
        for product in 0..catalogue.len() {
            assert!(price(product, Tier::Wholesale) <= price(product, Tier::Base));
            assert!(price(product, Tier::Base) <= price(product, Tier::Retail));
            assert!(price(product, Tier::Wholesale) > 0.0);
        }
    }
}
