import { excerptOf } from "/web/finder/found-message.js";
import { cutAt, findIn, piecesOf, wantedBy } from "/web/text/found-words.js";
import { rule, same } from "./checks.js";

/** The text with its matches in brackets; null if it does not contain all search words. */
function shown(text, typed) {
  const { ranges, isAll } = findIn(text, wantedBy(typed));
  const parts = cutAt(text, ranges);
  return isAll ? parts.map((one) => (one.isMarked ? `[${one.text}]` : one.text)).join("") : null;
}

rule("words are the same as the server's, in every case that both are held to", async () => {
  for (const { text, words } of await (await fetch("/cases/word_cases.json")).json()) {
    same([text, piecesOf(text).map((piece) => piece.text)], [text, words]);
  }
});

rule("all words must be there, in any order; the last one also as a beginning", () => {
  same(shown("The garden is ours", "ours gard"), "The [gard]en is [ours]");
  same(shown("The garden is ours", "gard ours"), null);
  same(shown("The garden is ours", "den"), null);
  same(shown("The garden is ours", "garden party"), null);
});

rule("case, accents, width and joined letters make no difference, and marks keep the text", () => {
  same(shown("Die STRASSE am Café", "straße cafe"), "Die [STRASSE] am [Café]");
  same(shown("Die Straße", "STRAS"), "Die [Straß]e");
  same(shown("Łódź, ærlig", "lodz ae"), "[Łódź], [æ]rlig");
  same(shown("cafe\u0301s", "cafe"), "[cafe\u0301]s");
  same(shown("ＡＢＣ abc", "abc"), "[ＡＢＣ] [abc]");
});

rule("what stands in quotes stands side by side, and an open quote ends with the text", () => {
  same(shown("red garden, garden red", '"garden red"'), "red garden, [garden red]");
  same(shown("the garden gate", '"garden gate'), "the [garden gate]");
  same(shown("the garden gates", '"garden gate"'), null);
  same(shown("the garden gate opens", '\u201cgarden gate\u201d op'), "the [garden gate] [op]ens");
});

rule("scripts without spaces are found wherever they stand as typed", () => {
  same(shown("我住在東京都", "東京"), "我住在[東京]都");
  same(shown("東京Tower", "京tow"), "東[京Tow]er");
  same(shown("สวัสดีครับ", "ครับ"), "สวัสดี[ครับ]");
});

rule("nothing that is typed is special, and without a letter or digit nothing is wanted", () => {
  for (const typed of ["", "  ", "🎉", '"', "-- *()&|!:", "\\", "\u0301"]) same(wantedBy(typed), []);
  same(shown("a | b", "a | !b:*"), "[a] | [b]");
});

rule("an excerpt begins shortly before the first word and cuts no character", () => {
  const text = `${"🎉".repeat(40)} word ${"x".repeat(300)} garden ${"🎶".repeat(300)}`;
  const parts = excerptOf({ message: text }, wantedBy("garden"));
  same(parts.filter((one) => one.isMarked), [{ text: "garden", isMarked: true }]);
  same(parts[0], { text: "…", isMarked: false });
  same(parts.map((one) => one.text).join("").isWellFormed(), true);
  same(
    excerptOf({ message: "short garden" }, wantedBy("nothing")),
    [{ text: "short garden", isMarked: false }],
  );
});

rule("an excerpt names the files where not all that is wanted is in the text", () => {
  const attachments = [{ name: "garden plan.pdf" }, { name: "gate.png" }];
  const excerpt = (message, typed) => excerptOf({ message, attachments }, wantedBy(typed))
    .map(({ text, isMarked }) => (isMarked ? `[${text}]` : text)).join("");
  same(excerpt("", "plan"), "garden [plan].pdf · gate.png");
  same(excerpt("The **new** one", "new gate"), "The [new] one · garden plan.pdf · [gate].png");
  same(excerpt("The plan", "plan"), "The [plan]");
});
