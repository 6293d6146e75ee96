import { fitting } from "/web/files/attachments.js";
import { FileLinks } from "/web/files/file-links.js";
import { placeIn } from "/web/files/picture-place.js";
import { sizeInWords } from "/web/text/sizes.js";
import { StandingClock, rule, same } from "./checks.js";

/** A TIFF header with a directory of these tags, after the marker that introduces it. */
function exif(mark, tags, { isLittle = true } = {}) {
  const view = new DataView(new ArrayBuffer(10 + 12 * tags.length));
  view.setUint16(0, isLittle ? 0x4949 : 0x4d4d);
  view.setUint16(2, 42, isLittle);
  view.setUint32(4, 8, isLittle);
  view.setUint16(8, tags.length, isLittle);
  tags.forEach((tag, n) => view.setUint16(10 + 12 * n, tag, isLittle));
  const begin = [0xff, 0xd8, ...[...mark].map((letter) => letter.charCodeAt(0))];
  return new Uint8Array([...begin, ...new Uint8Array(view.buffer)]).buffer;
}

rule("a picture that says where it was taken is known in each format and order of bytes", () => {
  for (const mark of ["Exif\0\0", "eXIf", "EXIF\0\0\0\0"]) {
    for (const isLittle of [true, false]) {
      same(placeIn(exif(mark, [0x010f, 0x8825], { isLittle })), true);
      same(placeIn(exif(mark, [0x010f, 0x8769], { isLittle })), false);
    }
  }
});

rule("no bytes make it fail", () => {
  same(placeIn(new ArrayBuffer(0)), false);
  const whole = exif("Exif\0\0", [0x010f, 0x8825]);
  for (let length = 0; length < whole.byteLength - 12; length += 1) {
    same(placeIn(whole.slice(0, length)), false);
  }
});

rule("a picture fits its place, keeps its form and is never made larger", () => {
  same(fitting({ width: 4_000, height: 3_000 }), { width: 360, height: 270 });
  same(fitting({ width: 1_000, height: 4_000 }), { width: 70, height: 280 });
  same(fitting({ width: 20, height: 10 }), { width: 20, height: 10 });
  same(fitting({ width: 40_000, height: 10 }), { width: 360, height: 1 });
});

rule("sizes are said in a unit that is easy to read", () => {
  same([1, 999, 1_000, 1_250_000, 25 * 1024 ** 2].map(sizeInWords),
    ["1 byte", "999 bytes", "1 kB", "1.2 MB", "25 MB"]);
});

rule("links are asked for together, used again, and anew before they end or by another clock", async () => {
  const clock = new StandingClock();
  const asked = [];
  const api = {
    fileLinks: async (chat, ids) => {
      asked.push([chat, ids]);
      const links = Object.fromEntries(ids.filter((id) => id !== "gone").map((id) => [id, { url: `/${id}` }]));
      return { links, expiresIn: 600 };
    },
  };
  const links = new FileLinks({ api, clock });
  const both = Promise.all([links.of("c", "a"), links.of("c", "gone"), links.of("c", "a")]);
  await clock.pass(30);
  same((await both).map((link) => link?.url ?? null), ["/a", null, "/a"]);
  same(asked, [["c", ["a", "gone"]]]);
  same((await links.of("c", "a")).url, "/a");
  await clock.pass(560_000);
  const again = links.of("c", "a");
  await clock.pass(30);
  await again;
  same(asked.length, 2);
  clock.putBack(3_600_000);
  const later = links.of("c", "a");
  await clock.pass(30);
  await later;
  same(asked.length, 3);
});
