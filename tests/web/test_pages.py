"""The list of pages whose pictures are taken, and which axe looks at, is whole."""

import pytest

from scripts import pages
from scripts.pages import UnknownPage, World


def test_every_address_has_a_rule_and_every_rule_an_address():
    assert set(pages.RULES) == set(pages.names())
    found = pages.pages(World(None, None))
    assert len({page.file for page in found}) == len(found) > 40
    assert {page.name for page in found} >= {"landing", "docs", "tools:tool", "library:library", "billing:credits"}


def test_a_page_without_a_rule_is_named(monkeypatch):
    monkeypatch.setattr(pages, "RULES", {name: rule for name, rule in pages.RULES.items() if name != "billing:credits"})
    with pytest.raises(UnknownPage, match="no rule for billing:credits"):
        pages.pages(World(None, None))
