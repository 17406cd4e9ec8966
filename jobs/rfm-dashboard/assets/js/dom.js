// Elements from code. Text goes in as text nodes only: nothing in this page parses strings as markup.

const SVG = "http://www.w3.org/2000/svg";

/** Makes an element. `props`: attributes; `class`; `on` = {event: handler}; `style` = {property: value}; a null value is left out. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    } else if (name === "style") {
      // Through the object model: the policy refuses style attributes.
      for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Writes text only where it differs, so that an unchanged live value costs no layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

export function replace(parent, ...children) {
  parent.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
}

/** A two-state or more switch: buttons of which one is pressed. `options`: [[value, text, name?]]. */
export function segmentedSwitch(label, options, value, onChange) {
  const buttons = options.map(([option, text, name]) =>
    h("button", { type: "button", "aria-label": name, title: name, "data-value": option, on: { click: () => choose(option, true) } }, text),
  );
  const root = h("div", { class: "segmented", role: "group", "aria-label": label }, buttons);
  function choose(next, tell) {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.value === next));
    if (tell) onChange(next);
  }
  choose(value, false);
  return { root, set: (next) => choose(next, false) };
}

/** The colour that a CSS custom property has here and now, for canvases. */
export function colourOf(property) {
  const probe = h("span", { hidden: true, style: { color: `var(${property})` } });
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}
