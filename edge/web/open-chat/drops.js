/**
 * Files dropped onto the open chat, which shows while they are over it that it takes them.
 */

/** `mayTake()`: can anything be attached now? `take(files)` is called with what was dropped. */
export function hearDrops(node, { mayTake, take }) {
  const isForUs = ({ dataTransfer }) => mayTake() && dataTransfer.types.includes("Files");
  node.addEventListener("dragover", (event) => {
    if (!isForUs(event)) return;
    event.preventDefault(); // a file dropped elsewhere would replace the page
    node.classList.add("dropping");
  });
  node.addEventListener("dragleave", ({ relatedTarget }) => {
    if (!node.contains(relatedTarget)) node.classList.remove("dropping");
  });
  node.addEventListener("drop", (event) => {
    node.classList.remove("dropping");
    if (!isForUs(event)) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
}
