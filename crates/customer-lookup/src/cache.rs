//! A cache that never holds more than it may.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Values by key, within a number of bytes. A value is made once, however many ask for it at the same time; those who ask
/// for others do not wait.
///
/// The newest value stays even if it is larger than the limit alone: whoever asked for it has it anyway.
#[derive(Debug)]
pub struct BoundedCache<K, V> {
    limit: usize,
    state: Mutex<State<K, V>>,
}

#[derive(Debug)]
struct State<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// Counts the uses.
    clock: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry<V> {
    slot: Arc<Slot<V>>,
    bytes: usize,
    used: u64,
}

#[derive(Debug)]
struct Slot<V> {
    value: OnceLock<Arc<V>>,
    /// Held by whoever makes the value.
    making: Mutex<()>,
}

impl<K: Eq + Hash + Clone, V> BoundedCache<K, V> {
    /// With room for so many bytes.
    pub fn new(limit: usize) -> Self {
        let state = State { entries: HashMap::new(), clock: 0, bytes: 0 };
        Self { limit, state: Mutex::new(state) }
    }

    /// The value of `key`; if it is not there, what `make` gives, with its size in bytes.
    ///
    /// # Errors
    /// Those of `make`; nothing is kept then.
    pub fn get_or_make<E>(
        &self,
        key: &K,
        make: impl FnOnce() -> Result<(V, usize), E>,
    ) -> Result<Arc<V>, E> {
        let slot = self.slot(key);
        if let Some(value) = slot.value.get() {
            return Ok(Arc::clone(value));
        }
        let making = lock(&slot.making);
        if let Some(value) = slot.value.get() {
            return Ok(Arc::clone(value));
        }
        match make() {
            Ok((made, bytes)) => {
                let made = Arc::clone(slot.value.get_or_init(|| Arc::new(made)));
                drop(making);
                self.account(key, &slot, bytes);
                Ok(made)
            }
            Err(error) => {
                drop(making);
                self.forget_empty(key, &slot);
                Err(error)
            }
        }
    }

    /// The value of `key` if it is there. Does not wait for somebody who is making it.
    pub fn get(&self, key: &K) -> Option<Arc<V>> {
        let mut state = lock(&self.state);
        state.clock += 1;
        let clock = state.clock;
        let entry = state.entries.get_mut(key)?;
        entry.used = clock;
        entry.slot.value.get().map(Arc::clone)
    }

    /// Lets go of the values whose key does not pass.
    pub fn retain(&self, mut keep: impl FnMut(&K) -> bool) {
        let mut state = lock(&self.state);
        state.entries.retain(|key, _| keep(key));
        state.bytes = state.entries.values().map(|entry| entry.bytes).sum();
    }

    /// Bytes of what is in it.
    pub fn bytes(&self) -> usize {
        lock(&self.state).bytes
    }

    fn slot(&self, key: &K) -> Arc<Slot<V>> {
        let mut state = lock(&self.state);
        state.clock += 1;
        let used = state.clock;
        let new = || {
            let slot = Slot { value: OnceLock::new(), making: Mutex::default() };
            Entry { slot: Arc::new(slot), bytes: 0, used }
        };
        let entry = state.entries.entry(key.clone()).or_insert_with(new);
        entry.used = used;
        Arc::clone(&entry.slot)
    }

    fn account(&self, key: &K, slot: &Arc<Slot<V>>, bytes: usize) {
        let mut state = lock(&self.state);
        match state.entries.get_mut(key) {
            Some(entry) if Arc::ptr_eq(&entry.slot, slot) => entry.bytes = bytes,
            // It was let go meanwhile.
            _ => return,
        }
        state.bytes += bytes;
        while state.bytes > self.limit {
            let others =
                state.entries.iter().filter(|(other, entry)| *other != key && entry.bytes > 0);
            let Some(oldest) = others.min_by_key(|(_, entry)| entry.used).map(|(k, _)| k.clone())
            else {
                break;
            };
            if let Some(removed) = state.entries.remove(&oldest) {
                state.bytes -= removed.bytes;
            }
        }
    }

    fn forget_empty(&self, key: &K, slot: &Arc<Slot<V>>) {
        let mut state = lock(&self.state);
        if state
            .entries
            .get(key)
            .is_some_and(|entry| Arc::ptr_eq(&entry.slot, slot) && entry.bytes == 0)
        {
            state.entries.remove(key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(cache: &BoundedCache<u32, u32>, key: u32, bytes: usize) -> u32 {
        *cache.get_or_make::<()>(&key, || Ok((key * 10, bytes))).unwrap()
    }

    #[test]
    fn the_least_recently_used_goes() {
        let cache = BoundedCache::new(100);
        assert_eq!((make(&cache, 1, 40), make(&cache, 2, 40)), (10, 20));
        // 1 is used again, so 2 has to go for 3.
        assert_eq!(cache.get(&1).as_deref(), Some(&10));
        assert_eq!(make(&cache, 3, 40), 30);
        assert!(cache.get(&2).is_none() && cache.get(&1).is_some() && cache.get(&3).is_some());
        assert_eq!(cache.bytes(), 80);
        // One that is too large stays alone.
        make(&cache, 4, 500);
        assert_eq!((cache.bytes(), cache.get(&1), cache.get(&3)), (500, None, None));
        cache.retain(|key| *key != 4);
        assert_eq!((cache.bytes(), cache.get(&4)), (0, None));
    }

    #[test]
    fn what_is_there_is_given_to_all_at_once() {
        let cache = BoundedCache::new(100);
        make(&cache, 1, 40);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50_000 {
                        assert_eq!(cache.get(&1).as_deref(), Some(&10));
                    }
                });
            }
        });
        // One that is being made is not waited for.
        let outcome = cache.get_or_make::<()>(&2, || {
            assert!(cache.get(&2).is_none());
            Ok((7, 1))
        });
        assert_eq!(outcome.as_deref(), Ok(&7));
    }

    #[test]
    fn errors_are_not_kept_and_values_are_made_once() {
        let cache: BoundedCache<u32, u32> = BoundedCache::new(100);
        assert_eq!(cache.get_or_make(&1, || Err("no")).unwrap_err(), "no");
        let made = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let value = cache.get_or_make::<()>(&1, || {
                        made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        Ok((7, 1))
                    });
                    assert_eq!(*value.unwrap(), 7);
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
    }
}
