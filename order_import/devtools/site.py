"""What `make docs` adds to the pages of docs/; MkDocs loads it as a hook, without this package."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
_CONTRACT = "order_import/console/contract.html"
_LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)#]+)")


def on_files(files: Files, /, *, config: MkDocsConfig) -> Files:
    """Add the pages from outside of docs/, the list of decisions, and the contract's page."""
    root = Path(config.config_file_path).parent
    for source, page in _PAGES.items():
        text = _LINK.sub(_inside, (root / source).read_text(encoding="utf-8"))
        files.append(File.generated(config, page, content=text))
    lines = ["# Decisions", ""]
    for file in sorted((root / "docs" / "decisions").glob("0*.md")):
        title = file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        lines.append(f"- [{title}]({file.name})")
    files.append(File.generated(config, "decisions/index.md", content="\n".join(lines)))
    contract = (root / _CONTRACT).read_text(encoding="utf-8")
    page = f"# Contract, field by field\n\n<div>\n{contract}</div>\n"
    files.append(File.generated(config, "contract/index.md", content=page))
    return files


def on_page_markdown(markdown: str, /, *, page: Page, **_: object) -> str:
    """Let links to the top of the repository, and to folders, lead to their pages."""
    if page.file.generated_by:
        return markdown
    return _LINK.sub(_outside, markdown)


def _inside(link: re.Match[str]) -> str:
    target = link[0].removeprefix("docs/")
    return _folder(_PAGES.get(target, target))


def _outside(link: re.Match[str]) -> str:
    target = link[0]
    page = _PAGES.get(target.removeprefix("../"))
    return page if page and target.startswith("../") else _folder(target)


def _folder(target: str) -> str:
    return f"{target}index.md" if target.endswith("/") else target
