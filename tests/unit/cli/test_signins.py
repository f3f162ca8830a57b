"""Sign-ins that are kept between commands."""

from __future__ import annotations

import stat
import time
from pathlib import Path

from storyloom.cli.signins import SignIns
from storyloom.client.rest import Address
from storyloom.client.signin import Grant


def test_kept_sign_ins_are_their_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "signins.json"
    address, other = Address("http://a.example"), Address("http://b.example")
    SignIns(path).put(address, Grant(access_token="one", expires_at=time.time() + 3600))
    SignIns(path).put(other, Grant(access_token="two"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = SignIns(path).get(address)
    assert kept is not None
    assert (kept.access_token, kept.fresh) == ("one", True)
    assert "one" not in repr(kept)
    path.write_text("{ not json")
    assert SignIns(path).get(address) is None
    SignIns(path).put(address, Grant(access_token="three"))
    assert SignIns(path).get(address) is not None
