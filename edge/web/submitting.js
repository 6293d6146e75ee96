/** What a form does when it is sent. */

/** Does `act()` while `button` is disabled, which has the focus again afterwards if it had it. */
export async function disabledWhile(button, act) {
  const hadFocus = document.activeElement === button;
  button.disabled = true;
  try {
    await act();
  } finally {
    button.disabled = false;
    const isLost = document.activeElement === document.body; // as the browser leaves it
    if (hadFocus && isLost) button.focus({ preventScroll: true });
  }
}

/**
 * A handler of `submit`: `act()`, which may be async, while `button` is disabled. What the server
 * refuses is handed to `refuse(error)`; any other failure goes on.
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
 * The same where `said` has a sentence of what became of it: the one that `act` gives, or that of
 * `inWords(error)`.
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
