// The filters of the live list: a segment or a customer, in the address. A customer is in one segment, so one filter replaces the other.

import { h } from "../dom.js";
import { knownSlugs, segment } from "../segments.js";

/** `onChange({segment, customer})`, null where there is no filter. */
export function createFilters({ onChange }) {
  const slug = h("select", { on: { change: () => onChange({ segment: slug.value || null, customer: null }) } });
  const customer = h("input", { type: "search", inputmode: "numeric", autocomplete: "off", spellcheck: "false", maxlength: "19", placeholder: "all", size: "10" });
  const refusal = h("span", { class: "small refusal", role: "alert" });
  const form = h("form", { class: "filters", on: { submit } },
    h("label", { class: "field" }, "Segment", slug), h("label", { class: "field" }, "Customer", customer), refusal);
  customer.addEventListener("search", submit);
  customer.addEventListener("change", submit);

  let last = null;
  function submit(event) {
    event.preventDefault();
    const text = customer.value.trim();
    const wrong = text !== "" && !/^\d{1,19}$/.test(text);
    refusal.textContent = wrong ? "A customer number is a whole number." : "";
    customer.setAttribute("aria-invalid", String(wrong));
    if (wrong || text === last) return;
    onChange({ customer: text || null, segment: null });
  }

  return {
    root: form,
    show({ segment: chosen = null, customer: id = null }) {
      const slugs = knownSlugs();
      if (chosen && !slugs.includes(chosen)) slugs.push(chosen);
      slug.replaceChildren(h("option", { value: "" }, "all"), ...slugs.map((each) => h("option", { value: each, selected: each === chosen }, segment(each).name)));
      last = id ?? "";
      customer.value = last;
      refusal.textContent = "";
    },
  };
}
