//! What is answered over HTTP.

mod answer;
mod api;
mod assets;
mod csv;
mod customer;
mod problem;
mod query;
mod router;
mod session;
mod sign_in;

use std::time::SystemTime;

use order_model::{Money, Timestamp};

pub(crate) use self::assets::Assets;
pub(crate) use self::router::{App, Peer, routes};
pub(crate) use self::session::{Auth, hash_password};

/// An amount with four decimals: `4310.0000`.
pub(crate) fn money(amount: Money) -> String {
    amount.to_string()
}

/// ISO 8601, UTC.
pub(crate) fn instant(time: Timestamp) -> String {
    format!("{}Z", time.to_string().replace(' ', "T"))
}

/// The same, with milliseconds.
pub(crate) fn instant_of(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let whole = warehouse::run_id::utc_timestamp(time);
    format!("{}.{:03}Z", whole.trim_end_matches('Z'), since.subsec_millis())
}

/// The time now, by this server's clock.
pub(crate) fn now() -> String {
    instant_of(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_text() {
        let text = |value| money(Money::from_ten_thousandths(value));
        assert_eq!(text(43_100_000), "4310.0000");
        assert_eq!(text(-5), "-0.0005");
        assert_eq!(text(10_i128.pow(20)), "10000000000000000.0000");
        assert_eq!(instant(Timestamp::from_micros(0)), "1970-01-01T00:00:00Z");
    }
}
