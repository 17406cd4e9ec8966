//! From a configuration to chunks of CSV, and from chunks to a file.

use std::io::{self, Write};
use std::ops::Range;

use rayon::prelude::*;

use crate::config::{Dirt, GeneratorConfig, GeneratorError};
use crate::customers::{Customers, Stream};
use crate::plan::{InvoiceKind, Part, PlannedInvoice, expected_orders, most_invoices, plan};
use crate::random::{Random, Threshold};
use crate::render::{LineRates, Renderer};
use crate::seasons::Seasons;
use crate::summary::Summary;
use crate::tables::Tables;

/// The header line of a file.
pub const HEADER: &[u8] =
    b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\r\n";

/// Data lines of every chunk but the last: about 1.4 MB of text.
pub const LINES_PER_CHUNK: u64 = 16_384;

/// The first invoice number of the real data.
const FIRST_INVOICE: u64 = 536_365;

/// Generates order lines, chunk by chunk, in any order.
#[derive(Debug)]
pub struct Generator {
    config: GeneratorConfig,
    customers: Customers,
    streams: Vec<Stream>,
    seasons: Seasons,
    tables: Tables,
    /// Invoice numbers set aside for a chunk, so that they rise from chunk to chunk.
    numbers_per_chunk: u64,
}

/// A run of lines of the file.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Whole lines, each with its line end; no header.
    pub csv: Vec<u8>,
    /// Counts of this chunk alone.
    pub summary: Summary,
    /// Indices of the customers with lines that count, in no order, repeated.
    buyers: Vec<u32>,
}

impl Generator {
    /// Prepares the shop: a few milliseconds, whatever the number of lines.
    ///
    /// # Errors
    /// [`GeneratorError`] names the field that cannot be used.
    pub fn new(config: GeneratorConfig) -> Result<Self, GeneratorError> {
        config.check()?;
        let customers = Customers::new(config.seed, config.customer_count() as u32);
        Ok(Self {
            streams: customers.streams(expected_orders(&config.dirt, config.lines)),
            seasons: Seasons::new(config.start, config.end),
            tables: Tables::new(),
            numbers_per_chunk: most_invoices(&config.dirt, LINES_PER_CHUNK),
            customers,
            config,
        })
    }

    /// Who orders.
    pub fn customers(&self) -> &Customers {
        &self.customers
    }

    /// How many chunks the file has; a matter of the number of lines alone.
    pub fn chunk_count(&self) -> u64 {
        self.config.lines.div_ceil(LINES_PER_CHUNK)
    }

    /// The chunk with this index; beyond the last it is empty.
    pub fn chunk(&self, index: u64) -> Chunk {
        let total = self.config.lines;
        let first_line = index.saturating_mul(LINES_PER_CHUNK).min(total);
        let lines = (total - first_line).min(LINES_PER_CHUNK);
        let share = |line: u64| line as f64 / total.max(1) as f64;
        let part = Part { lines, start: share(first_line), end: share(first_line + lines) };
        let mut random = Random::of_part(self.config.seed, index);
        let dirt = &self.config.dirt;
        let invoices = plan(part, dirt, &self.customers, &self.streams, &mut random);
        let rates = line_rates(&self.config, &invoices);
        let mut renderer = Renderer::new(&self.tables, rates, &mut random, lines);
        let first_number = FIRST_INVOICE + index * self.numbers_per_chunk;
        let mut buyers = Vec::with_capacity(invoices.len());
        for (number, invoice) in (first_number..).zip(&invoices) {
            let buyer = invoice.buyer.map(|index| self.customers.customer(index));
            let kept = renderer.invoice(number, invoice, self.seasons.at(invoice.at), buyer);
            if kept > 0 {
                buyers.extend(invoice.buyer);
            }
        }
        let Renderer { csv, mut summary, .. } = renderer;
        summary.customers = count_distinct(&mut buyers);
        Chunk { csv, summary, buyers }
    }

    /// Writes header and lines, generating on all threads of the current rayon pool while earlier
    /// chunks are written. Holds four chunks a thread at most.
    ///
    /// `progress` is given the number of bytes just written, about every megabyte.
    ///
    /// # Errors
    /// Those of `out`, at once; it then holds the lines before.
    pub fn write_csv(
        &self,
        mut out: impl Write + Send,
        mut progress: impl FnMut(u64) + Send,
    ) -> io::Result<Summary> {
        out.write_all(HEADER)?;
        progress(HEADER.len() as u64);
        let mut total = Summary::default();
        let mut seen = CustomerSet::new(self.customers.count());
        let batch = 2 * rayon::current_num_threads() as u64;
        let mut next = batch;
        let mut ready = self.chunks(0..batch);
        while !ready.is_empty() {
            let write = || {
                ready.iter().try_for_each(|chunk| {
                    out.write_all(&chunk.csv)?;
                    progress(chunk.csv.len() as u64);
                    Ok::<(), io::Error>(())
                })
            };
            let (written, following) = rayon::join(write, || self.chunks(next..next + batch));
            written?;
            for chunk in &ready {
                total += &chunk.summary;
                seen.insert(&chunk.buyers);
            }
            ready = following;
            next += batch;
        }
        out.flush()?;
        total.customers = seen.count;
        Ok(total)
    }

    fn chunks(&self, range: Range<u64>) -> Vec<Chunk> {
        let range = range.start..range.end.min(self.chunk_count());
        range.into_par_iter().map(|index| self.chunk(index)).collect()
    }
}

/// The chances of a single line, so that the chunk as a whole has its share.
fn line_rates(config: &GeneratorConfig, invoices: &[PlannedInvoice]) -> LineRates {
    let Dirt { duplicates, missing_description, .. } = config.dirt;
    let bought = |invoice: &&PlannedInvoice| {
        matches!(invoice.kind, InvoiceKind::Order(_) | InvoiceKind::Anonymous)
    };
    let free = |invoice: &&PlannedInvoice| {
        matches!(invoice.kind, InvoiceKind::Giveaway | InvoiceKind::WriteOff { free: true })
    };
    let lines = invoices.iter().map(|invoice| invoice.lines).sum::<u64>() as f64;
    // The first line of an invoice has none to repeat.
    let repeatable: u64 = invoices.iter().filter(bought).map(|invoice| invoice.lines - 1).sum();
    let bought = invoices.iter().filter(bought).map(|invoice| invoice.lines).sum::<u64>() as f64;
    let free = invoices.iter().filter(free).count() as f64;
    let undescribed = missing_description * lines;
    let share =
        |part: f64, whole: f64| Threshold::new(if whole > 0.0 { part / whole } else { 0.0 });
    LineRates {
        fault: Threshold::new(config.fault_rate),
        duplicate: share(duplicates * lines, repeatable as f64),
        undescribed_free: share(undescribed, free),
        undescribed: share((undescribed - free).max(0.0), bought),
    }
}

fn count_distinct(indices: &mut Vec<u32>) -> u64 {
    indices.sort_unstable();
    indices.dedup();
    indices.len() as u64
}

/// Which customers were seen: a bit each, so that 10^8 of them take 12 MB.
struct CustomerSet {
    bits: Vec<u64>,
    count: u64,
}

impl CustomerSet {
    fn new(customers: u32) -> Self {
        Self { bits: vec![0; customers as usize / 64 + 1], count: 0 }
    }

    fn insert(&mut self, indices: &[u32]) {
        for &index in indices {
            let (word, bit) = (index as usize / 64, 1_u64 << (index % 64));
            self.count += u64::from(self.bits[word] & bit == 0);
            self.bits[word] |= bit;
        }
    }
}
