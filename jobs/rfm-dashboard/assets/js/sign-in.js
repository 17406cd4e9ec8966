// The sign-in form in place of the content. Which fields it has is the server's word; the address stays as it is.

import { session, signIn } from "./api.js";
import { h, replace } from "./dom.js";

/** `auth`: "token" or "password". `onDone(session)` when the server has let us in. */
export function showSignIn(parent, auth, onDone) {
  const fields = auth === "password"
    ? [field("user", "User", { autocomplete: "username", type: "text" }), field("password", "Password", { autocomplete: "current-password", type: "password" })]
    : [field("token", "Token", { autocomplete: "current-password", type: "password" })];
  const failure = h("p", { class: "notice error", role: "alert", hidden: true });
  const button = h("button", { class: "button main", type: "submit" }, "Sign in");
  const form = h("form", { on: { submit } }, fields.map(({ label }) => label), failure, button);
  replace(parent, h("section", { class: "sign-in", "aria-labelledby": "sign-in-title" },
    h("h1", { id: "sign-in-title" }, "Sign in"),
    h("p", { class: "muted" }, "The customer data behind this page is not public."),
    form));
  fields[0].input.focus();

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    failure.hidden = true;
    try {
      await signIn(Object.fromEntries(fields.map(({ name, input }) => [name, input.value])));
      onDone(await session());
    } catch (error) {
      failure.textContent = error.message;
      failure.hidden = false;
      const last = fields[fields.length - 1].input;
      last.value = "";
      last.focus();
    } finally {
      button.disabled = false;
    }
  }
}

function field(name, text, attributes) {
  const input = h("input", { name, required: true, maxlength: "1024", ...attributes });
  return { name, input, label: h("label", {}, text, input) };
}
