/**
 * The page as an installable app: its service worker.
 */

/** The only script address ever created from a string. */
const PATH = `/web/worker.js${new URL(import.meta.url).search}`;
const POLICY = globalThis.trustedTypes?.createPolicy("worker", { createScriptURL: () => PATH });

/** Its registration; null if the browser has none, as on plain http: the page works without. */
export async function registerWorker() {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return null;
  try {
    await serviceWorker.register(POLICY?.createScriptURL("") ?? PATH, { scope: "/" });
    return await serviceWorker.ready; // before that it cannot show notifications
  } catch {
    return null; // no server, or no storage: the next start tries again
  }
}
