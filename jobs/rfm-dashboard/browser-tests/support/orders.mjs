// The order lines that the warehouse is made of, and, counted here once more and independently, what must be seen of them.

const DAY = 86_400_000;
const FIRST_ID = 12346;
const CUSTOMERS = 240;

/** Four kinds of customers, so that the clusters are clear; and two whose values are known by heart. */
export function makeOrders() {
  const lines = [];
  const random = generator(20111210);
  let invoice = 536365;
  const add = (customer, day, price, quantity = 1) =>
    lines.push({ invoice: String(invoice), customer, day, price, quantity });
  const order = (customer, daysAgo, cents) => {
    invoice += 1;
    const first = Math.floor(cents / 3);
    add(customer, daysAgo, first);
    add(customer, daysAgo, cents - first);
  };
  // 12347: 7 orders, 4310.00, the last 3 days before 2011-12-10. 12348: 4 orders, 1797.24, 76 days.
  [367, 313, 247, 184, 130, 39, 3].forEach((daysAgo, at) => order(12347, daysAgo, at < 6 ? 60000 : 71000));
  [358, 330, 248, 76].forEach((daysAgo, at) => order(12348, daysAgo, at < 3 ? 50000 : 29724));
  for (let id = FIRST_ID; id < FIRST_ID + CUSTOMERS; id += 1) {
    if (id === 12347 || id === 12348) continue;
    const kind = id % 4;
    const [orders, recent, spread, cents] = [[14, 2, 330, 52_000], [5, 30, 300, 35_000], [2, 5, 35, 18_000], [1, 150, 190, 24_000]][kind];
    for (let n = 0; n < orders; n += 1) order(id, recent + Math.floor(random() * spread), Math.floor(cents * (0.4 + random())));
  }
  return lines;
}

/** As CSV; days count back from 2011-12-10. */
export function toCsv(lines) {
  const rows = lines.map(({ invoice, customer, day, price, quantity }) =>
    `${invoice},85123A,WHITE HANGING HEART T-LIGHT HOLDER,${quantity},${dateOf(day)} 12:00:00,${(price / 100).toFixed(2)},${customer},United Kingdom`);
  return `InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n${rows.join("\n")}\n`;
}

/** Recency, frequency and monetary (cents) of each customer as of a day. */
export function valuesAsOf(lines, snapshot) {
  const customers = new Map();
  for (const line of lines) {
    const date = dateOf(line.day);
    if (date >= snapshot) continue;
    const entry = customers.get(line.customer) ?? { invoices: new Set(), cents: 0, last: "" };
    entry.invoices.add(line.invoice);
    entry.cents += line.price * line.quantity;
    if (date > entry.last) entry.last = date;
    customers.set(line.customer, entry);
  }
  const days = (a, b) => Math.round((new Date(a) - new Date(b)) / DAY);
  return new Map([...customers].map(([id, { invoices, cents, last }]) => [String(id), { recency: days(snapshot, last), frequency: invoices.size, cents }]));
}

/** 431000 -> "4,310.00". */
export const asMoney = (cents) => (cents / 100).toLocaleString("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

const dateOf = (daysAgo) => new Date(Date.UTC(2011, 11, 10) - daysAgo * DAY).toISOString().slice(0, 10);

/** Numbers from 0 to 1, the same in every run. */
function generator(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
