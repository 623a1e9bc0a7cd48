from routing.links import DialTarget


def test_a_target_in_a_log_shows_no_secret():
    target = DialTarget(
        route=7,
        charger=3,
        backoffice="energy",
        url="ws://user:url-secret@127.0.0.1:9102/ocpp/CP-1",
        username="CP-1",
        password=b"basic-secret",
    )

    shown = f"{target} {target!r} {[target]}"

    assert "secret" not in shown
    assert "route=7, charger=3, backoffice='energy'" in shown
