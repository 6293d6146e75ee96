/** What a form does when it is sent. */

/** Runs `act()` while `button` is disabled; restores its focus afterwards. */
export async function disabledWhile(button, act) {
  const hadFocus = document.activeElement === button;
  button.disabled = true;
  try {
    await act();
  } finally {
    button.disabled = false;
    const isLost = document.activeElement === document.body; // the browser's default
    if (hadFocus && isLost) button.focus({ preventScroll: true });
  }
}

/**
 * A handler of `submit`: `act()`, which may be async, while `button` is disabled. Refusals are
 * passed to `refuse(error)`; other errors propagate.
 */
export function submitting(button, act, refuse) {
  return async (event) => {
    event.preventDefault();
    try {
      await disabledWhile(button, act);
    } catch (error) {
      if (error.code === undefined) throw error;
      refuse(error);
    }
  };
}

/**
 * The same, with the outcome in `said`: the sentence returned by `act`, or by `inWords(error)`.
 */
export function submittingWith(said, button, act, inWords) {
  return submitting(
    button,
    async () => {
      said.classList.remove("error");
      said.textContent = await act();
    },
    (error) => {
      said.classList.add("error");
      said.textContent = inWords(error);
    },
  );
}
