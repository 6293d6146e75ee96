/**
 * The user's profile picture: chosen from a file, shown at once, removed. Only the visible square
 * leaves this device, so the location in its metadata does not.
 */
import { avatar, element, lettersOf } from "../parts/element.js";
import { hueOf } from "../text/hues.js";
import { shownName } from "../state/names.js";
import { tell } from "../parts/submitting.js";
import { refusalInWords } from "../text/words.js";

const SIDE_PX = 512;
const PLACE = "/api/user/me/avatar";

/** `onChanged(user)` after a change. */
export function pictureChoice({ api, me, toast, onChanged }) {
  const said = element("p", { class: "outcome", role: "status" });
  const face = element("span", {});
  const doing = (act) => async () => {
    said.textContent = "";
    const sentence = await act().catch((error) => {
      if (error.code === undefined) throw error;
      return refusalInWords(error);
    });
    said.classList.toggle("error", sentence !== "");
    if (sentence !== "") tell(said, sentence, toast);
  };
  const show = (user) => {
    onChanged(user);
    draw();
    return "";
  };
  const chooser = element("input", {
    type: "file", accept: "image/*", hidden: true,
    onchange: doing(async () => {
      const body = await squareOf(chooser.files[0]);
      chooser.value = ""; // the same file may be chosen again
      if (body === null) return "Your browser cannot show this file as a picture.";
      const { avatar: picture } = await api.call("PUT", PLACE, { body, isSafe: true });
      return show({ ...me, avatar: picture });
    }),
  });
  const choose = element("button", { type: "button", onclick: () => chooser.click() });
  const remove = element(
    "button",
    {
      type: "button", class: "quiet",
      onclick: doing(async () => {
        await api.call("DELETE", PLACE, { isSafe: true });
        choose.focus();
        return show({ ...me, avatar: null });
      }),
    },
    "Remove",
  );
  function draw() {
    const { id, avatar: picture } = me;
    const name = lettersOf(shownName(me));
    face.replaceChildren(avatar(hueOf(id), name, { person: true, size: "s64", picture }));
    choose.textContent = picture ? "Change picture" : "Choose a picture";
    remove.hidden = !picture;
  }
  draw();
  return element("div", { class: "line-of own-picture" }, face, chooser, choose, remove, said);
}

/** The middle of a picture as a small file; null if the file is not a picture. */
async function squareOf(file) {
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    return null;
  }
  const { width, height } = picture;
  const side = Math.min(width, height);
  const canvas = element("canvas", { width: SIDE_PX, height: SIDE_PX });
  canvas.getContext("2d").drawImage(
    picture, (width - side) / 2, (height - side) / 2, side, side, 0, 0, SIDE_PX, SIDE_PX,
  );
  return new Promise((resolve) => canvas.toBlob(resolve, "image/webp", 0.9));
}
