/**
 * Copying texts.
 */

/** Raises an error if the browser does not allow it. Call it while an event is handled. */
export async function copyText(text) {
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else copyByCommand(text);
}

/** On plain http in a LAN there is no `navigator.clipboard`. */
function copyByCommand(text) {
  let isCopied = false;
  const allow = (event) => event.preventDefault(); // though nothing is selected
  const fill = (event) => {
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
    event.stopImmediatePropagation();
    isCopied = true;
  };
  addEventListener("beforecopy", allow, true);
  addEventListener("copy", fill, true);
  document.execCommand("copy");
  removeEventListener("beforecopy", allow, true);
  removeEventListener("copy", fill, true);
  if (!isCopied) throw new Error("The browser does not copy.");
}
