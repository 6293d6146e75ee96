/**
 * A sparkline of the last values.
 */

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 160;
const HEIGHT = 32;
const MARGIN = 2;

/**
 * `values` from the oldest to the newest; the baseline is 0. Decorative: the last value is also
 * given in words.
 */
export function spark(values) {
  const node = shape("svg", {
    class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  if (values.length < 2) return node;
  const highest = Math.max(...values, 1);
  const points = values.map((value, n) => [
    ((n / (values.length - 1)) * WIDTH).toFixed(1),
    (HEIGHT - MARGIN - (value / highest) * (HEIGHT - 2 * MARGIN)).toFixed(1),
  ].join(","));
  node.append(
    shape("polygon", {
      class: "under", points: [`0,${HEIGHT}`, ...points, `${WIDTH},${HEIGHT}`].join(" "),
    }),
    shape("polyline", { class: "stroke", points: points.join(" ") }),
  );
  return node;
}

function shape(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
