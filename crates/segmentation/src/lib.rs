//! Finds segments of customers with k-means and names them.
//!
//! Place in the flow: one row a customer -> **features -> k-means -> names -> quality** -> tables.
//! Pure: no I/O, no clock. The k-means itself is `linfa-clustering`; what this crate adds is the choice of features and start,
//! names that do not depend on chance, and measures of quality.
//!
//! Same customers in the same order, same settings: same result, to the last bit, whatever the number of threads. Callers
//! sort by customer id, so that the order of input rows does not matter either.
//!
//! ```
//! use segmentation::{Customers, Settings, segment};
//! let customers = Customers {
//!     recency_days: &[1, 2, 200, 300, 5, 4, 30, 35],
//!     frequency: &[90, 80, 1, 1, 20, 25, 2, 1],
//!     monetary: &[9e4, 8e4, 90.0, 50.0, 5e3, 4e3, 200.0, 150.0],
//! };
//! let found = segment(customers, &Settings::default())?;
//! let names: Vec<_> = found.segments.iter().map(|s| s.name.as_str()).collect();
//! assert_eq!(names, ["Churn Risk", "Loyal / Frequent", "New / Promising", "High Value VIP"]);
//! assert_eq!(found.segment_of, [3, 3, 0, 0, 1, 1, 2, 2]);
//! # Ok::<(), segmentation::SegmentationError>(())
//! ```

mod features;
mod fit;
mod names;
mod quality;

pub use features::Customers;
pub use fit::{Segment, Segmentation, SegmentationError, Settings, segment};
pub use quality::{KQuality, try_ks};
