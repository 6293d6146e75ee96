"""The pages as they are served: their modules bundled into one script per step of their start,
their styles into those of the first view and the others, compressed, under addresses that may be
cached for ever. On disk every module stays a separate file; those of the JavaScript client, on
which the pages are built, are in `clients/javascript` and are served below `client/`.
"""

import gzip
import hashlib
import mimetypes
import posixpath
import re
import string
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from functools import cache
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

WEB_FOLDER: Final = Path(__file__).parent / "web"
CLIENT_FOLDER: Final = Path(__file__).parents[1] / "clients" / "javascript" / "lib"
PAGES: Final = {"/": "index.html", "/admin": "admin/index.html"}
SCRIPTS: Final = {  # each with the one it builds on, which comes first
    "start.js": None, "main.js": "start.js", "talk.js": "main.js", "door.js": "main.js",
    "later.js": "main.js",
}  # fmt: skip
ADMIN_SCRIPTS: Final = {"admin/main.js": None}
# Without state: copying them into each script that needs them costs the first view nothing.
COPIED: Final = frozenset({
    "parts/field.js", "parts/insertion.js", "parts/submitting.js", "text/days.js",
    "text/mentions.js", "text/people-words.js", "text/sizes.js",
})  # fmt: skip
WORKER: Final = "worker.js"
STYLES: Final = ("page.css", "talk.css", "later.css", "admin/admin.css")
WORTH_COMPRESSING_BYTES: Final = 512

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.\.?/(?:[\w-]+/)?[\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function|class|const) (\w+)", re.MULTILINE)
_OTHER_FORM = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
_STYLE_IMPORT = re.compile(r'^@import "(\.\.?/(?:[\w-]+/)?[\w-]+\.css)";\n', re.MULTILINE)
_INDENT = re.compile(r"^[ \t]+|\n(?=\n)", re.MULTILINE)
_QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*"|/(?:[^/\\\n]|\\.)+/[a-z]+')
# After code, where no string or pattern is open: leaving a comment in does no harm.
_REMARK = re.compile(
    r'^((?:[^"`/\n]|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\\n]|\\.)*`|/(?!/))*?)[ \t]+// .*$', re.MULTILINE
)
# Private names in code; a module with a string that looks like one is refused.
_PRIVATE = re.compile(r"(?<=[\s.({\[!])#([A-Za-z]\w*)\b")
_PRIVATE_USE = re.compile(r"this\.#(\w+)")
_STYLE_BREAK = re.compile(r" ?([{};,])\n")
_LAST_END = re.compile(r";\n(?=\})")  # the brace ends the statement, too
_COMMENT = re.compile(r"^[ \t]*(?:/\*.*?\*/|//[^\n]*)[ \t]*\n", re.MULTILINE | re.DOTALL)


class File(NamedTuple):
    """Litestar adds the charset to text media types."""

    body: bytes
    media_type: str
    etag: str
    gzipped: bytes | None = None
    version: str = ""  # of the site; a file requested with this version may be cached for ever


def make_file(body: bytes, media_type: str, version: str = "") -> File:
    """A file with its ETag, compressed if that saves something."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    is_text = media_type.startswith("text/") or media_type.endswith(("json", "xml"))
    gzipped = None
    if is_text and len(body) >= WORTH_COMPRESSING_BYTES:
        gzipped = gzip.compress(body, mtime=0)
    return File(body, media_type, etag, gzipped, version)


def read_site() -> dict[str, File]:
    """Every file of the site by the path under which it is served, and the pages by theirs.

    Raises ValueError if a module is written in a form that cannot be bundled.
    """
    sources = {
        **{
            path.relative_to(WEB_FOLDER).as_posix(): path.read_bytes()
            for path in sorted(WEB_FOLDER.rglob("*"))
            if path.is_file()
        },
        **{f"client/{path.name}": path.read_bytes() for path in sorted(CLIENT_FOLDER.glob("*.js"))},
    }
    texts = {
        name: body.decode() for name, body in sources.items() if name.endswith((".js", ".css"))
    }
    served = {
        **sources,
        **{
            name: text.encode()
            for scripts in (SCRIPTS, ADMIN_SCRIPTS)
            for name, text in join_scripts(texts, scripts).items()
        },
        **{name: join_styles(texts, name).encode() for name in STYLES},
    }
    for read in (_imports_of, _body_of):
        read.cache_clear()  # several scripts needed the same modules; edge needs them no more
    version = hashlib.sha256(b"\0".join(served.values())).hexdigest()[:12]
    for name in PAGES.values():
        text = served[name].decode()
        served[name] = re.sub(r'"(/web/[\w./-]+)"', rf'"\1?v={version}"', text).encode()
    files = {
        f"/web/{name}": make_file(
            body, mimetypes.guess_type(name)[0] or "application/octet-stream", version
        )
        for name, body in served.items()
    }
    return {
        **files,
        **{path: files[f"/web/{name}"]._replace(version="") for path, name in PAGES.items()},
        "/web/version": make_file(version.encode(), "text/plain"),
    }


def join_scripts(
    modules: Mapping[str, str],
    entries: Mapping[str, str | None],
    copied: Set[str] = COPIED,
) -> dict[str, str]:
    """Every entry with the modules that it needs. Modules that several entries need are in the
    script that all of them build on and are imported from there, so that each exists once, except
    copied ones."""
    joined = {entry: join_modules(modules, entry) for entry in entries}
    texts = {name: text for own in joined.values() for name, text in own.items()}
    chains = {entry: _chain_of(entry, entries) for entry in entries}
    homes: dict[str, str] = {}  # module -> the entry whose script contains it
    for entry, own in joined.items():
        for name in own:
            so_far = chains[homes.get(name, entry)]
            homes[name] = next(base for base in so_far if base in chains[entry])
    holders = {name: {home} for name, home in homes.items()}
    for name in copied & homes.keys():
        holders[name] = {home for user, home in homes.items() if name in _needed_by(user, modules)}
    taken = {  # (module, the entry that imports it from the script that has it)
        (needed, holder)
        for name in homes
        for needed in _needed_by(name, modules)
        for holder in holders[name] - holders[needed]
    }
    given = {name for name, _ in taken}
    scripts: dict[str, str] = {}
    for entry, (_, *bases) in chains.items():
        names = [name for name in homes if entry in holders[name] and name != entry]
        scripts[entry] = (
            "".join(
                _take_shared(
                    base, [one for one in homes if base in holders[one] and (one, entry) in taken]
                )
                for base in reversed(bases)
            )
            + "".join(texts[name] for name in (*names, entry))
            + _give([name for name in names if name in given])
        )
    return scripts


def _chain_of(entry: str, entries: Mapping[str, str | None]) -> list[str]:
    """The entry and those that it builds on, the lowest last."""
    chain = [entry]
    while base := entries[chain[-1]]:
        chain.append(base)
    return chain


def _needed_by(name: str, modules: Mapping[str, str]) -> list[str]:
    return [_resolve(name, path) for _, path in _imports_of(modules[name])]


@cache
def _imports_of(module: str) -> list[tuple[str, str]]:
    """The names in each of its imports, and the path."""
    return _IMPORT.findall(module)


def _take_shared(script: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    # The same address as in the page, or it would be a second instance.
    shared = f"(await import(`./{script}${{new URL(import.meta.url).search}}`)).$shared"
    return f"const {{ {_variables(names)} }} = {shared};\n"


def _give(names: Sequence[str]) -> str:
    return f"export const $shared = {{ {_variables(names)} }};\n" if names else ""


def join_modules(modules: Mapping[str, str], entry: str) -> dict[str, str]:
    """The entry and every module that it needs, in order of dependency: each becomes a function
    that is called once and returns what others import; the entry stays as it is.

    Only `import {…} from` a relative path at the top and `export` before a declaration are
    understood, and no multi-line strings, which is all that the page uses: ValueError for any other
    form.
    """
    done: dict[str, str] = {}
    wanted = {
        (_resolve(name, needed), one.split(" as ")[0].strip())
        for name, text in modules.items()
        for names, needed in _imports_of(text)
        for one in names.split(",")
    }

    def join(name: str, waiting: tuple[str, ...]) -> None:
        if name in done:
            return
        if name in waiting:
            raise ValueError(f"{name} imports itself over {' and '.join(waiting)}")
        for needed in _needed_by(name, modules):
            join(needed, (*waiting, name))
        body = _body_of(name, modules[name])
        done[name] = body if name == entry else _wrap(name, body, wanted)

    join(entry, ())
    return done


@cache
def _body_of(name: str, module: str) -> str:
    """Without comments, indentation and the last semicolon of a block, its imports as constants."""
    text = _REMARK.sub(r"\1", _INDENT.sub("", _COMMENT.sub("", module)))
    text = _LAST_END.sub("\n", text)
    if any(line.count("`") % 2 for line in _QUOTED.sub("", text).splitlines()):
        raise ValueError(f"{name} cannot be joined: it has a string of several lines")
    body = _IMPORT.sub(lambda found: _take(found[1], _resolve(name, found[2])), text)
    return _shorten(name, body)


def _shorten(name: str, body: str) -> str:
    """Shortens private names to a letter or two, the shortest for the most frequent: nothing
    outside the module sees them."""
    used = [private for private, _ in Counter(_PRIVATE_USE.findall(body)).most_common()]
    short = dict(zip(used, _short_names(), strict=False))
    if any(found in short for text in _QUOTED.findall(body) for found in _PRIVATE.findall(text)):
        raise ValueError(f"{name} cannot be joined: a string has one of its private names")
    return _PRIVATE.sub(lambda found: f"#{short.get(found[1], found[1])}", body)


def _short_names() -> Iterator[str]:
    yield from string.ascii_letters
    for two in product(string.ascii_letters, repeat=2):
        yield "".join(two)


def _wrap(name: str, body: str, wanted: Collection[tuple[str, str]]) -> str:
    given = [found[1] for found in _EXPORT.findall(body) if (name, found[1]) in wanted]
    body = _EXPORT.sub(r"\1 \2", body)
    if (other := _OTHER_FORM.search(body)) is not None:
        raise ValueError(f"{name} cannot be joined: {other[0]}")
    body = body.lstrip("\n")
    return f"const {_variable(name)} = (() => {{\n{body}return {{ {', '.join(given)} }};\n}})();\n"


def join_styles(styles: Mapping[str, str], entry: str) -> str:
    """The entry with its imports in their places, without comments, indentation and most line
    breaks."""
    joined = _STYLE_IMPORT.sub(lambda found: styles[_resolve(entry, found[1])], styles[entry])
    lines = _INDENT.sub("", re.sub(r"/\*.*?\*/\s*", "", joined, flags=re.DOTALL))
    return _STYLE_BREAK.sub(r"\1", lines)


def _resolve(name: str, path: str) -> str:
    """The file that a relative path names in another file."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


def _take(names: str, module: str) -> str:
    taken = ", ".join(
        re.sub(r"(\w+) as (\w+)", r"\1: \2", name.strip())
        for name in names.split(",")
        if name.strip()
    )
    return f"const {{ {taken} }} = {_variable(module)};\n"


def _variables(modules: Iterable[str]) -> str:
    return ", ".join(map(_variable, modules))


def _variable(module: str) -> str:
    return "$" + re.sub(r"\W", "_", module.removesuffix(".js"))
