//! What segments are called in addresses, and the order in which they are shown.

/// Orders of customers without a segment have this one.
pub(crate) const UNKNOWN: &str = "unknown";

/// Fixed order of the usual segments; others follow by number, those without a customer's segment come last.
const USUAL: [&str; 4] = ["high-value-vip", "loyal-frequent", "new-promising", "churn-risk"];

/// The name of a segment in lower case, with one hyphen for whatever is neither letter nor digit: `Loyal / Frequent` is
/// `loyal-frequent`. Letters of all scripts stay; a name without any is `segment`.
pub(crate) fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len());
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    while slug.ends_with('-') {
        slug.pop();
    }
    if slug.is_empty() { "segment".to_owned() } else { slug }
}

/// Where a segment stands among others, for sorting: by slug, then by number.
pub(crate) fn order_of(slug: &str, id: i32) -> (usize, i32) {
    let usual = USUAL.iter().position(|name| *name == slug);
    let place = if slug == UNKNOWN { USUAL.len() + 1 } else { usual.unwrap_or(USUAL.len()) };
    (place, id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        for (name, expected) in [
            ("High Value VIP", "high-value-vip"),
            ("Loyal / Frequent", "loyal-frequent"),
            ("Regular 1", "regular-1"),
            ("Unknown", "unknown"),
            ("  <b>Größe</b> ", "b-größe-b"),
            ("🌹", "segment"),
            ("", "segment"),
        ] {
            assert_eq!(slug(name), expected);
        }
    }

    #[test]
    fn the_fixed_order() {
        let mut all = [
            ("unknown", -1),
            ("regular-2", 2),
            ("churn-risk", 0),
            ("regular-1", 1),
            ("high-value-vip", 3),
        ];
        all.sort_by_key(|(slug, id)| order_of(slug, *id));
        let slugs = all.map(|(slug, _)| slug);
        assert_eq!(slugs, ["high-value-vip", "churn-risk", "regular-1", "regular-2", "unknown"]);
    }
}
