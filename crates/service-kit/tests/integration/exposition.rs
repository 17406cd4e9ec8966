//! Reads OpenMetrics text as strictly as its specification is, as far as the jobs use it.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

#[derive(Default, Debug)]
pub(crate) struct Exposition {
    /// Type of each family.
    pub(crate) families: BTreeMap<String, String>,
    pub(crate) samples: Vec<Sample>,
}

impl Exposition {
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.strip_suffix("# EOF\n").expect("ends with # EOF");
        let mut parsed = Self::default();
        let mut family = String::new();
        let mut series = BTreeSet::new();
        for line in text.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let mut words = comment.splitn(3, ' ');
                let (kind, name, rest) =
                    (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
                check_name(name);
                match kind {
                    "HELP" => assert!(rest.ends_with('.') && !rest.ends_with(".."), "{line}"),
                    "TYPE" => {
                        name.clone_into(&mut family);
                        let previous = parsed.families.insert(family.clone(), rest.to_owned());
                        assert_eq!(previous, None, "{line}: twice");
                    }
                    "UNIT" => assert!(name == family && name.ends_with(&format!("_{rest}"))),
                    _ => panic!("{line}"),
                }
                continue;
            }
            let (id, value) = line.rsplit_once(' ').unwrap();
            assert!(series.insert(id), "{line}: twice");
            let (name, labels) = id.split_once('{').map_or((id, ""), |(name, labels)| {
                (name, labels.strip_suffix('}').expect("ends with a brace"))
            });
            check_name(name);
            let suffixes: &[&str] = match parsed.families[&family].as_str() {
                "counter" => &["_total"],
                "gauge" => &[""],
                "histogram" => &["_sum", "_count", "_bucket"],
                "info" => &["_info"],
                other => panic!("{line}: {other}"),
            };
            let suffix = name.strip_prefix(family.as_str());
            assert!(suffix.is_some_and(|suffix| suffixes.contains(&suffix)), "{line}: {family}");
            let (name, labels) = (name.to_owned(), parse_labels(labels));
            parsed.samples.push(Sample { name, labels, value: value.parse().unwrap() });
        }
        parsed
    }

    /// The value of the only sample of this name.
    pub(crate) fn value(&self, name: &str) -> f64 {
        let mut samples = self.samples.iter().filter(|sample| sample.name == name);
        let sample = samples.next().unwrap_or_else(|| panic!("{name} is not there"));
        assert!(samples.next().is_none(), "{name} is there more than once");
        sample.value
    }

    /// The values of a name by the value of a label.
    pub(crate) fn by_label(&self, name: &str, label: &str) -> Vec<(&str, f64)> {
        let samples = self.samples.iter().filter(|sample| sample.name == name);
        samples.map(|sample| (sample.labels[label].as_str(), sample.value)).collect()
    }
}

fn check_name(name: &str) {
    let first = name.chars().next().unwrap();
    assert!(first.is_ascii_alphabetic() || first == '_', "{name}");
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name}");
}

/// `a="x",b="y"`, with escapes in the values.
fn parse_labels(text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, quoted) = rest.split_once("=\"").unwrap();
        check_name(name);
        let mut value = String::new();
        let mut chars = quoted.char_indices();
        let end = loop {
            match chars.next().expect("a closing quote") {
                (at, '"') => break at,
                (_, '\\') => match chars.next().unwrap().1 {
                    'n' => value.push('\n'),
                    c @ ('"' | '\\') => value.push(c),
                    c => panic!("{c} is no escape"),
                },
                (_, c) => value.push(c),
            }
        };
        assert_eq!(labels.insert(name.to_owned(), value), None, "{text}");
        rest = &quoted[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    labels
}
