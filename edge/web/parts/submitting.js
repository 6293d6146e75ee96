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

/** Says why something failed in `node`, or in `toast` if the user has closed its form meanwhile. */
export function tell(node, sentence, toast) {
  if (node.parentNode.checkVisibility()) node.textContent = sentence;
  else toast.show(sentence);
}

/**
 * The same, with the outcome in `said`: the sentence returned by `act`, or by `inWords(error)` as in
 * `tell`.
 */
export function submittingWith(said, button, act, inWords, toast) {
  return submitting(
    button,
    async () => {
      said.classList.remove("error");
      said.textContent = await act();
    },
    (error) => {
      said.classList.add("error");
      tell(said, inWords(error), toast);
    },
  );
}
