"""The caller behind a signature, where a real server would need days to show it."""

from __future__ import annotations

from functools import partial

import pytest

from emulator.access.identity import AccessKey, Account, PolicyType, RamPolicy, Role, Session
from emulator.access.policy.cache import PolicyCache
from emulator.access.system_policies import policy_ref
from emulator.services.rpc.authentication import DATE_DIFFERENCE_MS_MAX, Authenticator
from emulator.services.rpc.dates import iso_seconds
from emulator.services.rpc.errors import RpcError
from emulator.services.rpc.request import RpcRequest, make_request
from emulator.services.rpc.signing import encode, v1_signature, v1_string_to_sign
from tests.unit.access.identity_twin import MemoryIdentityStore

UID = "1000000000000001"
NOW_MS = 1_767_323_045_000


def request(
    date_ms: int = NOW_MS, nonce: str = "n", key_id: str = "id", token: str = ""
) -> RpcRequest:
    parameters = {
        "AccessKeyId": key_id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": nonce,
        "Timestamp": iso_seconds(date_ms),
    }
    if token:
        parameters["SecurityToken"] = token
    signature = v1_signature("secret", v1_string_to_sign("GET", parameters))
    query = "&".join(f"{name}={encode(value)}" for name, value in parameters.items())
    return make_request("GET", f"/?{query}&Signature={encode(signature)}", {})


def store() -> MemoryIdentityStore:
    made = MemoryIdentityStore()
    made.put_account(Account(uid=UID))
    made.put_access_key(AccessKey(access_key_id="id", secret="secret", account_uid=UID))
    made.put_role(
        Role(
            account_uid=UID, name="r", role_id="3", trust_policy="{}", policies=(policy_ref("own"),)
        )
    )
    made.put_session(
        Session(
            access_key_id="STS.id",
            secret="secret",
            security_token="t",
            account_uid=UID,
            role_name="r",
            session_name="s",
            expires_ms=NOW_MS + 1,
        )
    )
    return made


def refusal(who: Authenticator, identities: MemoryIdentityStore, asked: RpcRequest) -> str:
    with pytest.raises(RpcError) as caught:
        who.authenticate(identities, asked, NOW_MS)
    return caught.value.code


@pytest.mark.parametrize("checks", [True, False])
def test_dates_count_if_they_are_to_be_checked(checks: bool) -> None:
    who = Authenticator(PolicyCache(), check_date=checks)
    old = request(NOW_MS - DATE_DIFFERENCE_MS_MAX - 1000)
    if checks:
        assert refusal(who, store(), old) == "InvalidTimeStamp.Expired"
    else:
        assert who.authenticate(store(), old, NOW_MS).account_uid == UID
    edge = request(NOW_MS + DATE_DIFFERENCE_MS_MAX, "other")
    assert who.authenticate(store(), edge, NOW_MS).account_uid == UID


def test_a_nonce_is_free_again_after_the_window() -> None:
    who, identities = Authenticator(PolicyCache(), check_date=False), store()
    who.authenticate(identities, request(), NOW_MS)
    assert refusal(who, identities, request()) == "SignatureNonceUsed"
    later = NOW_MS + 2 * DATE_DIFFERENCE_MS_MAX + 1
    assert who.authenticate(identities, request(), later).account_uid == UID


def test_tokens_whose_role_cannot_act() -> None:
    who, identities = Authenticator(PolicyCache(), check_date=True), store()
    mine = partial(request, key_id="STS.id", token="t")
    assert who.authenticate(identities, mine(), NOW_MS).name == "r"
    with pytest.raises(RpcError) as caught:
        who.authenticate(identities, mine(nonce="2"), NOW_MS + 1)
    assert caught.value.code == "InvalidSecurityToken.Expired"
    broken = RamPolicy(account_uid=UID, name="own", type=PolicyType.CUSTOM, document="{")
    identities.put_policy(broken)
    assert refusal(who, identities, mine(nonce="3")) == "NoPermission"
    identities.delete_role(UID, "r")
    assert refusal(who, identities, mine(nonce="4")) == "InvalidAccessKeyId.NotFound"
