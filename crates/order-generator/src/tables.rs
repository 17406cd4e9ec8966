//! What every chunk looks up: products and quantities.

use crate::catalogue::Catalogue;
use crate::random::WeightedIndex;

/// Pieces in a line with their weights, after the real data.
const QUANTITIES: [(u32, f64); 24] = [
    (1, 27.0),
    (2, 15.0),
    (3, 7.0),
    (4, 7.0),
    (5, 2.0),
    (6, 12.0),
    (8, 2.5),
    (10, 4.0),
    (12, 11.0),
    (16, 1.0),
    (20, 1.5),
    (24, 4.5),
    (25, 1.0),
    (36, 0.7),
    (48, 1.0),
    (50, 0.5),
    (72, 0.3),
    (96, 0.2),
    (100, 0.3),
    (144, 0.15),
    (200, 0.1),
    (288, 0.05),
    (480, 0.03),
    (600, 0.02),
];
const VIP_QUANTITIES: [(u32, f64); 13] = [
    (1, 9.0),
    (2, 11.0),
    (4, 10.0),
    (6, 18.0),
    (10, 10.0),
    (12, 24.0),
    (24, 11.0),
    (36, 2.0),
    (48, 2.5),
    (72, 1.0),
    (96, 0.7),
    (192, 0.2),
    (1_200, 0.01),
];
const ANONYMOUS_QUANTITIES: [(u32, f64); 7] =
    [(1, 62.0), (2, 17.0), (3, 8.0), (4, 5.0), (6, 4.0), (10, 3.0), (12, 1.0)];
/// Tables that all chunks share.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) catalogue: Catalogue,
    pub(crate) quantities: Quantities,
    pub(crate) vip_quantities: Quantities,
    pub(crate) anonymous_quantities: Quantities,
}

/// Pieces in a line.
#[derive(Debug)]
pub(crate) struct Quantities {
    index: WeightedIndex,
    pieces: Vec<u32>,
}

impl Quantities {
    fn new(points: &[(u32, f64)]) -> Self {
        let weights: Vec<f64> = points.iter().map(|&(_, weight)| weight).collect();
        let pieces = points.iter().map(|&(pieces, _)| pieces).collect();
        Self { index: WeightedIndex::new(&weights), pieces }
    }

    #[inline]
    pub(crate) fn draw(&self, bits: u64) -> u32 {
        self.pieces[self.index.draw(bits)]
    }
}

impl Tables {
    pub(crate) fn new() -> Self {
        Self {
            catalogue: Catalogue::new(),
            quantities: Quantities::new(&QUANTITIES),
            vip_quantities: Quantities::new(&VIP_QUANTITIES),
            anonymous_quantities: Quantities::new(&ANONYMOUS_QUANTITIES),
        }
    }
}
