//! Names that may have been meant.

/// At most three of `names` that resemble `wanted`, the nearest first.
pub(crate) fn near<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let furthest = (wanted.chars().count() / 3).max(1);
    let wanted = wanted.to_lowercase();
    let mut near: Vec<(usize, &str)> = names
        .into_iter()
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let contains = lower.contains(&wanted) || wanted.contains(&lower);
            let distance = distance(&wanted, &lower);
            (distance <= furthest || contains).then_some((distance, name))
        })
        .collect();
    near.sort_unstable();
    near.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// The end of a sentence: `; did you mean 'orders'?`
pub(crate) fn hint(near: &[String]) -> String {
    if near.is_empty() {
        return ": create it, or correct its name".to_owned();
    }
    format!(": create it, or did you mean '{}'?", near.join("' or '"))
}

/// Levenshtein's: how many characters have to be added, removed or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "ab", 2),
            ("orders", "orders", 0),
            ("oders", "orders", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn the_nearest_come_first_and_strangers_not_at_all() {
        let names = ["payments", "Orders", "peiyuanluo_orders", "order", "__consumer_offsets"];
        assert_eq!(near("orders", names), ["Orders", "order", "peiyuanluo_orders"]);
        assert!(near("shipments_of_last_year", names).is_empty());
        assert_eq!(hint(&[]), ": create it, or correct its name");
        assert_eq!(hint(&["a".into(), "b".into()]), ": create it, or did you mean 'a' or 'b'?");
    }
}
