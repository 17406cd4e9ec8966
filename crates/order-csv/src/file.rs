//! An input file before its rows are read: compression, header, date format.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use order_model::DateFormat;

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
    pub gzip: bool,
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
        let path = input.path.as_path();
        let failed = |source| CsvError::Read { path: path.to_owned(), offset: 0, source };
        let mut file = File::open(path).map_err(failed)?;
        let mut magic = Vec::new();
        (&mut file).take(GZIP_MAGIC.len() as u64).read_to_end(&mut magic).map_err(failed)?;
        let gzip = magic == GZIP_MAGIC;
        let head = if gzip {
            let mut decoder = gzip_decoder(path)?;
            read_head(&mut decoder, Vec::new()).map_err(|source| CsvError::Gzip {
                path: path.to_owned(),
                bytes: 0,
                source,
            })?
        } else {
            read_head(&mut file, magic).map_err(failed)?
        };
        if head.is_empty() {
            return Err(CsvError::Empty { path: path.to_owned() });
        }
        let text = head.strip_prefix(BOM).unwrap_or(&head);
        let (header, rows) = match memchr::memchr(b'\n', text) {
            Some(feed) => (&text[..feed], &text[feed + 1..]),
            None => (text, &[][..]),
        };
        let header_bytes = (head.len() - rows.len()) as u64;
        let columns = Columns::read(path, header.strip_suffix(b"\r").unwrap_or(header))?;
        if rows.is_empty() && head.len() == HEAD_BYTES && head.last() != Some(&b'\n') {
            return Err(CsvError::LongHeader { path: path.to_owned(), limit: HEAD_BYTES });
        }
        let date_format = date_format.or_else(|| detect_dates(rows, &columns));
        Ok(OpenedFile { input, gzip, header_bytes, columns, date_format })
    }
}

/// The decompressed bytes of a gzip file, all its members.
pub(crate) fn gzip_decoder(path: &Path) -> Result<MultiGzDecoder<io::BufReader<File>>, CsvError> {
    let file = File::open(path).map_err(|source| CsvError::Read {
        path: path.to_owned(),
        offset: 0,
        source,
    })?;
    Ok(MultiGzDecoder::new(io::BufReader::with_capacity(256 * 1024, file)))
}

fn read_head(from: &mut impl Read, mut head: Vec<u8>) -> io::Result<Vec<u8>> {
    from.take((HEAD_BYTES - head.len()) as u64).read_to_end(&mut head)?;
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
