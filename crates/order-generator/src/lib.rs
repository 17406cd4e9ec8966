//! Made-up order lines of any number that look like the real "Online Retail" data: its columns,
//! its text, its skew, its seasons, its customers and its dirt.
//!
//! It feeds tests, benchmarks and demonstrations. The same configuration gives the same bytes on
//! any machine and any number of threads. Lines come in chunks that do not depend on one another:
//! a chunk knows its share of the period and of the customers' orders from its index alone, so
//! that a file of any size is made in parallel, in order of time, with bounded memory.
//!
//! [`LiveOrders`] makes lines of the same shop one after the other, without end.
//!
//! There is no clock, no file and no network in here. The model repeats shares and quantiles of
//! the real data (Chen, D. (2015), Online Retail, UCI Machine Learning Repository,
//! DOI 10.24432/C5BW33, CC BY 4.0), none of its rows.
//!
//! ```
//! use order_generator::{Generator, GeneratorConfig};
//!
//! let config = GeneratorConfig { lines: 1000, ..GeneratorConfig::default() };
//! let mut csv = Vec::new();
//! let summary = Generator::new(config)?.write_csv(&mut csv, |_bytes| {})?;
//! assert_eq!(summary.lines, 1000);
//! assert!(csv.starts_with(b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod catalogue;
mod config;
mod customers;
mod faults;
mod generator;
mod live;
mod numbers;
mod plan;
mod random;
mod render;
mod seasons;
mod summary;
mod tables;
mod words;

pub use config::{Dirt, GeneratorConfig, GeneratorError};
pub use customers::{Customer, CustomerKind, Customers};
pub use generator::{Chunk, Generator, HEADER, LINES_PER_CHUNK};
pub use live::{LiveConfig, LiveLine, LiveOrders};
pub use random::Random;
pub use summary::Summary;
