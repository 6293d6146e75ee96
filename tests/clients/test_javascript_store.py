"""What the store file of a Node.js program keeps when its disk is full."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
const { FileStore } = await import(process.argv[2]);
const store = new FileStore(process.argv[3]);
store.put("session", "tokens");
const { appendFileSync } = fs;
fs.appendFileSync = (path, text) => {
  appendFileSync(path, text.slice(0, 5));
  throw new Error("ENOSPC");
};
syncBuiltinESMExports();
try {
  store.put("cursor c", "5");
} catch {
  fs.appendFileSync = appendFileSync;
  syncBuiltinESMExports();
}
store.put("unsent ann c k", "a change");
const next = new FileStore(process.argv[3]);
console.log(next.names("").map((name) => `${name}: ${next.get(name)}`).join(", "));
"""


def test_what_is_kept_after_the_disk_was_full_is_there(tmp_path: Path) -> None:
    """A truncated line does not damage the lines after it."""
    (tmp_path / "program.mjs").write_text(PROGRAM)
    module = ROOT / "clients" / "javascript" / "node" / "index.js"
    done = subprocess.run(
        [str(ROOT / ".ci" / "npx"), "node", "program.mjs", str(module), str(tmp_path / "store")],
        cwd=tmp_path, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.stdout == "session: tokens, unsent ann c k: a change\n", done.stderr
