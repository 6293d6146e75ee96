"""The page's modules and styles as one file each."""

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.site import (
    CLIENT_FOLDER,
    WEB_FOLDER,
    join_modules,
    join_scripts,
    join_styles,
    make_file,
    read_site,
)


def test_modules_are_joined_in_the_order_in_which_they_need_each_other() -> None:
    """Each module once, before those that import it, with its exports under the imported names."""
    joined = join_modules(
        {
            "main.js": 'import { b } from "./b.js";\nimport { a as one } from "./a.js";\n'
            "export function start() {\n  return b + one;\n}\n",
            "b.js": 'import {\n  a,\n} from "./a.js";\n// why\nexport const b = a + 1;\n',
            "a.js": "/** What it is. */\nexport const a = 1;\n",
        },
        "main.js",
    )
    assert "".join(joined.values()) == (
        "const $a = (() => {\nconst a = 1;\nreturn { a };\n})();\n"
        "const $b = (() => {\nconst { a } = $a;\nconst b = a + 1;\nreturn { b };\n})();\n"
        "const { b } = $b;\nconst { a: one } = $a;\n"
        "export function start() {\nreturn b + one\n}\n"
    )


def test_comments_are_left_out_and_what_looks_like_one_stays() -> None:
    """Before and after code; not in strings, templates and regular expressions."""
    joined = join_modules(
        {
            "main.js": "/** What it is. */\nexport const a = 1; // why\n  // whole\n"
            'const b = "x // y"; // z\nconst c = `${a} // "`;\nconst d = /"/u.test("// ");\n'
        },
        "main.js",
    )
    assert joined["main.js"] == (
        'export const a = 1;\nconst b = "x // y";\nconst c = `${a} // "`;\n'
        'const d = /"/u.test("// ");\n'
    )


def test_private_names_are_as_short_as_can_be() -> None:
    """Private members of a class are shortened per module; what only looks like one stays."""
    joined = join_modules(
        {
            "main.js": "class A {\n  #once = 1;\n  #often;\n  get() {\n"
            '    return this.#often(this.#often, "#often", `${this.#once} #x`);\n  }\n}\n'
        },
        "main.js",
    )
    assert joined["main.js"] == (
        "class A {\n#b = 1;\n#a;\nget() {\n"
        'return this.#a(this.#a, "#often", `${this.#b} #x`)\n}\n}\n'
    )


@pytest.mark.parametrize(
    "text",
    [
        'class A {\n  #a = " #a";\n  b() {\n    return this.#a;\n  }\n}\n',
        "export default 1;\n",
        'import * as all from "./a.js";\n',
        "export { x };\n",
        "const a = `\n`;\n",
    ],
)
def test_a_form_that_cannot_be_joined_is_refused(text: str) -> None:
    """The error appears when edge starts instead of in a browser."""
    with pytest.raises(ValueError, match=r"b\.js cannot be joined"):
        join_modules({"main.js": 'import { b } from "./b.js";\n', "b.js": text}, "main.js")


def test_modules_that_need_each_other_are_refused() -> None:
    """There is no order in which modules with circular imports could be joined."""
    modules = {"main.js": 'import { b } from "./b.js";\n', "b.js": 'import { c } from "./c.js";\n',
               "c.js": 'import { b } from "./b.js";\n'}  # fmt: skip
    with pytest.raises(ValueError, match=r"b\.js imports itself"):
        join_modules(modules, "main.js")


def test_a_script_takes_from_those_on_which_it_builds_what_they_have() -> None:
    """There is one instance of every module: what two scripts need is in the base script of both,
    even if that does not need it itself."""
    scripts = join_scripts(
        {
            "start.js": 'import { a } from "./a.js";\na();\n',
            "main.js": 'import { c } from "./c.js";\nexport const start = c;\n',
            "door.js": 'import { d } from "./d.js";\nexport const door = d;\n',
            "later.js": 'import { b } from "./b.js";\nexport const later = b;\n',
            "d.js": 'import { c } from "./c.js";\nexport const d = c;\n',
            "c.js": "export const c = 1;\n",
            "b.js": 'import { a } from "./a.js";\nimport { d } from "./d.js";\n'
            "export const b = a + d;\n",
            "a.js": "export const a = {};\n",
        },
        {"start.js": None, "main.js": "start.js", "door.js": "main.js", "later.js": "main.js"},
    )
    assert scripts["start.js"].endswith("a();\nexport const $shared = { $a };\n")
    assert scripts["main.js"].splitlines() == [
        "const $c = (() => {", "const c = 1;", "return { c };", "})();",
        "const $d = (() => {", "const { c } = $c;", "const d = c;", "return { d };", "})();",
        "const { c } = $c;", "export const start = c;", "export const $shared = { $d };",
    ]  # fmt: skip
    assert scripts["door.js"].splitlines() == [
        f"const {{ $d }} = {_shared('main.js')}", "const { d } = $d;", "export const door = d;",
    ]  # fmt: skip
    assert scripts["later.js"].splitlines() == [
        f"const {{ $a }} = {_shared('start.js')}", f"const {{ $d }} = {_shared('main.js')}",
        "const $b = (() => {", "const { a } = $a;", "const { d } = $d;", "const b = a + d;",
        "return { b };", "})();", "const { b } = $b;", "export const later = b;",
    ]  # fmt: skip


def test_a_module_that_is_copied_is_in_every_script_that_needs_it() -> None:
    """And not in the base script, which every first view loads."""
    scripts = join_scripts(
        {
            "main.js": "export const start = 1;\n",
            "door.js": 'import { d } from "./d.js";\nexport const door = d;\n',
            "later.js": 'import { d } from "./d.js";\nexport const later = d;\n',
            "d.js": "export const d = 1;\n",
        },
        {"main.js": None, "door.js": "main.js", "later.js": "main.js"},
        copied={"d.js"},
    )
    assert scripts["main.js"] == "export const start = 1;\n"
    for name in ("door", "later"):
        assert scripts[f"{name}.js"].splitlines() == [
            "const $d = (() => {", "const d = 1;", "return { d };", "})();",
            "const { d } = $d;", f"export const {name} = d;",
        ]  # fmt: skip


def _shared(script: str) -> str:
    return f"(await import(`./{script}${{new URL(import.meta.url).search}}`)).$shared;"


def test_styles_are_joined_in_the_order_of_the_imports() -> None:
    """Without their comments and the breaks of their lines."""
    styles = {"page.css": '@import "./a.css";\n@import "./b.css";\n',
              "a.css": "/* x */\na,\nb {\n  order: 1;\n}\n", "b.css": "b {}\n"}  # fmt: skip
    assert join_styles(styles, "page.css") == "a,b{order: 1;}b {}"


def test_modules_and_styles_of_a_folder_take_those_above_it() -> None:
    """By the path in their imports, and under a name of their own."""
    modules = {
        "admin/main.js": 'import { a } from "../a.js";\nimport { b } from "./b.js";\na(b);\n',
        "admin/b.js": "export const b = 1;\n",
        "a.js": "export const a = {};\n",
        "b.js": "export const b = 2;\n",
    }
    assert "".join(join_modules(modules, "admin/main.js").values()) == (
        "const $a = (() => {\nconst a = {};\nreturn { a };\n})();\n"
        "const $admin_b = (() => {\nconst b = 1;\nreturn { b };\n})();\n"
        "const { a } = $a;\nconst { b } = $admin_b;\na(b);\n"
    )
    styles = {"admin/x.css": '@import "../a.css";\n@import "./b.css";\n', "a.css": "a {}\n",
              "admin/b.css": "b {}\n"}  # fmt: skip
    assert join_styles(styles, "admin/x.css") == "a {}b {}"


def find_node() -> str | None:
    """Node, if it is installed."""
    return shutil.which("node")


def test_a_page_is_one_script_and_one_style(tmp_path: Path) -> None:
    """Edge serves each page with a script that a JavaScript engine can parse; every file that a
    page names exists and carries the version of the whole."""
    site = read_site()
    for name in ("start", "main", "talk", "door", "later", "admin/main"):
        script = tmp_path / f"{name.replace('/', '-')}.mjs"
        script.write_bytes(site[f"/web/{name}.js"].body)
        if node := find_node():
            subprocess.run([node, "--check", str(script)], check=True)
    for path, styles in (("/", "page.css"), ("/admin", "admin/admin.css")):
        assert b"@import" not in site[f"/web/{styles}"].body
        named = re.findall(r'"(/web/[^"]+)"', site[path].body.decode())
        assert len(named) >= 3
        assert {name.partition("?v=")[2] for name in named} == {site["/web/main.js"].version}
        assert {name.partition("?")[0] for name in named} <= site.keys()


def test_other_pages_take_the_client_as_it_is() -> None:
    """Each module of the client is served by itself, unchanged."""
    site = read_site()
    for path in CLIENT_FOLDER.glob("*.js"):
        served = site[f"/web/client/{path.name}"]
        assert served.body == path.read_bytes()
        assert "javascript" in served.media_type


def test_the_pages_draw_the_same_icons() -> None:
    """An icon of one page looks the same on the other."""
    drawn = [
        dict(re.findall(r'<symbol id="([\w-]+)"(.*?)</symbol>', (WEB_FOLDER / name).read_text()))
        for name in ("index.html", "admin/index.html")
    ]
    both = drawn[0].keys() & drawn[1].keys()
    assert len(both) >= 5
    assert [name for name in both if drawn[0][name] != drawn[1][name]] == []


def test_the_page_is_small() -> None:
    """A first view loads less than 50 kB, compressed."""
    site = read_site()
    names = ("/", "/web/start.js", "/web/main.js", "/web/page.css", "/web/mark.svg")
    assert sum(len(site[name].gzipped or site[name].body) for name in names) < 50_000


def test_text_is_compressed_and_what_is_small_is_not() -> None:
    """Compression would enlarge a file of a few bytes."""
    long = make_file(b"x" * 600, "text/css")
    assert gzip.decompress(long.gzipped or b"") == long.body
    assert make_file(b"x", "text/css").gzipped is None
    assert make_file(b"x" * 600, "image/png").gzipped is None
