//! The right to publish, for a warehouse that several machines write to: a file that its holder keeps fresh.
//!
//! An operating system's lock ends with its process, but reaches one machine only. Here the holder's file lies in the
//! warehouse: who creates it holds the claim, for creating a file is exclusive in every store. The holder touches it
//! every third of the *lease*. A claim ends when it is released, and it is taken over
//! - at once, when the file names a process of this machine that is no more;
//! - else when nobody has touched the file for a lease. That is measured with the waiting process's own clock, from
//!   when it first saw the file as it is, so that no two clocks need to agree.
//!
//! A process that was stopped for longer than the lease and goes on does not know that its claim was taken over. So it
//! looks before each change ([`Claim::check`]): between the look and the change there is room for a few milliseconds of bad luck,
//! not for the seconds of a lease.

use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};
use store::{Location, StoreError, StoreErrorKind};

use crate::catalog::CatalogError;
use crate::run_id::utc_timestamp;

const POLL: Duration = Duration::from_millis(200);
const PREFIX: &str = "claim.";

/// A claim that is held. Dropping it releases it.
#[derive(Debug)]
pub struct Claim {
    path: Location,
    text: Vec<u8>,
    /// Dropping it ends the thread.
    stop: Option<mpsc::Sender<()>>,
    keeper: Option<JoinHandle<()>>,
}

/// What the file says about the claim's holder.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Holder {
    owner: String,
    pid: u32,
    host: String,
    since: String,
    /// Boot, process-id namespace and start time: together with the pid one process of one machine.
    process: String,
}

/// The file as it was seen.
#[derive(PartialEq, Eq)]
struct Seen {
    text: Vec<u8>,
    modified: SystemTime,
}

impl Claim {
    /// Takes the claim `claim` in `folder`, waiting up to `wait` for its holder to give it back.
    ///
    /// `warehouse` and `owner` are what messages name.
    ///
    /// # Errors
    /// [`CatalogError::Locked`] after `wait`, which is retryable; [`CatalogError::Store`].
    pub fn acquire(
        folder: &Location,
        warehouse: &Location,
        owner: &str,
        wait: Duration,
        lease: Duration,
    ) -> Result<Self, CatalogError> {
        folder.create_dir_all()?;
        let path = folder.join("claim");
        let text = serde_json::to_vec(&Holder::this_process(owner)).unwrap_or_default();
        // Complete before it has its name, so that nobody ever reads half of it.
        let own = folder.join(&format!("{PREFIX}{owner}"));
        own.write(&text)?;
        let waited = wait_for(&path, &own, warehouse, wait, lease);
        if waited.is_err() {
            let _ = own.remove_file();
        }
        waited?;
        remove_leftovers(folder, lease);
        let (stop, stopped) = mpsc::channel();
        let keeper = std::thread::Builder::new().name("claim".to_owned()).spawn({
            let (path, text) = (path.clone(), text.clone());
            move || keep(&path, &text, lease / 3, &stopped)
        });
        let keeper = keeper.map_err(|e| StoreError::from_io("keep", path.to_string(), e))?;
        Ok(Self { path, text, stop: Some(stop), keeper: Some(keeper) })
    }

    /// Whether the claim is still held.
    ///
    /// # Errors
    /// [`CatalogError::LockLost`] if not; [`CatalogError::Store`] when that cannot be found out.
    pub fn check(&self) -> Result<(), CatalogError> {
        if self.path.read()?.as_ref() == Some(&self.text) {
            Ok(())
        } else {
            Err(CatalogError::LockLost { path: self.path.clone() })
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
        // Only its own: after a take-over the file is somebody else's. What cannot be removed now is taken over later.
        if self.check().is_ok() {
            let _ = self.path.remove_file();
        }
    }
}

/// Renames `own` to `path` as soon as that is free.
fn wait_for(
    path: &Location,
    own: &Location,
    warehouse: &Location,
    wait: Duration,
    lease: Duration,
) -> Result<(), CatalogError> {
    let start = Instant::now();
    let mut seen: Option<(Seen, Instant)> = None;
    loop {
        match own.rename(path) {
            Err(error) if error.kind() == StoreErrorKind::AlreadyExists => {}
            renamed => return Ok(renamed?),
        }
        let Some(now) = look_at(path)? else { continue };
        let holder = serde_json::from_slice::<Holder>(&now.text).ok();
        let unchanged_since = match &seen {
            Some((before, since)) if *before == now => *since,
            _ => Instant::now(),
        };
        let is_dead = holder.as_ref().is_some_and(Holder::is_dead);
        if is_dead || unchanged_since.elapsed() >= lease {
            let name = holder.map_or_else(|| "an unknown run".to_owned(), |h| h.to_string());
            tracing::info!(holder = name, is_dead, "taking over the claim of a run that has ended");
            take_over(path, own, &now.text)?;
            seen = None;
            continue;
        }
        let waited = start.elapsed();
        if waited >= wait {
            let holder =
                holder.map_or_else(|| "it has not said which".to_owned(), |h| h.to_string());
            return Err(CatalogError::Locked { warehouse: warehouse.clone(), holder, waited });
        }
        if seen.is_none() {
            let holder = holder.map(|h| h.to_string()).unwrap_or_default();
            tracing::info!(%warehouse, holder, "waiting for another run");
        }
        seen = Some((now, unchanged_since));
        std::thread::sleep(POLL.min(wait - waited));
    }
}

/// Moves the claim file away if it still is what it was.
fn take_over(path: &Location, own: &Location, expected: &[u8]) -> Result<(), CatalogError> {
    let aside = Location::new(own.store().clone(), &format!("{}.old", own.path()));
    aside.remove_file()?;
    match path.rename(&aside) {
        // Somebody else was quicker.
        Err(error) if error.kind() == StoreErrorKind::NotFound => return Ok(()),
        renamed => renamed?,
    }
    if aside.read()?.as_deref() == Some(expected) {
        aside.remove_file()?;
        return Ok(());
    }
    // Somebody else took it over in between, and this is the new holder's: it is put back. Should a third one have
    // created its own meanwhile, the new holder will notice before its next change.
    match aside.rename(path) {
        Err(error) if error.kind() == StoreErrorKind::AlreadyExists => {
            aside.remove_file()?;
            Ok(())
        }
        renamed => Ok(renamed?),
    }
}

fn look_at(path: &Location) -> Result<Option<Seen>, StoreError> {
    let Some(entry) = path.stat()? else { return Ok(None) };
    let Some(text) = path.read()? else { return Ok(None) };
    Ok(Some(Seen { text, modified: entry.modified }))
}

/// Touches the claim until told to stop, or until it is somebody else's.
fn keep(path: &Location, text: &[u8], pause: Duration, stopped: &mpsc::Receiver<()>) {
    while let Err(mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(pause) {
        let kept = path.read().and_then(|now| match now.as_deref() {
            Some(now) if now == text => path.touch().map(|()| true),
            Some(_) => Ok(false),
            // Moved aside by somebody who took it for a dead one's, and is about to put it back.
            None => Ok(true),
        });
        match kept {
            Ok(true) => {}
            Ok(false) => return tracing::warn!(%path, "another run has taken over the claim"),
            Err(error) => tracing::warn!(%error, "cannot keep the claim; trying again"),
        }
    }
}

/// Removes the files of runs that were killed while they waited for the claim.
fn remove_leftovers(folder: &Location, lease: Duration) {
    let Ok(entries) = folder.list() else { return };
    // Long enough for whoever still waits; both times are roughly now, so clocks hardly matter.
    let age = lease * 100 + Duration::from_secs(86_400);
    for entry in entries.iter().filter(|entry| entry.name.starts_with(PREFIX)) {
        if entry.modified.elapsed().is_ok_and(|elapsed| elapsed > age) {
            let _ = folder.join(&entry.name).remove_file();
        }
    }
}

impl Holder {
    fn this_process(owner: &str) -> Self {
        let pid = std::process::id();
        Self {
            owner: owner.to_owned(),
            pid,
            host: read_line("/proc/sys/kernel/hostname")
                .unwrap_or_else(|_| "an unknown host".to_owned()),
            since: utc_timestamp(SystemTime::now()),
            process: process(pid).unwrap_or_default(),
        }
    }

    /// Whether it is known to be a process of this machine that has ended.
    fn is_dead(&self) -> bool {
        let (Some((machine, _)), Ok(here)) = (self.process.rsplit_once('/'), machine()) else {
            return false;
        };
        // A process of another user may be hidden: that nothing is known of it does not say that it is dead.
        machine == here
            && process(self.pid).map_or_else(|| has_ended(self.pid), |now| now != self.process)
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, process {} on {} since {}", self.owner, self.pid, self.host, self.since)
    }
}

/// What distinguishes a process from all others that ever had its number; `None` when there is none that runs.
fn process(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?;
    (!matches!(state, "Z" | "X")).then(|| machine().ok().map(|m| format!("{m}/{started}")))?
}

/// Whether there is no process of this number that runs, also none that may not be looked at.
fn has_ended(pid: u32) -> bool {
    let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return true };
    match test_kill_process(number) {
        Err(error) => error == Errno::SRCH,
        // There is one: dead all the same if it can be looked at and only waits for its parent.
        Ok(()) => std::fs::metadata(format!("/proc/{pid}/stat")).is_ok(),
    }
}

/// Where process numbers mean what they mean here.
fn machine() -> io::Result<String> {
    let namespace = std::fs::read_link("/proc/self/ns/pid")?;
    Ok(format!("{} {}", read_line("/proc/sys/kernel/random/boot_id")?, namespace.display()))
}

fn read_line(path: &str) -> io::Result<String> {
    std::fs::read_to_string(path).map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn acquire(
        folder: &Location,
        owner: &str,
        wait: Duration,
        lease: Duration,
    ) -> Result<Claim, CatalogError> {
        Claim::acquire(folder, folder, owner, wait, lease)
    }

    fn names(folder: &Location) -> Vec<String> {
        folder.list().unwrap().into_iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Location::local(dir.path()).join("_catalog");
        let first = acquire(&folder, "run-a", LONG, LONG).unwrap();
        first.check().unwrap();
        let error = acquire(&folder, "run-b", Duration::from_millis(300), LONG).unwrap_err();
        assert!(error.is_retryable());
        assert!(
            error.to_string().contains(&format!("run-a, process {}", std::process::id())),
            "{error}"
        );
        assert_eq!(names(&folder), ["claim"]);
        drop(first);
        assert_eq!(names(&folder), [""; 0]);
        acquire(&folder, "run-b", Duration::ZERO, LONG).unwrap();
    }

    #[test]
    fn many_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Location::local(dir.path());
        let inside = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for n in 0..8 {
                let (folder, inside) = (&folder, &inside);
                scope.spawn(move || {
                    let claim = acquire(folder, &format!("run-{n}"), LONG, LONG).unwrap();
                    assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                    std::thread::sleep(Duration::from_millis(20));
                    claim.check().unwrap();
                    inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                });
            }
        });
        assert_eq!(names(&folder), [""; 0]);
    }

    #[test]
    fn a_dead_process_holds_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Location::local(dir.path());
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let mut holder = Holder::this_process("run-dead");
        (holder.pid, holder.process) = (child.id(), process(child.id()).unwrap());
        let claim = folder.join("claim");
        claim.write(&serde_json::to_vec(&holder).unwrap()).unwrap();
        assert!(acquire(&folder, "run-b", Duration::ZERO, LONG).is_err());
        child.kill().unwrap();
        // a zombie is dead too
        let start = Instant::now();
        let held = loop {
            match acquire(&folder, "run-b", Duration::ZERO, LONG) {
                Err(_) if start.elapsed() < Duration::from_secs(10) => {}
                held => break held.unwrap(),
            }
        };
        child.wait().unwrap();
        held.check().unwrap();
    }

    #[test]
    fn a_silent_holder_of_another_machine_loses_its_claim_after_the_lease() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Location::local(dir.path());
        let mut holder = Holder::this_process("run-far");
        holder.process = "another boot/1".to_owned();
        let claim = folder.join("claim");
        claim.write(&serde_json::to_vec(&holder).unwrap()).unwrap();
        let lease = Duration::from_millis(1_200);
        let start = Instant::now();
        let held = acquire(&folder, "run-b", LONG, lease).unwrap();
        assert!(start.elapsed() >= lease);
        // kept fresh, it is not taken over
        assert!(acquire(&folder, "run-c", 3 * lease, lease).is_err());
        held.check().unwrap();
        // overwritten, it is noticed
        claim.remove_file().unwrap();
        claim.write(b"{}").unwrap();
        let lost = held.check().unwrap_err();
        assert!(matches!(lost, CatalogError::LockLost { .. }) && lost.is_retryable());
        drop(held);
        assert_eq!(claim.read().unwrap().unwrap(), b"{}");
    }

    #[test]
    fn a_claim_that_was_moved_aside_and_put_back_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Location::local(dir.path());
        let lease = Duration::from_millis(300);
        let held = acquire(&folder, "run-a", LONG, lease).unwrap();
        let (claim, aside) = (folder.join("claim"), folder.join("aside"));
        claim.rename(&aside).unwrap();
        // The keeper looks for it several times meanwhile.
        std::thread::sleep(2 * lease);
        aside.rename(&claim).unwrap();
        let put_back = claim.stat().unwrap().unwrap().modified;
        let start = Instant::now();
        while claim.stat().unwrap().unwrap().modified <= put_back {
            assert!(start.elapsed() < LONG, "nobody keeps it");
            std::thread::sleep(Duration::from_millis(20));
        }
        held.check().unwrap();
    }

    #[test]
    fn processes_that_have_ended() {
        assert!(!Holder::this_process("run-a").is_dead());
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert!(has_ended(child.id()));
        assert!(has_ended(u32::MAX));
    }

    #[test]
    fn taking_over_what_was_taken_over_already_puts_it_back() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Location::local(dir.path());
        let claim = folder.join("claim");
        claim.write(b"new").unwrap();
        take_over(&claim, &folder.join("claim.run-b"), b"old").unwrap();
        assert_eq!(claim.read().unwrap().unwrap(), b"new");
        take_over(&claim, &folder.join("claim.run-b"), b"new").unwrap();
        assert_eq!(names(&folder), [""; 0]);
        take_over(&claim, &folder.join("claim.run-b"), b"new").unwrap();
    }
}
