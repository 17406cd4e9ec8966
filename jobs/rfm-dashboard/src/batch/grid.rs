//! How densely customers lie, over logarithms: what a sample of points cannot show.

use super::analysis::Axis;

/// Cells of a factor of ten.
const PER_DECADE: usize = 10;

/// Customers by cell of two of the three values, and by segment. Sparse in what it covers, small in memory.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    width: usize,
    height: usize,
    /// Counts of each segment, row by row.
    cells: Vec<Vec<u32>>,
}

/// The cells of a grid that are not empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cells {
    /// Bounds of columns and rows, one more than there are.
    pub x_edges: Vec<f64>,
    pub y_edges: Vec<f64>,
    pub ix: Vec<usize>,
    pub iy: Vec<usize>,
    pub customers: Vec<u64>,
    /// The segment with the most customers in the cell.
    pub segment: Vec<usize>,
}

/// Factors of ten that an axis covers from 1 on; what is beyond is in the last cell, what is below 1 in the first.
fn decades(axis: Axis) -> usize {
    match axis {
        Axis::Recency => 5,
        Axis::Frequency => 6,
        Axis::Monetary => 10,
    }
}

/// The cell of a value on an axis.
pub(super) fn bin(axis: Axis, value: f64) -> usize {
    let last = decades(axis) * PER_DECADE - 1;
    if value <= 1.0 {
        return 0;
    }
    ((value.log10() * PER_DECADE as f64) as usize).min(last)
}

impl Grid {
    pub(super) fn new(x: Axis, y: Axis) -> Self {
        let (width, height) = (decades(x) * PER_DECADE, decades(y) * PER_DECADE);
        Self { width, height, cells: Vec::new() }
    }

    pub(super) fn add(&mut self, x: usize, y: usize, segment: usize) {
        let size = self.width * self.height;
        while self.cells.len() <= segment {
            self.cells.push(vec![0; size]);
        }
        let cell = self.cells.get_mut(segment).and_then(|cells| cells.get_mut(y * self.width + x));
        if let Some(n) = cell {
            *n = n.saturating_add(1);
        }
    }

    /// Puts the segments into another order: `order` has the old positions.
    pub(super) fn reorder(&mut self, order: &[usize]) {
        let mut old = std::mem::take(&mut self.cells);
        let mut take = |position: &usize| old.get_mut(*position).map(std::mem::take);
        self.cells = order.iter().map(|position| take(position).unwrap_or_default()).collect();
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.cells.iter().map(|cells| cells.capacity() * size_of::<u32>()).sum()
    }

    /// The part that has customers. With `transposed` the axes change places.
    pub(crate) fn cells(&self, transposed: bool) -> Cells {
        let mut found: Vec<(usize, usize, u64, usize)> = Vec::new();
        for position in 0..self.width * self.height {
            let count = |cells: &Vec<u32>| cells.get(position).copied().unwrap_or(0);
            let customers = self.cells.iter().map(|cells| u64::from(count(cells))).sum();
            let largest = self.cells.iter().enumerate().rev().max_by_key(|(_, cells)| count(cells));
            let Some((segment, _)) = largest.filter(|_| customers > 0) else { continue };
            let (x, y) = (position % self.width, position / self.width);
            let (x, y) = if transposed { (y, x) } else { (x, y) };
            found.push((x, y, customers, segment));
        }
        let edges = |of: fn(&(usize, usize, u64, usize)) -> usize| {
            let first = found.iter().map(of).min().unwrap_or(0);
            let last = found.iter().map(of).max().unwrap_or(0);
            let bounds = first..=last + 1;
            let edge = |bin: usize| 10_f64.powf(bin as f64 / PER_DECADE as f64);
            (first, bounds.map(edge).collect::<Vec<f64>>())
        };
        let ((first_x, x_edges), (first_y, y_edges)) = (edges(|cell| cell.0), edges(|cell| cell.1));
        let mut cells = Cells { x_edges, y_edges, ..Cells::default() };
        for (x, y, customers, segment) in found {
            cells.ix.push(x - first_x);
            cells.iy.push(y - first_y);
            cells.customers.push(customers);
            cells.segment.push(segment);
        }
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_customer_is_in_one_cell() {
        let mut grid = Grid::new(Axis::Recency, Axis::Monetary);
        let values = [(1.0, -5.0), (1.0, 0.0), (10.0, 100.0), (10.5, 101.0), (1e9, 1e30)];
        for (position, (x, y)) in values.into_iter().enumerate() {
            grid.add(bin(Axis::Recency, x), bin(Axis::Monetary, y), usize::from(position > 1));
        }
        let cells = grid.cells(false);
        assert_eq!(cells.customers, [2, 2, 1]);
        assert_eq!(cells.segment, [0, 1, 1]);
        assert_eq!((cells.ix[0], cells.iy[0]), (0, 0));
        assert_eq!(cells.x_edges.len(), cells.ix[2] + 2);
        assert!((cells.x_edges[cells.ix[1]] - 10.0).abs() < 1e-9);
        let turned = grid.cells(true);
        assert_eq!((turned.ix, turned.iy), (cells.iy, cells.ix));
        let empty = Grid::new(Axis::Frequency, Axis::Recency).cells(false);
        assert!(empty.customers.is_empty());
    }
}
