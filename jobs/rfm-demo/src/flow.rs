//! What is started, in which order, and what the programs are told.
//!
//! The page comes first, so that an address that is taken is told at once. The stream comes before the batch job, for its
//! consumer group needs some seconds to come together. Orders come last: by then their customers have a segment.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use job_kit::format::thousands;
use kafka_client::EmbeddedBroker;
use order_model::Date;
use service_kit::Stop;

use crate::banner;
use crate::children::{Programs, Running, stop_all};

const ORDERS: &str = "orders";
const TAGGED: &str = "orders-tagged";
const PARTITIONS: i32 = 4;
/// Order lines of a customer: what the generator takes too.
const LINES_OF_A_CUSTOMER: u32 = 125;
/// Days of business, as in the real data set.
const BUSINESS_DAYS: i32 = 374;
/// How old the snapshots are, in days: there is something to compare with, and every customer has a history.
const AGES: [i32; 4] = [90, 60, 30, 0];
/// How often it is looked whether all programs still run.
const WATCH: Duration = Duration::from_millis(250);
const POLL: Duration = Duration::from_millis(10);

/// What a user may choose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub listen: SocketAddr,
    pub rate: u32,
    pub lines: u32,
}

/// The days of the demo: business until yesterday, and snapshots up to today.
#[derive(Clone, Copy, Debug)]
struct Days {
    first: Date,
    last: Date,
    today: Date,
}

impl Days {
    fn until(now: SystemTime) -> Self {
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let days = i32::try_from(seconds / 86_400).unwrap_or(0);
        Self {
            first: Date::from_days(days - BUSINESS_DAYS),
            last: Date::from_days(days - 1),
            today: Date::from_days(days),
        }
    }

    fn snapshots(self) -> [String; 4] {
        AGES.map(|age| Date::from_days(self.today.days() - age).to_string())
    }
}

/// Runs all of it until it is stopped, then ends all of it.
///
/// # Errors
/// A program that is missing, that fails, or that ends although it should go on. By then all others are ended.
pub(crate) fn run(plan: &Plan, stop: &Stop) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("rfm-demo-").tempdir();
    let folder = folder.context(
        "cannot make a folder for the demo's data; set TMPDIR to one that can be written to",
    )?;
    let programs = Programs::beside_this(folder.path())?;
    let broker = EmbeddedBroker::start(&[(ORDERS, PARTITIONS), (TAGGED, PARTITIONS)])?;
    let config = write_config(folder.path(), broker.bootstrap_servers())?;
    let mut children = Vec::new();
    let result = go(plan, stop, &programs, &config, &mut children);
    // The broker is there until they have ended: they write to it up to their last moment.
    let ended = stop_all(children);
    drop(broker);
    let removed = folder.close().context("the demo's data could not be removed");
    result.and(ended).and(removed)?;
    Ok(banner::step("ended", "nothing is left")?)
}

fn go(
    plan: &Plan,
    stop: &Stop,
    programs: &Programs,
    config: &str,
    children: &mut Vec<Running>,
) -> anyhow::Result<()> {
    let (started, days) = (Instant::now(), Days::until(SystemTime::now()));
    let listen = plan.listen.to_string();
    let page = with_config(config, &["--listen", &listen]);
    children.push(programs.start("rfm-dashboard", &page)?);
    let Some(address) = wait_for(children, "rfm-dashboard", "serving url=\"", stop)? else {
        return Ok(());
    };
    banner::step("page", &address)?;
    children.push(programs.start("rfm-streaming", &with_config(config, &[]))?);

    let customers = (plan.lines / LINES_OF_A_CUSTOMER).max(1);
    let (lines, made) = (plan.lines.to_string(), customers.to_string());
    let (first, last) = (days.first.to_string(), days.last.to_string());
    let csv = [
        "--to-csv",
        "orders.csv",
        "--count",
        &lines,
        "--customers",
        &made,
        "--start",
        &first,
        "--end",
        &last,
    ];
    if programs.run("order-producer", &with_config(config, &csv), stop)?.is_stopped() {
        return Ok(());
    }
    let orders = format!(
        "{} lines of {} customers, made up, {first} to {last}",
        thousands(plan.lines),
        thousands(customers)
    );
    banner::step("orders", orders)?;
    let snapshots = days.snapshots();
    for day in &snapshots {
        let batch = ["--input", "orders.csv", "--snapshot-date", day];
        if programs.run("rfm-batch", &with_config(config, &batch), stop)?.is_stopped() {
            return Ok(());
        }
    }
    banner::step("segments", format!("as of {}", snapshots.join(", ")))?;
    let today = days.today;
    for (program, mark) in
        [("rfm-streaming", "segments loaded"), ("rfm-dashboard", "snapshot loaded")]
    {
        let mark = format!("{mark} snapshot=\"{today}\"");
        if wait_for(children, program, &mark, stop)?.is_none() {
            return Ok(());
        }
    }
    let rate = plan.rate.to_string();
    let live = with_config(config, &["--rate", &rate, "--customers", &made, "--quiet"]);
    children.push(programs.start("order-producer", &live)?);
    banner::step(
        "live",
        format!("{} orders a second, through a Kafka broker within this program", thousands(&rate)),
    )?;
    banner::running(&address, plan, started.elapsed())?;
    while !stop.wait_timeout(WATCH) {
        children.iter_mut().try_for_each(Running::check)?;
    }
    Ok(banner::step("ending", "all programs, in order")?)
}

fn with_config<'a>(config: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
    [&["--config", config], arguments].concat()
}

/// Waits for what a program logs after `mark`, up to a quotation mark. `None` if the demo is stopped meanwhile.
fn wait_for(
    children: &mut [Running],
    program: &str,
    mark: &str,
    stop: &Stop,
) -> anyhow::Result<Option<String>> {
    loop {
        children.iter_mut().try_for_each(Running::check)?;
        let child = children.iter().find(|child| child.name() == program);
        if let Some(rest) = child.and_then(|child| child.logged(mark)) {
            return Ok(Some(rest.split('"').next().unwrap_or_default().to_owned()));
        }
        if stop.wait_timeout(POLL) {
            return Ok(None);
        }
    }
}

/// Settings for all programs, in a file of the folder. The name of the file.
fn write_config(folder: &Path, brokers: impl Display) -> anyhow::Result<String> {
    // An embedded broker keeps few messages: who sleeps for too long goes on with what is there.
    let text = format!(
        "[warehouse]\npath = \"file:warehouse\"\n\
         [catalog]\nkind = \"local\"\n\
         [kafka]\nbrokers = \"{brokers}\"\n\
         [producer]\ntopic = \"{ORDERS}\"\n\
         [streaming]\ntopic = \"{ORDERS}\"\ntagged_topic = \"{TAGGED}\"\nsegments_refresh = \"500ms\"\n\
         on_lost_offsets = \"continue\"\n\
         [dashboard]\ntopic = \"{TAGGED}\"\nrefresh = \"500ms\"\ncurrency = \"GBP\"\n"
    );
    let path = folder.join("demo.toml");
    std::fs::write(&path, text).with_context(|| format!("cannot write '{}'", path.display()))?;
    // Programs run in that folder.
    Ok("demo.toml".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn business_ends_yesterday() {
        // 2026-03-01T12:00:00Z
        let days = Days::until(UNIX_EPOCH + Duration::from_secs(1_772_366_400));
        let both = [days.first, days.last].map(|day| day.to_string());
        assert_eq!(both, ["2025-02-20", "2026-02-28"]);
        assert_eq!(days.snapshots(), ["2025-12-01", "2025-12-31", "2026-01-30", "2026-03-01"]);
    }
}
