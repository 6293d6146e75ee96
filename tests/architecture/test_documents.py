"""README, docs, Makefile and locks are true and name nothing that they should not."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"(?<![\w/.])(?:[a-z_]+/)+[\w-]+\.(?:py|md|sql|js|cfg|json|yml|toml)\b")
# In parts, so that this file does not name them either.
REGISTRIES = ("pypi" + ".org", "python" + "hosted.org", "registry.npm" + "js.org", "npm" + "js.com")


def _text_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def test_the_index_of_decisions_has_each_records_last_date() -> None:
    """Every record is in it, with the date on which it was last decided."""
    row = r"^\| \[([^\]]+)\]\(decisions/([\w-]+)\.md#.* \| ([\d-]+) \|$"
    index = (ROOT / "docs" / "decisions.md").read_text()
    listed = {(page, title): date for title, page, date in re.findall(row, index, re.MULTILINE)}
    record = r"^## (.+)\n\n\*[^*]*?([\d-]+)\*$"
    decided = {
        (page.stem, title): date
        for page in (ROOT / "docs" / "decisions").glob("*.md")
        for title, date in re.findall(record, page.read_text(), re.MULTILINE)
    }
    assert listed == decided


def test_every_link_in_the_documents_leads_somewhere() -> None:
    """Files that pages name exist."""
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in _text_files()
        if page.suffix == ".md"
        for target in LINK.findall(page.read_text())
        if not target.startswith(("http://", "https://", "#", "mailto:"))
        and not (page.parent / target.partition("#")[0]).exists()
    ]
    assert broken == []


def test_every_file_that_is_named_exists() -> None:
    """In pages, comments and docstrings, by its path from the root."""
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()}
    missing = [
        f"{page.relative_to(ROOT)}: {path}"
        for page in _text_files()
        if page.suffix in (".py", ".md", ".sql", ".js", ".yml", ".toml", ".cfg")
        for path in PATH.findall(page.read_text())
        if path.partition("/")[0] in folders and not (ROOT / path).exists()
    ]
    assert missing == []


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_every_link_to_a_heading_finds_it() -> None:
    """Headings that pages link to exist."""
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in _text_files()
        if page.suffix == ".md"
        for target in LINK.findall(page.read_text())
        for name, mark, anchor in [target.partition("#")]
        if mark and not name.startswith(("http://", "https://"))
        for other in [(page.parent / name) if name else page]
        if other.suffix == ".md" and anchor not in _anchors(other)
    ]
    assert broken == []


def test_the_index_of_decisions_has_every_record() -> None:
    """By its heading."""
    page = (ROOT / "docs/decisions.md").read_text()
    index = set(re.findall(r"^\| \[(.+?)\]\(", page, re.MULTILINE))
    missing = [
        f"{area.name}: {heading}"
        for area in sorted((ROOT / "docs/decisions").glob("*.md"))
        for heading in re.findall(r"^## (.+)$", area.read_text(), re.MULTILINE)
        if heading not in index
    ]
    assert missing == []


def test_every_page_says_for_whom_it_is() -> None:
    """In its first lines; decision records link back to their index instead."""
    silent = [
        str(page.relative_to(ROOT))
        for page in _text_files()
        if page.suffix == ".md" and page.parent in (ROOT, ROOT / "docs")
        if page.name != "README.md" or page.parent != ROOT
        if not re.search(r"^For [a-z]", "\n".join(page.read_text().splitlines()[:5]), re.MULTILINE)
    ]
    assert silent == []


def test_every_invariant_that_is_cited_is_defined() -> None:
    """Fault tests and pages cite them by number; docs/reliability.md defines them."""
    defined = set(
        re.findall(r"^\| (I\d+) \|", (ROOT / "docs" / "reliability.md").read_text(), re.MULTILINE)
    )
    cited = {
        number
        for path in (*(ROOT / "tests" / "faults").glob("*.py"), *(ROOT / "docs").glob("*.md"))
        for number in re.findall(r"\bI\d+\b", path.read_text())
    }
    assert cited - defined == set()


def test_every_page_is_in_the_index() -> None:
    """docs/README.md leads to each page of docs/."""
    listed = {(ROOT / "docs" / target).resolve() for target in LINK.findall(
        (ROOT / "docs" / "README.md").read_text()
    )}  # fmt: skip
    assert {page for page in (ROOT / "docs").glob("*.md")} - listed == {ROOT / "docs" / "README.md"}


def test_the_readme_shows_the_folders_that_there_are() -> None:
    """Its table names every top-level folder with tracked files, and no other."""
    rows = re.findall(r"^\| `([a-z]+)/` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    folders = {
        path.relative_to(ROOT).parts[0]
        for path in _text_files()
        if len(path.relative_to(ROOT).parts) > 1
    }
    assert set(rows) == {folder for folder in folders if not folder.startswith(".")}


def test_the_readme_names_the_kinds_of_tests_that_there_are() -> None:
    """One word for each folder under tests/, except fixtures."""
    (row,) = re.findall(r"^\| `tests/` \| (.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    kinds = {
        path.relative_to(ROOT).parts[1]
        for path in _text_files()
        if path.relative_to(ROOT).parts[0] == "tests" and len(path.relative_to(ROOT).parts) > 2
    }
    assert set(re.findall(r"[a-z]+", row)) == kinds - {"fixtures"}


def test_nothing_that_commands_write_here_is_committed() -> None:
    """Of docs/operations.md: settings, secrets, backups, bundles, figures."""
    written = (
        ".env", ".env.before", "backups/a.tar", "data/wal", "deploy/certificates/a.pem",
        "deploy/secrets/edge.key", "hubbub-20260102-030405.tar.gz", "hubbub-upgrade-a1b2c3/a.dump",
    )  # fmt: skip
    done = subprocess.run(
        ["git", "check-ignore", *written], cwd=ROOT, capture_output=True, text=True
    )
    assert set(written) - set(done.stdout.splitlines()) == set()


def test_every_command_of_the_makefile_is_explained() -> None:
    """`make` lists targets from their `##` comments."""
    targets = re.findall(r"^([a-z][a-z-]*):(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets
    assert [name for name, rest in targets if "##" not in rest] == []


def test_pytest_takes_what_the_guide_says() -> None:
    """Folders and options in CONTRIBUTING.md; words in capitals are placeholders."""
    page = re.sub(r"\b[A-Z]+\b", "1", (ROOT / "CONTRIBUTING.md").read_text())
    folders = " ".join(re.findall(r"`\.venv/bin/python -m pytest ([^`]+)`", page)).split()
    assert folders
    assert [one for one in folders if not (ROOT / one.removesuffix("1")).is_dir()] == []
    options = shlex.split(" ".join(re.findall(r"`(-[^`]+)`", page)))
    command = [sys.executable, "-m", "pytest", "--markers", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_no_file_names_a_package_registry() -> None:
    """The machine that installs packages decides where they come from."""
    named = [
        str(path.relative_to(ROOT))
        for path in _text_files()
        if path.suffix not in (".png", ".ico", ".woff2")
        for text in [path.read_text(errors="replace")]
        if any(registry in text for registry in REGISTRIES)
    ]
    assert named == []


def test_every_locked_requirement_has_a_hash() -> None:
    """Plain pip refuses what is not in the lock."""
    for lock in (ROOT / "deploy" / "locks").glob("*.txt"):
        wanted = re.findall(r"^[a-z0-9].*==.*$", lock.read_text(), re.MULTILINE)
        assert wanted
        assert [line for line in wanted if not line.rstrip().endswith("\\")] == []


def test_services_import_only_what_they_may() -> None:
    """The contracts of import-linter in pyproject.toml hold."""
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
