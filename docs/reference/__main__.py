"""`make docs`: writes the generated files in docs/."""

import sys

from docs.reference.documents import ROOT, make_documents

for path, text in make_documents().items():
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
