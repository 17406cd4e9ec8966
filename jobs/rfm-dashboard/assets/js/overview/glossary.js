// What the words mean, for those who do not work with them daily.

import { h } from "../dom.js";

const WORDS = [
  ["Recency", "Days from a customer's last order to the snapshot date. Few is good."],
  ["Frequency", "Number of a customer's orders (invoices)."],
  ["Monetary", "What a customer has spent in all, cancelled orders left out."],
  ["Scores 1 to 5", "Each value against all customers: 5 is the best fifth, 1 the last. Equal values have equal scores."],
  ["RFM group", "A name for the combination of the recency and frequency scores, such as Champions or At Risk."],
  ["Segment", "Customers that are alike in all three values, found by k-means. High Value VIP spends most; of the others Churn Risk has been away longest, Loyal / Frequent orders most often."],
  ["Unknown", "A live order whose customer is in no snapshot yet, or that names no customer."],
  ["Silhouette", "How clearly the segments differ, from -1 to 1. Values around 0.3 are usual for customer data."],
];

export const createGlossary = () =>
  h("details", { class: "glossary" },
    h("summary", {}, "What the numbers mean"),
    h("dl", {}, WORDS.map(([word, meaning]) => h("div", {}, h("dt", {}, word), h("dd", {}, meaning)))));
