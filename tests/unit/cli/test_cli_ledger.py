"""`ledger` on the command line."""

from __future__ import annotations

from tests.unit.cli.fake_client import SESSION, Fake, Run


def test_both_passages_are_shown_and_a_finding_is_settled(run: Run) -> None:
    client = Fake()
    code, out, err = run("ledger", SESSION, client=client)
    assert (code, err) == (0, "") and out.splitlines() == [
        "dead-0123456789  Tobin is dead by then.",
        "    outline: “Tobin,[2J dead.”",
        "    section 2: “Tobin laughed.”",
        "1 open.",
    ]
    code, out, err = run("ledger", SESSION, "--settle", "dead-0123456789", client=client)
    assert (code, err) == (0, "") and client.calls == [("settle", "dead-0123456789")]
    assert out == "Nothing contradicts itself, as far as can be told; 1 settled.\n"
