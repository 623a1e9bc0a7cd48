"""Dutch and German are complete, and their files in step with the code and with each other."""

import gettext
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from accounts.deeds import Deed
from accounts.models import Membership, Organisation, User
from chargers.causes import REMEDIES, Cause
from proxy_site.translating import catalogue, extracting
from routing.core.alarms import ALARMS
from routing.models import Route

LANGUAGES = [code for code, _name in settings.LANGUAGES if code != "en"]
UPDATE = "run: manage.py translations, and translate what it names"

wanted = cache(extracting.wanted)


def po(language):
    return Path(settings.BASE_DIR) / "locale" / language / "LC_MESSAGES" / "django.po"


def entries(language):
    return catalogue.read(po(language).read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_marked_text_is_translated(language):
    known = entries(language)
    missing = [entry.english for entry in wanted() if not known.get(entry.key, entry).is_done]
    assert missing == [], UPDATE


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_translated_that_nobody_says(language):
    marked = {entry.key for entry in wanted()}
    assert [english for context, english in entries(language) if (context, english) not in marked] == [], (
        UPDATE
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_leave_open_what_the_english_does(language):
    known = entries(language)
    assert [fault for entry in known.values() if entry.is_done for fault in catalogue.faults(entry)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_plurals_are_those_of_the_code(language):
    known = entries(language)
    differ = [entry.english for entry in wanted() if known.get(entry.key, entry).plural != entry.plural]
    assert differ == [], UPDATE


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_file_is_that_of_the_readable_one(language):
    compiled = catalogue.compiled(language, entries(language).values())
    assert po(language).with_suffix(".mo").read_bytes() == compiled, UPDATE


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.skipif(shutil.which("msgfmt") is None, reason="gettext's msgfmt is not installed")
def test_gettext_has_no_objection(language, tmp_path):
    """Its own check of formats, and its own compiler agrees with ours."""
    made = tmp_path / "theirs.mo"
    done = subprocess.run(
        ["msgfmt", "--check-format", "-o", made, po(language)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    with made.open("rb") as theirs, po(language).with_suffix(".mo").open("rb") as ours:
        catalogs = [vars(gettext.GNUTranslations(file))["_catalog"] for file in (theirs, ours)]
    assert catalogs[0] == catalogs[1]


@pytest.mark.parametrize(
    ("language", "path"), [("nl", "Laadpalen"), ("de", "Ladestationen")], ids=["nl", "de"]
)
def test_a_person_reads_the_language_of_their_browser(admin_client, language, path):
    with translation.override("en"):  # a request leaves its language behind
        page = admin_client.get("/admin/chargers/charger/", headers={"accept-language": language})
    assert path in page.content.decode()
    assert f'<html lang="{language}"' in page.content.decode()


def test_programs_read_english(client):
    with translation.override("de"):
        answer = client.get("/api/v1/chargers/", headers={"accept-language": "de"})
    assert "Authentication credentials were not provided." in answer.content.decode()


def test_what_stands_in_tables_is_found():
    found = {entry.english for entry in wanted()}
    assert {alarm.remedy for alarm in ALARMS.values()} <= found
    assert REMEDIES[Cause.WRONG_PASSWORD] in found


def test_names_of_models_are_looked_up_when_they_are_shown():
    options = Route._meta
    said = {}
    for language in ("en", "de"):
        with translation.override(language):
            said[language] = [
                str(options.verbose_name_plural),
                str(options.get_field("role").flatchoices[0][1]),
            ]
    assert said == {"en": ["routes", "Billing"], "de": ["Routen", "Abrechnung"]}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('_("one")', [("", "one", "")]),
        ('gettext_lazy("two "\n"parts")', [("", "two parts", "")]),
        ('ngettext("%d day", "%d days", n)', [("", "%d day", "%d days")]),
        ('pgettext_lazy("link", "away")', [("link", "away", "")]),
        ("_(ALARMS[kind].meaning)", []),
        ('print("not marked")', []),
    ],
)
def test_texts_in_python(source, expected):
    assert [(e.context, e.english, e.plural) for e in extracting.in_python(source)] == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('{% if x %}{% for y in x %}{% translate "a" %}{% empty %}{% translate "b" %}{% endfor %}{% endif %}',
         ["a", "b"]),
        ('{% blocktranslate trimmed with w=x %}\n of {{ w }}\n or\n{% endblocktranslate %}', ["of %(w)s or"]),
        ('{% block a %}{% translate "in a block" context "c" %}{% endblock %}', ["in a block"]),
        ("{% blocktranslate count n=x %}{{ n }} a{% plural %}{{ n }} b{% endblocktranslate %}", ["%(n)s a"]),
    ],
    ids=["nested", "trimmed", "context", "plural"],
)  # fmt: skip
def test_texts_in_templates(source, expected):
    assert [entry.english for entry in extracting.in_template("{% load i18n %}" + source)] == expected


def test_what_is_recorded_does_not_depend_on_the_language_of_who_acts(db):
    organisation = Organisation.objects.create(name="Ours")
    with translation.override("de"):
        Membership.objects.create(
            user=User.objects.create_user("kim"), organisation=organisation, role="owner"
        )
    assert "Added membership kim in Ours." in Deed.objects.values_list("words", flat=True)
