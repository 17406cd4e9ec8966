//! What every store must do, as test cases.
//!
//! A crate with a store runs them with [`tests!`](crate::suite_tests), which makes a test of each case:
//!
//! ```text
//! store::suite_tests!(|| my_store_location());
//! ```
//!
//! The expression gives a [`Location`](crate::Location) that does not exist yet, in a folder that does, another one each
//! time.

// These are tests: a panic is how they fail.
#![allow(clippy::unwrap_used, clippy::panic)]

mod files;
mod folders;
mod names;

pub use self::files::*;
pub use self::folders::*;
pub use self::names::*;

use crate::{Location, StoreError, StoreErrorKind};

/// Makes a test of every case of the suite. The argument gives a new location for each.
#[macro_export]
macro_rules! suite_tests {
    ($location:expr) => {
        $crate::suite_tests! { $location;
            write_and_read_back, synced_later, empty_file, ranges_by_several_threads, reads_here_and_there, several_ranges,
            create_never_overwrites, create_races, dropped_writer_leaves_nothing, missing_file,
            rename_to_a_free_name, rename_never_overwrites, rename_races, replace_overwrites,
            replace_while_others_read, touch_changes_the_time, remove_file_only,
            list_is_sorted, list_of_what_is_no_folder, many_entries, deep_folders, create_dir_is_exclusive,
            create_dir_races, file_where_a_folder_is_expected, folder_where_a_file_is_expected, remove_tree,
            unusual_names, addresses, many_threads
        }
    };
    ($location:expr; $($case:ident),*) => {
        $(
            #[test]
            fn $case() {
                $crate::suite::$case(&$location());
            }
        )*
    };
}

/// Bytes that differ at every position a test may confuse.
fn bytes(length: usize) -> Vec<u8> {
    (0..length as u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

fn kind<T>(result: Result<T, StoreError>, location: &Location) -> StoreErrorKind {
    match result {
        Ok(_) => panic!("{location}: an error was expected"),
        Err(error) => {
            assert!(error.place().contains(location.path()), "{error} does not name {location}");
            error.kind()
        }
    }
}

fn names(folder: &Location) -> Vec<String> {
    folder.list().unwrap().into_iter().map(|entry| entry.name).collect()
}

/// Runs `op` on several threads at once; the results.
fn at_once<T: Send>(threads: usize, op: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = std::sync::Barrier::new(threads);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                let (barrier, op) = (&barrier, &op);
                scope.spawn(move || {
                    barrier.wait();
                    op(thread)
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}
