//! The latest order of each group: the greatest `last_seen` key, in twelve bytes a group.
//!
//! DataFusion's own `max` of bytes keeps every group's value in a piece of the heap of its own, which were nine of ten of the job's
//! allocations and almost half of its memory. A shop sells to few countries, so a group keeps an instant and the number of a country.
//! Between operators, and on disk when it spills, the value is the key as it came.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryBuilder, BooleanArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, internal_datafusion_err, not_impl_err};
use datafusion::functions_aggregate::min_max::MaxAccumulator;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

/// The greatest of `last_seen` keys (`order_csv::split_last_seen_key`), as `max` gives it.
pub fn latest() -> Arc<AggregateUDF> {
    let signature = Signature::exact(vec![DataType::Binary], Volatility::Immutable);
    Arc::new(AggregateUDF::from(Latest { signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Latest {
    signature: Signature,
}

impl AggregateUDFImpl for Latest {
    fn name(&self) -> &str {
        "latest"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn accumulator(&self, _arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(MaxAccumulator::try_new(&DataType::Binary)?))
    }

    fn groups_accumulator_supported(&self, _arguments: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(LatestByGroup::default()))
    }
}

/// The country of a group that has no order yet.
const NONE: u32 = u32::MAX;
/// Texts without a group that may be kept, besides one a group.
const SPARE_NAMES: usize = 1_024;

#[derive(Debug, Default)]
struct LatestByGroup {
    /// The first eight bytes of the key as a number, by group.
    instants: Vec<u64>,
    /// Numbers in `names`, by group.
    countries: Vec<u32>,
    names: Names,
}

impl LatestByGroup {
    #[inline]
    fn see(&mut self, group: usize, key: &[u8]) -> Result<()> {
        let Some((instant, name)) = key.split_first_chunk() else {
            return Err(internal_datafusion_err!("a last_seen key has {} bytes", key.len()));
        };
        let instant = u64::from_be_bytes(*instant);
        let before = self.countries[group];
        if before == NONE || instant > self.instants[group] {
            self.instants[group] = instant;
            self.countries[group] = self.names.number(name);
        } else if instant == self.instants[group] && name > self.names.get(before) {
            self.countries[group] = self.names.number(name);
        }
        Ok(())
    }

    /// Forgets texts that no group has any more, when they are many: an input may call anything a country.
    fn tidy(&mut self) {
        if self.countries.is_empty() {
            self.names = Names::default();
        } else if self.names.texts.len() > 2 * self.countries.len() + SPARE_NAMES {
            let old = std::mem::take(&mut self.names);
            for country in self.countries.iter_mut().filter(|country| **country != NONE) {
                *country = self.names.number(old.get(*country));
            }
        }
    }
}

impl GroupsAccumulator for LatestByGroup {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total_groups: usize,
    ) -> Result<()> {
        if filter.is_some() {
            return not_impl_err!("latest with a filter");
        }
        self.merge_batch(values, groups, total_groups)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        total_groups: usize,
    ) -> Result<()> {
        self.instants.resize(total_groups, 0);
        self.countries.resize(total_groups, NONE);
        let keys = values.first().and_then(|keys| keys.as_binary_opt::<i32>());
        let keys = keys.ok_or_else(|| internal_datafusion_err!("last_seen keys are no bytes"))?;
        for (key, &group) in keys.iter().zip(groups) {
            if let Some(key) = key {
                self.see(group, key)?;
            }
        }
        self.tidy();
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let instants = emit_to.take_needed(&mut self.instants);
        let countries = emit_to.take_needed(&mut self.countries);
        let bytes = countries.iter().map(|&country| 8 + self.names.get(country).len()).sum();
        let mut keys = BinaryBuilder::with_capacity(countries.len(), bytes);
        let mut key = Vec::new();
        for (instant, country) in instants.into_iter().zip(countries) {
            if country == NONE {
                keys.append_null();
                continue;
            }
            key.clear();
            key.extend_from_slice(&instant.to_be_bytes());
            key.extend_from_slice(self.names.get(country));
            keys.append_value(&key);
        }
        self.tidy();
        Ok(Arc::new(keys.finish()))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit_to)?])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        if filter.is_some() {
            return not_impl_err!("latest with a filter");
        }
        Ok(values.to_vec())
    }

    fn size(&self) -> usize {
        self.instants.capacity() * size_of::<u64>()
            + self.countries.capacity() * size_of::<u32>()
            + self.names.bytes
    }
}

/// Texts and their numbers.
#[derive(Debug, Default)]
struct Names {
    texts: Vec<Arc<[u8]>>,
    numbers: HashMap<Arc<[u8]>, u32>,
    /// The one that was asked for last: most customers are of one country.
    last: u32,
    /// About what they take.
    bytes: usize,
}

impl Names {
    /// The text of a number; empty for none.
    fn get(&self, number: u32) -> &[u8] {
        self.texts.get(number as usize).map_or(&[], |text| text)
    }

    /// The number of a text.
    #[inline]
    fn number(&mut self, text: &[u8]) -> u32 {
        let is_last = self.texts.get(self.last as usize).is_some_and(|last| **last == *text);
        if !is_last {
            self.last = self.numbers.get(text).copied().unwrap_or_else(|| self.add(text));
        }
        self.last
    }

    fn add(&mut self, text: &[u8]) -> u32 {
        // Texts that are in use and a batch of others: memory ends long before their numbers do.
        let number = self.texts.len() as u32;
        let text: Arc<[u8]> = text.into();
        self.bytes += text.len() + 2 * size_of::<usize>() + 3 * size_of::<Arc<[u8]>>();
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arrow::array::BinaryArray;
    use proptest::prelude::*;

    use super::*;

    fn key(instant: u64, country: &str) -> Vec<u8> {
        [&instant.to_be_bytes()[..], country.as_bytes()].concat()
    }

    fn array(keys: &[Vec<u8>]) -> ArrayRef {
        Arc::new(BinaryArray::from_iter_values(keys))
    }

    fn values(array: &ArrayRef) -> Vec<Option<Vec<u8>>> {
        array.as_binary::<i32>().iter().map(|key| key.map(<[u8]>::to_vec)).collect()
    }

    #[test]
    fn a_short_key_is_an_error() {
        let mut latest = LatestByGroup::default();
        let error = latest.merge_batch(&[array(&[b"short".to_vec()])], &[0], 1).unwrap_err();
        assert!(error.to_string().contains("a last_seen key has 5 bytes"), "{error}");
    }

    #[test]
    fn a_group_without_orders_has_none() {
        let mut latest = LatestByGroup::default();
        latest.merge_batch(&[array(&[key(7, "")])], &[1], 3).unwrap();
        let found = latest.evaluate(EmitTo::All).unwrap();
        assert_eq!(values(&found), [None, Some(key(7, "")), None]);
    }

    #[test]
    fn names_go_with_their_groups() {
        let mut latest = LatestByGroup::default();
        let keys: Vec<_> = (0..1_000).map(|n| key(n, &format!("country {n}"))).collect();
        let groups: Vec<_> = (0..1_000).collect();
        let before = latest.size();
        latest.merge_batch(&[array(&keys)], &groups, 1_000).unwrap();
        assert!(latest.size() > before + 1_000 * (12 + "country 1".len()), "{}", latest.size());
        latest.evaluate(EmitTo::First(999)).unwrap();
        let rest = latest.evaluate(EmitTo::All).unwrap();
        assert_eq!(values(&rest), [Some(key(999, "country 999"))]);
        assert_eq!(latest.size(), before);
    }

    /// Each order from another place: one group that changes it with each row, and groups that come and go as in a merge.
    #[test]
    fn names_that_nobody_has_are_forgotten() {
        let mut latest = LatestByGroup::default();
        for n in 0..20_000 {
            let keys = array(&[key(n, &format!("country {n}")), key(n, &format!("other {n}"))]);
            latest.merge_batch(&[keys], &[0, 1], 2).unwrap();
            if n % 2 == 0 {
                let first = latest.evaluate(EmitTo::First(1)).unwrap();
                assert_eq!(values(&first), [Some(key(n, &format!("country {n}")))]);
            }
            let kept = latest.names.texts.len();
            assert!(kept <= 2 * 2 + SPARE_NAMES && latest.names.numbers.len() == kept, "{kept}");
        }
        let last = values(&latest.evaluate(EmitTo::All).unwrap());
        assert_eq!(last, [Some(key(19_999, "country 19999")), Some(key(19_999, "other 19999"))]);
    }

    proptest! {
        /// In batches, through states, and emitted in pieces.
        #[test]
        fn it_is_the_greatest_key(
            rows in prop::collection::vec((0_usize..12, 0_u64..4, prop::sample::select(vec!["", "EIRE", "France", "Fr"])), 1..200),
            batch in 1_usize..50,
            first in 0_usize..12,
        ) {
            let mut expected = BTreeMap::new();
            let (mut partial, mut merged) = (LatestByGroup::default(), LatestByGroup::default());
            for rows in rows.chunks(batch) {
                let keys: Vec<_> = rows.iter().map(|(_, instant, name)| key(*instant, name)).collect();
                let groups: Vec<_> = rows.iter().map(|(group, ..)| *group).collect();
                for (key, group) in keys.iter().zip(&groups) {
                    let greatest = expected.entry(*group).or_insert_with(|| key.clone());
                    *greatest = key.clone().max(std::mem::take(greatest));
                }
                partial.update_batch(&[array(&keys)], &groups, None, 12).unwrap();
                let state = partial.state(EmitTo::All).unwrap();
                merged.merge_batch(&state, &(0..12).collect::<Vec<_>>(), 12).unwrap();
            }
            let mut found = values(&merged.evaluate(EmitTo::First(first)).unwrap());
            found.extend(values(&merged.evaluate(EmitTo::All).unwrap()));
            let expected: Vec<_> = (0..12).map(|group| expected.get(&group).cloned()).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
