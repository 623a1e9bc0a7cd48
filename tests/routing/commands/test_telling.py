"""Commands for a shell."""

import shlex
from types import SimpleNamespace

from routing.commands.telling import as_curl


def test_a_command_may_be_pasted_into_a_shell_whatever_is_in_it() -> None:
    charger = SimpleNamespace(uuid="0b5c7a0e-0000-4000-8000-000000000001")
    text = as_curl("https://proxy.example.org/", charger, "start", {"id_tag": "it's; rm -rf $HOME"})
    words = shlex.split(text)
    assert words[3] == (
        "https://proxy.example.org/api/v1/chargers/0b5c7a0e-0000-4000-8000-000000000001/commands"
    )
    assert words[-1] == '{"action": "start", "payload": {"id_tag": "it\'s; rm -rf $HOME"}}'
