/**
 * A sheet that says what will happen before it does it, and why it did not.
 */
import { element } from "../element.js";
import { Sheet } from "../sheet.js";
import { submitting } from "../submitting.js";
import { refused } from "./refusals.js";

/**
 * `content` stands above the buttons; `act(sheet)` may be async and raise a refusal, which is said;
 * afterwards the sheet is closed, unless `act` gives true.
 */
export function openAsk({ title, yes, isDanger = false, layers, act }, ...content) {
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
        (failure) => {
          error.textContent = refused(failure);
        },
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
