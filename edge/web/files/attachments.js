/**
 * The files of a message as nodes: pictures with reserved space, players, and everything else by
 * name.
 */
import { element } from "../parts/element.js";
import { icon } from "../parts/icons.js";
import { kindAndSize } from "../text/sizes.js";

const MOST_PX = { width: 360, height: 280 };
const AGAIN_MS = 5_000;

/**
 * `files` are those of a stored message; `acts` is `{link(file), view(file)}`: a promise of `{url,
 * previewUrl}` or null, and showing the picture at full size.
 */
export function attachmentsOf(files, acts) {
  const nodes = files.map((file) => {
    if (file.preview && file.width) return pictureOf(file, acts);
    if (/^(audio|video)\//u.test(file.type)) return playerOf(file, acts);
    return fileOf(file, acts);
  });
  return element("div", { class: "files stored" }, ...nodes);
}

/** The files of an unsent message: by name. */
export function unsentFiles(files) {
  return element("div", { class: "files" }, ...files.map((file) => frameOf(file, null)));
}

function pictureOf(file, acts) {
  const { width, height } = fitting(file);
  const image = element("img", { width, height, alt: file.name, loading: "lazy" });
  const node = element(
    "button",
    { class: "picture", type: "button", title: file.name, "aria-label": `Picture ${file.name}`,
      onclick: () => acts.view(file) },
    image,
  );
  const missing = fileOf(file, acts, "Cannot be shown now");
  const show = async () => {
    const link = await acts.link(file);
    if (link) {
      image.src = link.previewUrl ?? link.url;
      missing.replaceWith(node);
      return;
    }
    node.replaceWith(missing);
    setTimeout(() => missing.isConnected && show(), AGAIN_MS); // perhaps there was no connection
  };
  let isAgain = false;
  image.addEventListener("error", () => {
    if (isAgain) node.replaceWith(fileOf(file, acts, "Cannot be shown"));
    else show();
    isAgain = true;
  });
  whenNear(node, show);
  return node;
}

function playerOf(file, acts) {
  const tag = file.type.startsWith("audio/") ? "audio" : "video";
  const show = async () => {
    const link = await acts.link(file);
    if (!link || player.getAttribute("src") === link.url) return;
    const { currentTime, paused } = player;
    player.src = link.url;
    player.currentTime = currentTime;
    if (!paused) player.play().catch(() => {}); // ignored if it was paused meanwhile
  };
  const player = element(tag, {
    controls: true, preload: "none", "aria-label": file.name,
    onerror: show, // a link expires after some minutes, even during playback
  });
  whenNear(player, show);
  return element("figure", { class: `player ${tag}` }, player, fileOf(file, acts));
}

function fileOf(file, acts, why) {
  const save = element(
    "button",
    { class: "bare", type: "button", "aria-label": `Download ${file.name}`, title: "Download",
      onclick: async () => {
        const link = await acts.link(file);
        if (link) element("a", { href: link.url, download: file.name }).click();
      } },
    icon("download"),
  );
  return frameOf(file, save, why);
}

function frameOf(file, button, why) {
  return element(
    "div",
    { class: why ? "file broken" : "file" },
    element("span", { class: "kind" }, icon(file.type.startsWith("image/") ? "image" : "file")),
    element("div", { class: "cut" }, element("b", { class: "cut", dir: "auto" }, file.name),
      element("small", {}, why ?? kindAndSize(file))),
    button,
  );
}

/** The size of a picture in the log; never larger than the original. */
export function fitting({ width, height }) {
  const scale = Math.min(1, MOST_PX.width / width, MOST_PX.height / height);
  const scaled = (px) => Math.max(1, Math.round(px * scale));
  return { width: scaled(width), height: scaled(height) };
}

/** Calls once, when the node comes near the visible area. */
function whenNear(node, call) {
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    watch.disconnect();
    call();
  }, { rootMargin: "600px", scrollMargin: "600px" }); // around the window, and in the log
  watch.observe(node);
}
