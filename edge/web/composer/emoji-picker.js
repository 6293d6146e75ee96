/**
 * A small layer to pick an emoji: the most used ones, and all others by name.
 */
import { isComposing } from "../parts/composing.js";
import { element } from "../parts/element.js";
import { openLayer } from "../parts/menu.js";
import { refusalInWords } from "../text/words.js";

/** `choose(emoji)` is called with the pick; `use` is an `EmojiUse`. */
export function openEmojiPicker({ anchor, layers, use, choose }) {
  let asked = 0;
  let shown; // a promise of what the text finds
  const grid = element("div", {
    class: "emoji-grid", onkeydown: (event) => changeRow(event, grid, field),
  });
  const said = element("p", { class: "hint", role: "status" });
  const button = ([emoji, name]) => element(
    "button",
    {
      type: "button", title: name, "aria-label": name || undefined,
      onclick: () => {
        layer.close();
        use.count(emoji);
        choose(emoji);
      },
    },
    emoji,
  );
  const show = async () => {
    asked += 1;
    const mine = asked;
    const text = field.value.trim();
    let sentence = "No matches";
    const found = text === "" ? use.often.map((emoji) => [emoji, ""])
      : await use.find(text).catch((error) => {
        sentence = refusalInWords(error);
        return [];
      });
    if (mine !== asked) return; // a later search is in progress
    grid.replaceChildren(...found.map(button));
    said.textContent = found.length === 0 ? sentence : "";
  };
  const field = element("input", {
    class: "input", "aria-label": "Find an emoji", placeholder: "Find an emoji",
    autocomplete: "off", spellcheck: "false", oninput: () => {
      shown = show();
    },
    onkeydown: async (event) => {
      if (isComposing(event)) return;
      if (event.key === "ArrowDown") {
        event.preventDefault();
        grid.firstChild?.focus();
      }
      if (event.key !== "Enter") return;
      event.preventDefault();
      const text = field.value;
      await shown;
      if (field.value === text && field.checkVisibility()) grid.firstChild?.click();
    },
  });
  const layer = openLayer(
    { label: "Emoji", role: "dialog", anchor, layers },
    element("div", { class: "inset" }, field),
    grid,
    said,
  );
  field.focus();
  shown = show();
}

/** Up and down; along a row, the keys of a menu lead. */
function changeRow(event, grid, field) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  event.stopPropagation();
  const all = [...grid.children];
  const columns = all.filter(({ offsetTop }) => offsetTop === all[0].offsetTop).length;
  const next = all.indexOf(document.activeElement) + by * columns;
  if (next < 0) field.focus();
  else all[next]?.focus();
}
