// Waiting for a state, with a deadline that says what was seen last.

/** Asks again until the answer is truthy, and answers it. An error of `ask` counts as "not yet" until the deadline. */
export async function until(what, ask, ms = 15_000) {
  const deadline = Date.now() + ms;
  let last;
  for (;;) {
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`not within ${ms / 1000} s: ${what}; last: ${last instanceof Error ? last.message : JSON.stringify(last)}`);
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
}
