"""A stock operator, as the documentation of kopf suggests it: a handler of the deletion, `patch.status`, the
defaults, an error that asks for a retry in five seconds, and a cleanup that can be repeated: to be told that
there is no such campaign is success. It writes the campaign that Kore returns into the status, as is asked of
all peers. It leaves out everything else: the proof that a campaign is absent, the quota, what the status says
meanwhile, and what becomes of living campaigns.

WATCH_NAMESPACES is the namespace to work in, unless `kopf run` is given another.

The file can't be named operator.py: Python would import it instead of its own module of that name.
"""

import base64
import datetime
import os
import time
import urllib.parse
import uuid

import aiohttp
import jwt
import kopf
from kubernetes_asyncio import client, config

GROUP, VERSION = "voicecampaign.dev", "v1alpha1"
FINALIZER = "voicecampaign.dev/remote-campaign"
RETRY_SECONDS = 5


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_):
    settings.persistence.finalizer = FINALIZER
    # Scanning would need the right to list namespaces and CRDs.
    settings.scanning.disabled = True
    settings.peering.standalone = True
    await config.load_kube_config()
    memo.api = client.ApiClient()
    memo.http = aiohttp.ClientSession()


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_):
    await memo.http.close()
    await memo.api.close()


@kopf.on.delete(GROUP, VERSION, "voicecampaigns")
async def delete(spec: kopf.Spec, namespace: str, patch: kopf.Patch, memo: kopf.Memo, **_):
    try:
        connection = await client.CustomObjectsApi(memo.api).get_namespaced_custom_object(
            GROUP, VERSION, namespace, "koreconnections", spec["connectionRef"]["name"]
        )
        connection = connection["spec"]
        secret = await client.CoreV1Api(memo.api).read_namespaced_secret(
            connection["credentialsSecretRef"]["name"], namespace
        )
        campaign = await delete_in_kore(memo.http, connection, secret.data or {}, spec)
    except (client.ApiException, aiohttp.ClientError, TimeoutError, KeyError, ValueError) as error:
        message = f"failed to delete the campaign: {error!r}"
        raise kopf.TemporaryError(message, delay=RETRY_SECONDS) from error
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    deleted = {"type": "Ready", "status": "False", "reason": "Deleted", "message": "Deleted"}
    patch.status["conditions"] = [deleted | {"lastTransitionTime": now}]
    if campaign is not None:
        patch.status["campaign"] = campaign


async def delete_in_kore(
    http: aiohttp.ClientSession, connection: dict, secret: dict, spec: kopf.Spec
) -> dict | None:
    """Deletes a campaign, and returns it as Kore returned it; None if there is no such campaign."""
    stream, campaign = spec["streamId"], spec["campaignId"]
    path = f"/campaign/api/v2/public/{urllib.parse.quote(stream)}/campaign/{urllib.parse.quote(campaign)}"
    async with http.delete(
        connection["host"] + path,
        params={"accountId": connection["accountId"], "campaignType": "voice"},
        headers={
            "auth": sign(connection["jwt"], secret),
            "accountid": connection["accountId"],
            "iid": connection.get("iid") or stream,
        },
        timeout=aiohttp.ClientTimeout(total=connection["timeoutSeconds"]),
        # A redirect would forward the token.
        allow_redirects=False,
    ) as response:
        if response.status == 404:
            return None
        if response.status != 200:
            raise ValueError(f"Kore answered the DELETE with {response.status}")
        answer = await response.json()
    deleted = answer.get("data") or {}
    if answer.get("status") != "success" or deleted.get("_id") != campaign:
        raise ValueError(f"Kore did not confirm that it deleted campaign {campaign}")
    # The status has the identifier under another name.
    deleted["id"] = deleted.pop("_id")
    return deleted


def sign(settings: dict, secret: dict) -> str:
    """Makes a token for one request, which clocks up to a minute off ours accept, for an hour at most."""
    client_id, key = (base64.b64decode(secret[name]) for name in ("clientId", "clientSecret"))
    now = int(time.time())
    claims = {
        "sub": settings["subject"],
        "appId": client_id.decode(),
        "iat": now - 60,
        "exp": now + min(settings["ttlSeconds"] + 60, 59 * 60),
        "jti": str(uuid.uuid4()),
    }
    return jwt.encode(claims, key, algorithm=settings["algorithm"])


if __name__ == "__main__":
    kopf.configure()
    kopf.run(namespaces=[os.environ["WATCH_NAMESPACES"]])
