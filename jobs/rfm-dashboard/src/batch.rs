//! The batch view: what is published, what is computed of it, and a customer in it.

mod analysis;
mod customers;
mod grid;
mod migration;
mod profiles;
mod rows;
mod sample;
mod segments;
mod snapshots;
mod watch;

pub(crate) use self::analysis::{Analysis, Axis, Point};
pub(crate) use self::customers::{Customer, History};
pub(crate) use self::migration::Migration;
pub(crate) use self::profiles::{Profile, Profiles};
pub(crate) use self::segments::slug;
pub(crate) use self::snapshots::Snapshot;
pub(crate) use self::watch::{Batch, BatchError, Limits, Status};
