//! Generated orders to a CSV file: whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use job_kit::config::ConfigError;
use job_kit::exit::{RetryLater, UsageError};
use job_kit::format::{megabytes, thousands};
use job_kit::progress::Steps;
use order_generator::{Generator, GeneratorConfig, GeneratorError, Summary};

/// Where the lines go.
enum Target {
    Stdout,
    /// A device or a pipe: nothing to rename, nothing to lose.
    Stream(PathBuf),
    File(PathBuf),
}

/// Writes the orders to `target` (`-` is stdout), replacing a file only if `force`.
pub(crate) fn run(orders: GeneratorConfig, target: &str, force: bool, steps: &Steps) -> Result<()> {
    let generator = Generator::new(orders).map_err(as_setting)?;
    let gzip = target.ends_with(".gz");
    match find(target, force)? {
        Target::Stdout => write(&generator, io::stdout(), "stdout", gzip, steps)?,
        Target::Stream(path) => {
            let name = path.display().to_string();
            let stream = OpenOptions::new().write(true).open(&path);
            let stream = stream.with_context(|| format!("cannot open {name}"))?;
            write(&generator, stream, &name, gzip, steps)?;
        }
        Target::File(path) => {
            let half = HalfFile::create(&path)?;
            write(&generator, &half.file, &half.path.display().to_string(), gzip, steps)?;
            half.publish(&path)?;
        }
    }
    Ok(())
}

/// The generator names its own fields; the user knows them as settings.
fn as_setting(error: GeneratorError) -> ConfigError {
    let field = if error.field == "lines" { "count" } else { error.field };
    ConfigError::invalid(format!("producer.{field}"), error.message)
}

fn find(target: &str, force: bool) -> Result<Target> {
    if target == "-" {
        return Ok(Target::Stdout);
    }
    let path = Path::new(target);
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            Err(UsageError(format!("{target} is a folder; name a file in it")).into())
        }
        Ok(found) if !found.is_file() => Ok(Target::Stream(path.to_owned())),
        Ok(_) if !force => {
            let message = format!("{target} exists; add --force to replace it");
            Err(UsageError(message).into())
        }
        // Through a link to the file itself, so that the link stays one.
        Ok(_) => fs::canonicalize(path)
            .map(Target::File)
            .with_context(|| format!("cannot resolve {target}")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            match folder {
                Some(folder) if !folder.is_dir() => {
                    let message =
                        format!("folder {} does not exist; create it first", folder.display());
                    Err(UsageError(message).into())
                }
                _ => Ok(Target::File(path.to_owned())),
            }
        }
        Err(error) => Err(error).with_context(|| format!("cannot look at {target}")),
    }
}

/// Writes header and lines to `out`, which messages call `name`.
fn write(
    generator: &Generator,
    out: impl Write + Send,
    name: &str,
    gzip: bool,
    steps: &Steps,
) -> Result<()> {
    let started = Instant::now();
    let step = steps.start("generate orders", None);
    let bytes = AtomicU64::new(0);
    let advance = |written: u64| {
        bytes.fetch_add(written, Ordering::Relaxed);
        step.advance(written);
    };
    let written = if gzip {
        // A fast level: the text is made at several times the rate of the default one.
        let mut encoder = GzEncoder::new(BufWriter::new(out), Compression::new(3));
        generator.write_csv(&mut encoder, advance).and_then(|summary| {
            // Closed by hand: dropping an encoder hides that its last bytes did not get through.
            encoder.finish()?.flush()?;
            Ok(summary)
        })
    } else {
        generator.write_csv(out, advance)
    };
    let summary = written.with_context(|| format!("cannot write {name}"))?;
    let bytes = bytes.into_inner();
    step.finish(result_line(&summary, bytes, started.elapsed().as_secs_f64()));
    tracing::debug!(?summary, "orders generated");
    Ok(())
}

fn result_line(summary: &Summary, bytes: u64, seconds: f64) -> String {
    let mut line = format!(
        "{} lines, {} invoices, {} customers, {} of text, {}/s",
        thousands(summary.lines),
        thousands(summary.invoices),
        thousands(summary.customers),
        megabytes(bytes),
        megabytes((bytes as f64 / seconds.max(1e-9)) as u64),
    );
    if summary.faults > 0 {
        line.push_str(&format!(", {} malformed lines", thousands(summary.faults)));
    }
    line
}

/// `FILE.tmp` beside the file to be, removed unless it is published.
struct HalfFile {
    path: PathBuf,
    file: File,
    published: bool,
}

impl HalfFile {
    fn create(target: &Path) -> Result<Self> {
        let mut name: OsString = target.as_os_str().to_owned();
        name.push(".tmp");
        let path = PathBuf::from(name);
        // Not truncated before it is locked: it may be another run's.
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = file.with_context(|| format!("cannot create {}", path.display()))?;
        let busy = || {
            let message = format!("another run is writing {}; wait for it to end", path.display());
            anyhow::Error::new(RetryLater(message))
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy()),
            // Some network file systems know no locks; they lose the protection, not the job.
            Err(TryLockError::Error(error)) => tracing::debug!(%error, "no lock on the file"),
        }
        // Between opening and locking another run may have renamed the file to its final name.
        if !is_same_file(&file, &path) {
            return Err(busy());
        }
        let half = Self { path, file, published: false };
        half.file.set_len(0).with_context(|| format!("cannot write {}", half.path.display()))?;
        Ok(half)
    }

    /// Gives the finished file its name, in one step. It is not forced to the disk first: the same
    /// seed makes it again after a power cut.
    fn publish(mut self, target: &Path) -> Result<()> {
        fs::rename(&self.path, target).with_context(|| {
            format!("cannot rename {} to {}", self.path.display(), target.display())
        })?;
        self.published = true;
        Ok(())
    }
}

impl Drop for HalfFile {
    fn drop(&mut self) {
        if !self.published
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the half-written file");
        }
    }
}

#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_same_file(_file: &File, _path: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_file_disappears_unless_published() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.csv");
        let files = || fs::read_dir(folder.path()).unwrap().count();
        let half = HalfFile::create(&target).unwrap();
        assert_eq!(files(), 1);
        drop(half);
        assert_eq!(files(), 0);
        let half = HalfFile::create(&target).unwrap();
        (&half.file).write_all(b"whole").unwrap();
        half.publish(&target).unwrap();
        assert_eq!((files(), fs::read(&target).unwrap()), (1, b"whole".to_vec()));
    }

    #[test]
    fn two_half_files_exclude_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.csv");
        let first = HalfFile::create(&target).unwrap();
        assert!(HalfFile::create(&target).err().unwrap().is::<RetryLater>());
        assert!(first.path.exists());
    }
}
