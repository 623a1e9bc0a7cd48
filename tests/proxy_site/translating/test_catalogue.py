"""The files of a language, read and written without gettext's tools."""

import gettext
import io

import pytest

from proxy_site.translating.catalogue import Entry, compiled, faults, merged, placeholders, read, write

ENTRIES = [
    Entry("away", ("weg",), places=("routing/health.py",)),
    Entry('say "hello"\nand more\t\\', ('zeg "hallo"\nen meer\t\\',)),
    Entry("%(n)s day", ("%(n)s dag", "%(n)s dagen"), plural="%(n)s days"),
    Entry("free", ("vrij",), context="connector"),
    Entry("not yet", ("",)),
    Entry("almost", ("bijna",), flags=("fuzzy",)),
]


def test_what_is_written_is_read_again():
    assert list(read(write("nl", ENTRIES)).values()) == ENTRIES


def test_a_text_over_several_lines_is_one():
    entries = read('msgid ""\n"two "\n"lines"\nmsgstr "twee "\n"regels"\n')
    assert [(entry.english, entry.texts) for entry in entries.values()] == [("two lines", ("twee regels",))]


def test_gettext_reads_what_is_compiled():
    found = gettext.GNUTranslations(io.BytesIO(compiled("nl", ENTRIES)))
    assert found.gettext("away") == "weg"
    assert found.gettext('say "hello"\nand more\t\\') == 'zeg "hallo"\nen meer\t\\'
    assert [found.ngettext("%(n)s day", "%(n)s days", n) for n in (1, 2)] == ["%(n)s dag", "%(n)s dagen"]
    assert found.pgettext("connector", "free") == "vrij"
    assert found.gettext("free") == "free"


@pytest.mark.parametrize("english", ["not yet", "almost"], ids=["missing", "fuzzy"])
def test_what_is_not_done_stays_english(english):
    found = gettext.GNUTranslations(io.BytesIO(compiled("nl", ENTRIES)))
    assert found.gettext(english) == english


def test_merging_keeps_what_is_wanted_and_known():
    known = {entry.key: entry for entry in ENTRIES}
    wanted = [Entry("away", places=("elsewhere.py",)), Entry("new")]
    assert merged(wanted, known) == [Entry("away", ("weg",), places=("elsewhere.py",)), Entry("new")]


def test_a_text_that_got_a_plural_is_new():
    assert merged([Entry("away", ("", ""), plural="aways")], {e.key: e for e in ENTRIES})[0].texts == ("", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%(who)s of %(n)d", ["%(n)d", "%(who)s"]),
        ("%s and %d", ["%d", "%s"]),
        ("{name} or {}", ["{name}", "{}"]),
        ("100% of them", []),
        ("100 %% sure", []),
        ("/ocpp/<identity>", []),
    ],
)
def test_placeholders(text, expected):
    assert placeholders(text) == expected


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (Entry("away", ("weg",)), ""),
        (Entry("away", ("",)), "is not translated"),
        (Entry("away", ("weg",), flags=("fuzzy",)), "is not translated"),
        (Entry("%(n)s of {x}", ("{x} van %(n)s",)), ""),
        (Entry("%(n)s of %(m)s", ("%(n)s van %(k)s",)), "leaves open"),
        (Entry("one day", ("een dag", "%(n)s dagen"), plural="%(n)s days"), ""),
        (Entry("%(n)s day", ("%(n)s dag", "dagen"), plural="%(n)s days"), "leaves open"),
    ],
    ids=["right", "missing", "fuzzy", "another-order", "misspelt", "one-without-number", "plural-without-it"],
)
def test_faults(entry, said):
    found = faults(entry)
    assert (not found) if not said else said in found[0]
