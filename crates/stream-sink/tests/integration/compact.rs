//! Compaction and retention.

mod helper;
mod sleepy;
mod world;

mod hive;
mod killed;
mod late;
mod odd;
mod old;
mod whole;
mod zombies;
