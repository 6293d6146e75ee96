/**
 * Loads the page's modules, and all of it again when one of them did not come: a phone that changes
 * its network while the page loads must not be left with an empty one.
 */

const RELOAD_MS = 2_000;

async function load() {
  try {
    // The same version of both: the address of this one names it.
    return await import(`./main.js${new URL(import.meta.url).search}`);
  } catch {
    const said = "Hubbub cannot be reached. Trying again.";
    document.getElementById("page").replaceChildren(said);
    setTimeout(() => location.reload(), RELOAD_MS);
    return null;
  }
}

const main = await load();
await main?.start();
