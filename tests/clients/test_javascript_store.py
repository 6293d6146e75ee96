"""The store file of a Node.js program."""

import subprocess
from pathlib import Path

import pytest
from hubbub_client import FileStore

ROOT = Path(__file__).parents[2]
FULL_DISK = """
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
OPEN = """
const { FileStore } = await import(process.argv[2]);
try {
  const store = new FileStore(process.argv[3]);
  store.put("b", "2");
  console.log(store.names("").join(" "));
} catch (error) {
  console.log(error.message);
}
"""


def _run(program: str, store: Path) -> str:
    """The output of a program that gets the module and the path of a store."""
    (store.parent / "program.mjs").write_text(program)
    module = ROOT / "clients" / "javascript" / "node" / "index.js"
    done = subprocess.run(
        [str(ROOT / ".ci" / "npx"), "node", "program.mjs", str(module), str(store)],
        cwd=store.parent, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_kept_after_the_disk_was_full_is_there(tmp_path: Path) -> None:
    """A truncated line does not damage the lines after it."""
    assert _run(FULL_DISK, tmp_path / "store") == "session: tokens, unsent ann c k: a change\n"


@pytest.mark.parametrize("text", ["", "Some notes.\n", '{"a": 1}', "[1]"])
def test_a_file_of_another_kind_is_refused_unchanged(text: str, tmp_path: Path) -> None:
    """The path may be a mistake, or the store of a Python program with the same environment."""
    path = tmp_path / "store"
    path.write_text(text)
    if text == "":
        python = FileStore(path)
        python.put("session", b"tokens")
        python.close()
    before = path.read_bytes()
    said = _run(OPEN, path)
    assert said.startswith(f"Choose another file than {path}, which is not a store")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "names"), [("", "b"), ("[", "b"), ('\n["a","1"]\n', "a b"), ('["a"\n["c","3"]', "c b")]
)
def test_a_file_whose_first_line_a_crash_cut_short_is_a_store(
    text: str, names: str, tmp_path: Path
) -> None:
    """Wherever it was cut."""
    (tmp_path / "store").write_text(text)
    assert _run(OPEN, tmp_path / "store") == f"{names}\n"
