//! What the user sees: orders one by one while they can be followed, else a sample of them and the rate, totals at the end.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use job_kit::cli::{CommonArgs, LogFormat, Verbosity};
use job_kit::format::thousands;
use order_model::Money;
use service_kit::latency::{Snapshot, Window};

use super::deliveries::{Announcement, Deliveries};
use super::faults::Fault;
use super::messages::Counts;

/// Orders a second that eyes can follow.
const FOLLOWED: f64 = 20.0;

/// How things are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// Lines for people, on stdout; the rate as often as this.
    Lines { every: Duration },
    /// Log events, for collectors; the rate as often as this.
    Events { every: Duration },
    /// Nothing.
    Nothing,
}

impl Telling {
    pub(crate) fn of(common: &CommonArgs) -> Self {
        // A log file has no use for a line a second.
        let every = Duration::from_secs(if io::stdout().is_terminal() { 1 } else { 10 });
        match (common.verbosity(), common.log_format) {
            (Verbosity::Quiet, _) => Self::Nothing,
            (_, LogFormat::Json) => Self::Events { every },
            (_, LogFormat::Text) => Self::Lines { every },
        }
    }
}

/// The screen, or the log.
pub(super) struct Screen {
    telling: Telling,
    topic: String,
    deliveries: Deliveries,
    announcements: Receiver<Announcement>,
    window: Window,
    /// Whether every order is told.
    follows: bool,
    next: Instant,
    last: (Instant, u64),
}

impl Screen {
    /// `rate` is what is known beforehand of the messages a second.
    pub(super) fn new(
        telling: Telling,
        topic: &str,
        deliveries: Deliveries,
        announcements: Receiver<Announcement>,
        rate: Option<f64>,
    ) -> Self {
        let now = Instant::now();
        let window = Window::new(deliveries.latency());
        let follows = rate.is_none_or(|rate| rate <= FOLLOWED);
        let mut screen = Self {
            telling,
            topic: topic.to_owned(),
            deliveries,
            announcements,
            window,
            follows,
            next: now,
            last: (now, 0),
        };
        screen.next = now + screen.every();
        screen.allow();
        screen
    }

    /// Tells what there is to tell by now.
    ///
    /// # Errors
    /// Nobody reads stdout any more.
    pub(super) fn tick(&mut self, counts: &Counts) -> io::Result<()> {
        self.tell_announced()?;
        let now = Instant::now();
        if now < self.next {
            return Ok(());
        }
        self.next = now + self.every();
        let delivered = self.deliveries.delivered();
        let (then, before) = std::mem::replace(&mut self.last, (now, delivered));
        let rate = (delivered - before) as f64 / (now - then).as_secs_f64().max(1e-9);
        let latency = self.window.advance();
        let stuck = rate == 0.0 && counts.total() > delivered + self.deliveries.failed();
        if !self.follows || stuck {
            self.tell_rate(counts, rate, &latency)?;
        }
        self.follows = rate <= FOLLOWED * 1.1;
        self.allow();
        Ok(())
    }

    /// Tells the totals.
    ///
    /// # Errors
    /// As [`Screen::tick`].
    pub(super) fn finish(&mut self, counts: &Counts, elapsed: Duration) -> io::Result<()> {
        self.tell_announced()?;
        let (delivered, failed) = (self.deliveries.delivered(), self.deliveries.failed());
        let latency = self.deliveries.latency().snapshot();
        let seconds = elapsed.as_secs_f64();
        let rate = delivered as f64 / seconds.max(1e-9);
        match self.telling {
            Telling::Nothing => Ok(()),
            Telling::Events { .. } => {
                tracing::info!(
                    topic = self.topic,
                    sent = counts.total(),
                    delivered,
                    failed,
                    orders = counts.orders,
                    late = counts.late,
                    duplicates = counts.duplicates,
                    malformed = counts.malformed.iter().sum::<u64>(),
                    seconds = (seconds * 1000.0).round() / 1000.0,
                    p50_ms = millis(latency.quantile(0.5)),
                    p99_ms = millis(latency.quantile(0.99)),
                    max_ms = millis(latency.max()),
                    "finished"
                );
                Ok(())
            }
            Telling::Lines { .. } => {
                let mark = if delivered == counts.total() { "✅" } else { "❌" };
                let mut line = format!(
                    "{mark} Delivered {} of {} messages to {} in {seconds:.1} s ({}/s): {}",
                    thousands(delivered),
                    thousands(counts.total()),
                    self.topic,
                    thousands(format_args!("{rate:.0}")),
                    by_kind(counts),
                );
                if let (Some(p50), Some(p99), Some(max)) =
                    (latency.quantile(0.5), latency.quantile(0.99), latency.max())
                {
                    let ms = |d: Duration| d.as_secs_f64() * 1e3;
                    line.push_str(&format!(
                        "; latency p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
                        ms(p50),
                        ms(p99),
                        ms(max)
                    ));
                }
                print(&line)
            }
        }
    }

    fn every(&self) -> Duration {
        match self.telling {
            Telling::Lines { every } | Telling::Events { every } => every,
            Telling::Nothing => Duration::from_secs(3_600),
        }
    }

    fn allow(&self) {
        // Twice as many as may be followed, for a look at the clock that comes late; a file that starts with a rush ends it.
        let all = (2.0 * FOLLOWED * self.every().as_secs_f64()) as u32;
        self.deliveries.announce(match (self.telling, self.follows) {
            (Telling::Nothing, _) => 0,
            (_, true) => all,
            (_, false) => 1,
        });
    }

    fn tell_announced(&self) -> io::Result<()> {
        for announcement in self.announcements.try_iter() {
            match self.telling {
                Telling::Nothing => {}
                Telling::Lines { .. } => print(&sent_line(&announcement, &self.topic))?,
                Telling::Events { .. } => log_sent(&announcement, &self.topic),
            }
        }
        Ok(())
    }

    fn tell_rate(&self, counts: &Counts, rate: f64, latency: &Snapshot) -> io::Result<()> {
        let sent = counts.total();
        let (delivered, failed) = (self.deliveries.delivered(), self.deliveries.failed());
        let in_flight = sent.saturating_sub(delivered + failed);
        let p99 = latency.quantile(0.99);
        match self.telling {
            Telling::Nothing => Ok(()),
            Telling::Events { .. } => {
                let rate = rate.round();
                let p99_ms = millis(p99);
                tracing::info!(sent, delivered, failed, in_flight, rate, p99_ms, "sending");
                Ok(())
            }
            Telling::Lines { .. } => print(&format!(
                "   sent {}  delivered {}  failed {}  in flight {}  {}/s  p99 {}",
                thousands(sent),
                thousands(delivered),
                thousands(failed),
                thousands(in_flight),
                thousands(format_args!("{rate:.0}")),
                p99.map_or("-".to_owned(), |p99| format!("{:.1} ms", p99.as_secs_f64() * 1e3)),
            )),
        }
    }
}

/// `9,800 orders, 100 late, 50 malformed (not_json 20, empty 30)`.
pub(super) fn by_kind(counts: &Counts) -> String {
    let mut text = format!("{} orders", thousands(counts.orders));
    for (count, name) in [(counts.late, "late"), (counts.duplicates, "duplicates")] {
        if count > 0 {
            text.push_str(&format!(", {} {name}", thousands(count)));
        }
    }
    let faults: Vec<String> = Fault::ALL
        .into_iter()
        .zip(counts.malformed)
        .filter(|&(_, count)| count > 0)
        .map(|(fault, count)| format!("{} {}", fault.name(), thousands(count)))
        .collect();
    if !faults.is_empty() {
        let total = counts.malformed.iter().sum::<u64>();
        text.push_str(&format!(", {} malformed ({})", thousands(total), faults.join(", ")));
    }
    text
}

fn sent_line(sent: &Announcement, topic: &str) -> String {
    let place = format!("{topic}[{}]@{}", sent.partition, sent.offset);
    let Some(order) = &sent.order else {
        return format!("✅ Sent: malformed message of {} bytes  {place}", sent.bytes);
    };
    let customer = order.customer_id.map_or("guest".to_owned(), |id| format!("customer {id}"));
    let remark = sent.remark.map(|remark| format!("  ({remark})")).unwrap_or_default();
    format!(
        "✅ Sent: invoice {}  {customer}  {} x {}  {}{remark}  {place}",
        order.invoice_no,
        order.quantity,
        // A file of somebody else's may hold anything.
        order.article.replace(char::is_control, "?"),
        in_pennies(order.amount),
    )
}

fn log_sent(sent: &Announcement, topic: &str) {
    let order = sent.order.as_ref();
    tracing::info!(
        topic,
        partition = sent.partition,
        offset = sent.offset,
        invoice_no = order.map(|order| order.invoice_no.as_str()),
        customer_id = order.and_then(|order| order.customer_id),
        quantity = order.map(|order| order.quantity),
        article = order.map(|order| order.article.as_str()),
        amount = order.map(|order| in_pennies(order.amount)),
        remark = if order.is_none() { Some("malformed") } else { sent.remark },
        "sent"
    );
}

/// Two decimals, more only if there are any.
fn in_pennies(amount: Money) -> String {
    let text = amount.to_string();
    let pennies = text.len().saturating_sub(2);
    let rest = text[pennies..].trim_end_matches('0').len();
    text[..pennies + rest].to_owned()
}

fn millis(duration: Option<Duration>) -> Option<f64> {
    duration.map(|duration| (duration.as_secs_f64() * 1e4).round() / 10.0)
}

fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::to_kafka::deliveries::AnnouncedOrder;

    fn sent(order: Option<AnnouncedOrder>, remark: Option<&'static str>) -> String {
        let sent = Announcement { partition: 3, offset: 1234, remark, bytes: 212, order };
        sent_line(&sent, "orders")
    }

    #[test]
    fn an_order_is_one_line() {
        let order = AnnouncedOrder {
            invoice_no: "536365".to_owned(),
            customer_id: Some(17_850),
            quantity: 6,
            article: "WHITE HANGING HEART T-LIGHT HOLDER".to_owned(),
            amount: Money::parse(b"15.3").unwrap(),
        };
        assert_eq!(
            sent(Some(order.clone()), None),
            "✅ Sent: invoice 536365  customer 17850  6 x WHITE HANGING HEART T-LIGHT HOLDER  15.30  orders[3]@1234"
        );
        let hostile =
            AnnouncedOrder { customer_id: None, article: "\u{1b}[2J\nX".to_owned(), ..order };
        assert_eq!(
            sent(Some(hostile), Some("late")),
            "✅ Sent: invoice 536365  guest  6 x ?[2J?X  15.30  (late)  orders[3]@1234"
        );
        assert_eq!(sent(None, None), "✅ Sent: malformed message of 212 bytes  orders[3]@1234");
    }

    #[test]
    fn amounts_have_pennies() {
        for (text, expected) in [
            ("18", "18.00"),
            ("2.5", "2.50"),
            ("0.001", "0.001"),
            ("-27.5", "-27.50"),
            ("0.1234", "0.1234"),
            ("0", "0.00"),
        ] {
            assert_eq!(in_pennies(Money::parse(text.as_bytes()).unwrap()), expected);
        }
    }

    #[test]
    fn totals_name_the_kinds_that_were() {
        let mut counts = Counts { orders: 9_800, ..Counts::default() };
        assert_eq!(by_kind(&counts), "9,800 orders");
        counts.late = 1;
        counts.duplicates = 2;
        counts.malformed[Fault::Empty as usize] = 3;
        counts.malformed[Fault::NotJson as usize] = 1_000;
        assert_eq!(
            by_kind(&counts),
            "9,800 orders, 1 late, 2 duplicates, 1,003 malformed (not_json 1,000, empty 3)"
        );
    }
}
