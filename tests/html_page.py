"""A strict reader of the status page for tests: every element closed in order, ids once, tables regular."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset({"meta", "link", "br"})
_TEXT = frozenset({"h1", "h2", "h3", "p", "span", "time", "a", "title", "style"})
_SHAPE = frozenset({"html", "head", "body", "header", "main", "section", "article", "footer"})
_ALLOWED = _VOID | _TEXT | _SHAPE | {"table", "thead", "tbody", "tr", "th", "td"}


@dataclass
class HtmlPage(HTMLParser):
    """Asserts while it reads; afterwards `text` is what a person reads and `rows` the cells of every table row."""

    words: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _ALLOWED, tag
        assert len(dict(attrs)) == len(attrs), attrs
        assert not any(name.startswith("on") for name, _ in attrs)
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.words.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    def error_free(self) -> None:
        """Called once all is read."""
        assert self.open == []
        ids = [attrs["id"] for _, attrs in self.tags if "id" in attrs]
        assert len(ids) == len(set(ids))
        named = [attrs["aria-labelledby"] for _, attrs in self.tags if "aria-labelledby" in attrs]
        assert set(named) <= set(ids)
        assert [tag for tag, _ in self.tags].count("main") == 1

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read_page(html: str) -> HtmlPage:
    """The page, read whole."""
    assert html.startswith('<!DOCTYPE html>\n<html lang="en">')
    page = HtmlPage()
    page.feed(html)
    page.close()
    page.error_free()
    return page
