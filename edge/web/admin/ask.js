/**
 * A confirmation sheet that explains an action beforehand, and why it failed.
 */
import { element } from "../parts/element.js";
import { Sheet } from "../parts/sheet.js";
import { submitting, tell } from "../parts/submitting.js";
import { refused } from "./refusals.js";

/**
 * `content` is above the buttons; `act(sheet)` may be async and raise a refusal, which is shown, in
 * `toast` if the sheet was closed; afterwards the sheet closes, unless `act` returns true.
 */
export function openAsk({ title, yes, isDanger = false, layers, toast, act }, ...content) {
  const error = element("p", { class: "error", role: "alert" });
  const go = element("button", { class: isDanger ? "danger" : "strong" }, yes);
  const form = element(
    "form",
    {
      novalidate: true,
      onsubmit: submitting(
        go,
        async () => {
          error.textContent = "";
          if (!(await act(sheet))) sheet.close();
        },
        (failure) => tell(error, refused(failure), toast),
      ),
    },
    ...content,
    error,
    element(
      "div",
      { class: "line-of" },
      go,
      element("button", { type: "button", class: "quiet", onclick: () => sheet.close() }, "Cancel"),
    ),
  );
  const sheet = new Sheet({ title, layers }, form);
  return sheet;
}
