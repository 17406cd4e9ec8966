//! An input file before its rows are read: compression, header, date format.

use std::sync::Arc;

use order_model::DateFormat;
use store::{ReadAt, StoreError};

use crate::block::GzipFile;
use crate::header::Columns;
use crate::quoted::split_line;
use crate::{CsvError, InputFile};

/// Bytes looked at to find the header and the date format.
const HEAD_BYTES: usize = 64 * 1024;
const BOM: &[u8] = b"\xef\xbb\xbf";
const GZIP_MAGIC: &[u8] = b"\x1f\x8b";

/// What has to be known of a file before its lines can be read.
#[derive(Debug)]
pub(crate) struct OpenedFile {
    pub input: InputFile,
    /// The open file; `None` for a compressed one, which is opened again when its turn comes: of those there can be
    /// more than a process may have open.
    pub plain: Option<Arc<dyn ReadAt>>,
    /// (Decompressed) bytes before the first row: a byte-order mark and the header line.
    pub header_bytes: u64,
    pub columns: Columns,
    /// `None` if no date of the file's beginning is in a known format (bad rows, a line of megabytes): later dates
    /// are then read in whichever known format they are.
    pub date_format: Option<DateFormat>,
}

impl OpenedFile {
    /// Reads the file's first bytes. `date_format` is the user's choice; without it the format is detected.
    pub(crate) fn open(
        input: InputFile,
        date_format: Option<DateFormat>,
    ) -> Result<OpenedFile, CsvError> {
        let path = &input.location;
        let file = path.open()?;
        let head = read_head(&*file).map_err(|source| CsvError::of_read(path, 0, source))?;
        let gzip = head.starts_with(GZIP_MAGIC);
        let head = if gzip { GzipFile::open(path)?.read_head(path, HEAD_BYTES)? } else { head };
        if head.is_empty() {
            return Err(CsvError::Empty { path: path.clone() });
        }
        let text = head.strip_prefix(BOM).unwrap_or(&head);
        let (header, rows) = match memchr::memchr(b'\n', text) {
            Some(feed) => (&text[..feed], &text[feed + 1..]),
            None => (text, &[][..]),
        };
        let header_bytes = (head.len() - rows.len()) as u64;
        let columns = Columns::read(path, header.strip_suffix(b"\r").unwrap_or(header))?;
        if rows.is_empty() && head.len() == HEAD_BYTES && head.last() != Some(&b'\n') {
            return Err(CsvError::LongHeader { path: path.clone(), limit: HEAD_BYTES });
        }
        let date_format = date_format.or_else(|| detect_dates(rows, &columns));
        let plain = (!gzip).then_some(file);
        Ok(OpenedFile { input, plain, header_bytes, columns, date_format })
    }
}

fn read_head(file: &dyn ReadAt) -> Result<Vec<u8>, StoreError> {
    let mut head = vec![0; HEAD_BYTES.min(usize::try_from(file.size()).unwrap_or(HEAD_BYTES))];
    file.read_exact_at(&mut head, 0)?;
    Ok(head)
}

fn detect_dates(rows: &[u8], columns: &Columns) -> Option<DateFormat> {
    let (mut text, mut fields) = (Vec::new(), Vec::new());
    let mut dates = Vec::new();
    for line in rows.split(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if split_line(line, &mut text, &mut fields).is_ok()
            && fields.len() == columns.count
            && let Some(&(start, end)) = fields.get(columns.invoice_date)
        {
            dates.push(text.get(start..end).unwrap_or_default().to_vec());
        }
    }
    DateFormat::detect(dates.iter().map(Vec::as_slice))
}
