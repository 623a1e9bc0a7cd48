"""Commands for a shell."""

import shlex
from types import SimpleNamespace

from routing.commands.telling import answer_text, as_curl, payload_text
from routing.models import Command


def test_a_command_may_be_pasted_into_a_shell_whatever_is_in_it() -> None:
    charger = SimpleNamespace(uuid="0b5c7a0e-0000-4000-8000-000000000001")
    text = as_curl("https://proxy.example.org/", charger, "start", {"id_tag": "it's; rm -rf $HOME"})
    words = shlex.split(text)
    assert words[3] == (
        "https://proxy.example.org/api/v1/chargers/0b5c7a0e-0000-4000-8000-000000000001/commands/"
    )
    assert words[-1] == '{"action": "start", "payload": {"id_tag": "it\'s; rm -rf $HOME"}}'


def test_cards_are_masked_for_who_may_not_see_them() -> None:
    command = Command(payload={"idTag": "04A2B3C4D5", "connectorId": 1})
    assert "04A2B3C4D5" in payload_text(command, sees_cards=True)
    assert "04A2B3C4D5" not in payload_text(command, sees_cards=False)
    assert '"connectorId": 1' in payload_text(command, sees_cards=False)
    assert answer_text(command, sees_cards=True) == ""
