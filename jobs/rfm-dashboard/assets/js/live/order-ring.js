// The newest orders, in bounded memory: a ring of fixed size. Gaps are entries among the orders, where they happened.

export const CAPACITY = 2000;

export function createOrderRing(capacity = CAPACITY) {
  const entries = new Array(capacity);
  const keys = new Set();
  let next = 0;
  let length = 0;
  let added = 0;

  function push(entry) {
    const old = entries[next];
    if (old?.key) keys.delete(old.key);
    entries[next] = entry;
    next = (next + 1) % capacity;
    length = Math.min(capacity, length + 1);
  }

  return {
    /** Orders, oldest first; what is there already is dropped. Answers how many were new. */
    add(orders) {
      let count = 0;
      for (const order of orders) {
        if (order.key && keys.has(order.key)) continue;
        push(order);
        if (order.key) keys.add(order.key);
        count += 1;
      }
      added += count;
      return count;
    },
    addGap(frame) {
      push({ gap: frame });
    },
    clear() {
      entries.fill(undefined);
      keys.clear();
      next = 0;
      length = 0;
      added = 0;
    },
    /** The newest `n` entries, newest first. */
    newest(n) {
      const list = [];
      for (let back = 1; back <= Math.min(n, length); back += 1) list.push(entries[(next - back + capacity) % capacity]);
      return list;
    },
    get length() {
      return length;
    },
    /** All orders ever added. */
    get added() {
      return added;
    },
  };
}
