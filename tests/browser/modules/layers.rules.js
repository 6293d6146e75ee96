import { Layers } from "/web/parts/layers.js";
import { rule, same } from "./checks.js";

/** Layers of a page that use this page's browser history, and the closed ones. */
function parts() {
  const closed = [];
  const layers = new Layers({ go: () => {} });
  const moved = () => new Promise((resolve) => {
    addEventListener("popstate", ({ state }) => {
      layers.moved(state);
      resolve();
    }, { once: true });
  });
  const open = (name) => {
    const close = () => closed.push(name);
    layers.opened(close);
    return close;
  };
  return { layers, closed, moved, open };
}

rule("going back closes the topmost layer and nothing else", async () => {
  const { closed, moved, open } = parts();
  open("sheet");
  open("menu");
  const gone = moved();
  history.back();
  await gone;
  same(closed, ["menu"]);
});

rule("a layer that closes by its own button takes its step of the history back", async () => {
  const { layers, closed, moved, open } = parts();
  const close = open("sheet");
  same(history.state, { layers: 1 });
  const gone = moved();
  layers.closed(close);
  await gone;
  same([closed, history.state], [[], null]);
});

rule("an address takes the place of the layers that are open", () => {
  const { layers, closed, open } = parts();
  open("sheet");
  open("menu");
  const { length } = history;
  layers.goTo("#over");
  same([closed, location.hash, history.length], [["menu", "sheet"], "#over", length]);
});

rule("an address that is gone to before the browser has gone back is gone to all the same", async () => {
  const { layers, moved, open } = parts();
  const close = open("sheet");
  const gone = moved();
  layers.closed(close);
  layers.goTo("#late");
  await gone;
  same(location.hash, "#late");
});

rule("the way back after that leads away from it", async () => {
  const { layers, moved, open } = parts();
  const close = open("sheet");
  const gone = moved();
  layers.closed(close);
  layers.goTo("#later");
  await gone;
  const again = moved();
  history.back();
  await again;
  same(location.hash === "#later", false);
});
