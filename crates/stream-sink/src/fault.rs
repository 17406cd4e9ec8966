//! The places between two steps of a commit where a test can stop the process: see [`warehouse::fault`].

/// A Kafka partition is taken over; what earlier writers left is still there.
pub const TAKEN_OVER: &str = "stream-taken-over";
/// What earlier writers left is finished or removed.
pub const RECOVERED: &str = "stream-recovered";
/// A staged file is open.
pub const FILE_CREATED: &str = "stream-file-created";
/// A staged file is complete and durable.
pub const FILE_FINISHED: &str = "stream-file-finished";
/// All staged files of a commit of a Kafka partition are complete.
pub const FILES_FINISHED: &str = "stream-files-finished";
/// The entry is written under another name.
pub const ENTRY_WRITTEN: &str = "stream-entry-written";
/// The entry has its name: this is the commit.
pub const COMMITTED: &str = "stream-committed";
/// All Kafka partitions are committed.
pub const ALL_COMMITTED: &str = "stream-all-committed";
/// A committed file has moved to its partition's folder.
pub const FILE_EXPOSED: &str = "stream-file-exposed";
/// All of them have.
pub const EXPOSED: &str = "stream-exposed";
/// Their partitions are registered.
pub const REGISTERED: &str = "stream-registered";
/// Old entries are removed.
pub const PRUNED: &str = "stream-pruned";

/// All of them, in the order in which a commit reaches them.
pub const POINTS: &[&str] = &[
    TAKEN_OVER,
    RECOVERED,
    FILE_CREATED,
    FILE_FINISHED,
    FILES_FINISHED,
    ENTRY_WRITTEN,
    COMMITTED,
    ALL_COMMITTED,
    FILE_EXPOSED,
    EXPOSED,
    REGISTERED,
    PRUNED,
];

/// All that was read is done, and the consumer is about to leave its group.
pub const LEAVING: &str = "stream-leaving";
/// The group asks it something meanwhile.
pub const ASKED: &str = "stream-asked";
/// It is about to answer.
pub const ANSWERED: &str = "stream-answered";

/// Compaction of a table may begin: nobody else is at it.
pub const COMPACT_CLAIMED: &str = "compact-claimed";
/// What killed compactions left is finished or removed.
pub const COMPACT_TIDIED: &str = "compact-tidied";
/// The folder of the new files of a partition is there, and says that it is incomplete.
pub const COMPACT_BEGUN: &str = "compact-begun";
/// One of the new files is complete and durable.
pub const COMPACT_FILE_FINISHED: &str = "compact-file-finished";
/// All new files of a partition are.
pub const COMPACT_MERGED: &str = "compact-merged";
/// The partitions of a round are closed.
pub const COMPACT_CLOSED: &str = "compact-closed";
/// Whoever looked before that has had the time to finish.
pub const COMPACT_SETTLED: &str = "compact-settled";
/// No file has come to a partition since its files were read.
pub const COMPACT_COMPARED: &str = "compact-compared";
/// What publishers have left of its files elsewhere is removed.
pub const COMPACT_TWINS_REMOVED: &str = "compact-twins-removed";
/// The record is written under another name.
pub const COMPACT_RECORD_WRITTEN: &str = "compact-record-written";
/// The record has its name: from here on the compaction of the partition is finished, not undone.
pub const COMPACT_RECORDED: &str = "compact-recorded";
/// The folder no longer says that it is incomplete.
pub const COMPACT_COMPLETED: &str = "compact-completed";
/// The partition is at the new files.
pub const COMPACT_MOVED: &str = "compact-moved";
/// Files that came too late have followed it.
pub const COMPACT_FOLLOWED: &str = "compact-followed";
/// The partition is open again.
pub const COMPACT_OPENED: &str = "compact-opened";
/// A file that came after a killed compaction had written its record is copied to the new files.
pub const COMPACT_LATE_COPIED: &str = "compact-late-copied";
/// The record names it.
pub const COMPACT_LATE_RECORDED: &str = "compact-late-recorded";
/// An old file that no reader needs any more is removed.
pub const COMPACT_OLD_FILE_REMOVED: &str = "compact-old-file-removed";
/// All of a partition are, the record is still there.
pub const COMPACT_OLD_FILES_REMOVED: &str = "compact-old-files-removed";
/// The record is removed too.
pub const COMPACT_RECORD_REMOVED: &str = "compact-record-removed";
/// Partitions that are too old are not registered any more.
pub const COMPACT_DROPPED: &str = "compact-dropped";
/// It is noted which days are dropped.
pub const COMPACT_DROP_NOTED: &str = "compact-drop-noted";
/// The files of one of them are removed.
pub const COMPACT_FOLDERS_REMOVED: &str = "compact-folders-removed";

/// Those of a compaction, in the order in which it reaches them, as far as it does.
pub const COMPACT_POINTS: &[&str] = &[
    COMPACT_CLAIMED,
    COMPACT_TIDIED,
    COMPACT_BEGUN,
    COMPACT_FILE_FINISHED,
    COMPACT_MERGED,
    COMPACT_CLOSED,
    COMPACT_SETTLED,
    COMPACT_COMPARED,
    COMPACT_TWINS_REMOVED,
    COMPACT_RECORD_WRITTEN,
    COMPACT_RECORDED,
    COMPACT_COMPLETED,
    COMPACT_MOVED,
    COMPACT_FOLLOWED,
    COMPACT_OPENED,
];

/// Those of the removal of old files, which a later compaction reaches.
pub const COMPACT_REMOVAL_POINTS: &[&str] =
    &[COMPACT_OLD_FILE_REMOVED, COMPACT_OLD_FILES_REMOVED, COMPACT_RECORD_REMOVED];

/// Those of the finishing of a compaction that was killed, when files have come since.
pub const COMPACT_LATE_POINTS: &[&str] = &[COMPACT_LATE_COPIED, COMPACT_LATE_RECORDED];

/// Those of dropping partitions that are too old.
pub const COMPACT_RETENTION_POINTS: &[&str] =
    &[COMPACT_DROP_NOTED, COMPACT_DROPPED, COMPACT_FOLDERS_REMOVED];
