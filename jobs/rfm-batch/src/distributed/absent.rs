//! Stands in for the engine for several nodes in a program that was built without it.

use std::sync::Arc;

use job_kit::exit::UsageError;
use job_kit::progress::{Step, Steps};
use order_csv::{OrderScan, ScanOptions};
use store::Stores;

use crate::config::{Settings, WITHOUT_BALLISTA};
use crate::pipeline::Read;

/// Says what is missing.
pub(crate) fn read(
    _: &Stores,
    _: Arc<OrderScan>,
    _: &ScanOptions,
    _: &Settings,
    _: &Steps,
) -> anyhow::Result<(Step, Read)> {
    Err(UsageError(WITHOUT_BALLISTA.to_owned()).into())
}
