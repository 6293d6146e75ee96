/**
 * The page as an app of this browser: its service worker.
 */

/** The one script that is ever made from a text. */
const PATH = `/web/worker.js${new URL(import.meta.url).search}`;
const POLICY = globalThis.trustedTypes?.createPolicy("worker", { createScriptURL: () => PATH });

/** Its registration; null where a browser has none, as on plain http: the page works without. */
export async function registerWorker() {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return null;
  try {
    await serviceWorker.register(POLICY?.createScriptURL("") ?? PATH, { scope: "/" });
    return await serviceWorker.ready; // before that it shows no notification
  } catch {
    return null; // no server, or a browser that keeps nothing: the next start tries again
  }
}
