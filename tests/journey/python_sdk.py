"""The official SDKs as a program uses them, told nothing but the environment and the names of a vault and an
account. Prints one JSON object: what each part saw, or the error that ended it."""
import asyncio, datetime, hashlib, json, os, sys, tempfile, time, traceback

from azure.core import exceptions
from azure.identity import ClientSecretCredential, DefaultAzureCredential
from azure.keyvault.secrets import SecretClient
from azure.storage.blob import (BlobBlock, BlobSasPermissions, BlobServiceClient, ContentSettings,
                                generate_blob_sas)

VAULT, ACCOUNT = sys.argv[1:3]
KEY = os.environ["SPEC_ACCOUNT_KEY"]
URL = f"https://{ACCOUNT}.blob.core.windows.net"
MIB = 1024 * 1024


def error_of(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
        return None
    except exceptions.AzureError as err:
        code = getattr(err, "error_code", None)
        inner = getattr(getattr(err, "error", None), "code", None)
        return [type(err).__name__, getattr(err, "status_code", None), str(code or inner or "")]


def secrets(vault):
    made = vault.set_secret("db-password", "s3cret", tags={"env": "dev"}, content_type="text/plain")
    second = vault.set_secret("db-password", "s3cret \u00e9\u65e5\n")
    return {
        "made": made.value, "tags": made.properties.tags, "version_differs":
            made.properties.version != second.properties.version,
        "latest": vault.get_secret("db-password").value,
        "old": vault.get_secret("db-password", made.properties.version).value,
        "recovery": made.properties.recovery_level, "days": made.properties.recoverable_days,
        "recent": abs(made.properties.created_on.timestamp() - time.time()) < 60,
        "absent": error_of(vault.get_secret, "no-such-secret"),
        "bad_name": error_of(vault.set_secret, "bad_name", "x"),
    }


def pages(vault):
    for number in range(27):
        vault.set_secret(f"list-{number:02d}", "v")
    return {
        "names": sorted(p.name for p in vault.list_properties_of_secrets()),
        "small": len(list(vault.list_properties_of_secrets(max_page_size=4))),
        "versions": len(list(vault.list_properties_of_secret_versions("db-password"))),
    }


def life(vault):
    vault.set_secret("life", "v")
    vault.update_secret_properties("life", enabled=False)
    disabled = error_of(vault.get_secret, "life")
    vault.update_secret_properties("life", enabled=True)
    poller = vault.begin_delete_secret("life")
    deleted = poller.result()
    poller.wait()
    gone, taken = error_of(vault.get_secret, "life"), error_of(vault.set_secret, "life", "x")
    listed = [s.name for s in vault.list_deleted_secrets()]
    poller = vault.begin_recover_deleted_secret("life")
    poller.wait()
    back = vault.get_secret("life").value
    poller = vault.begin_delete_secret("life")
    poller.wait()
    vault.purge_deleted_secret("life")
    return {"disabled": disabled, "deleted": deleted.name, "purge_in_days":
            (deleted.scheduled_purge_date - deleted.deleted_date).days, "gone": gone, "taken": taken,
            "listed": listed, "back": back, "purged": error_of(vault.get_deleted_secret, "life")}


def blobs(service, name):
    box = service.get_container_client(name)
    box.create_container(metadata={"made": "here"})
    again = error_of(box.create_container)
    data = os.urandom(5 * MIB + 17)
    box.upload_blob("dir/\u00e9 \u65e5+%.bin", data, metadata={"a0": "1", "a_b": "2"},
                    content_settings=ContentSettings(content_type="text/x", cache_control="no-store"))
    box.upload_blob("empty", b"")
    blob = box.get_blob_client("dir/\u00e9 \u65e5+%.bin")
    properties = blob.get_blob_properties()
    result = {
        "again": again, "exists": box.exists(), "there": blob.exists(),
        "absent": box.get_blob_client("none").exists(),
        "same": blob.download_blob().readall() == data, "part": blob.download_blob(3, 4).readall() == data[3:7],
        "empty": box.download_blob("empty").readall().decode(),
        "type": properties.content_settings.content_type, "metadata": properties.metadata,
        "md5": properties.content_settings.content_md5 == bytearray(hashlib.md5(data).digest()),
        "overwrite": error_of(box.upload_blob, "empty", b"x"),
        "names": sorted(b.name for b in box.list_blobs()),
        "walked": sorted(b.name for b in box.walk_blobs()),
        "paged": len(list(box.list_blobs(results_per_page=1))),
        "listed": [b.metadata for b in box.list_blobs(name_starts_with="dir/", include=["metadata"])],
        "found": [c.name for c in service.list_containers(name_starts_with=name)],
    }
    box.upload_blob("empty", b"now", overwrite=True)
    result["overwritten"] = box.download_blob("empty").readall().decode()
    box.delete_blob("empty")
    result["deleted"] = error_of(box.delete_blob, "empty")
    box.get_blob_client("set").upload_blob(b"x", validate_content=True)
    box.get_blob_client("set").set_blob_metadata({"k": "v"})
    result["set"] = box.get_blob_client("set").get_blob_properties().metadata
    box.delete_container()
    result["after"] = box.exists()
    return result


def large(service):
    """More than one request carries: 64 MiB and a bit, from a file and back into one, four at a time."""
    box = service.get_container_client("large")
    box.create_container()
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "a"), os.path.join(folder, "b")
        digest = hashlib.sha256()
        with open(source, "wb") as file:
            for _ in range(66):
                piece = os.urandom(MIB)
                digest.update(piece)
                file.write(piece)
        with open(source, "rb") as file:
            box.upload_blob("large", file, max_concurrency=4)
        with open(target, "wb") as file:
            box.download_blob("large", max_concurrency=4).readinto(file)
        with open(target, "rb") as file:
            same = hashlib.sha256(file.read()).hexdigest() == digest.hexdigest()
    blob = box.get_blob_client("large")
    committed, uncommitted = blob.get_block_list("all")
    return {"same": same, "blocks": len(committed), "uncommitted": len(uncommitted),
            "size": blob.get_blob_properties().size}


def blocks(service):
    box = service.get_container_client("blocks")
    box.create_container()
    blob = box.get_blob_client("b")
    blob.stage_block("0001", b"one")
    blob.stage_block("0002", b"two")
    blob.commit_block_list([BlobBlock("0002"), BlobBlock("0001")])
    return {"joined": blob.download_blob().readall().decode(),
            "unknown": error_of(blob.commit_block_list, [BlobBlock("0009")])}


def sas(service):
    box = service.get_container_client("shared")
    box.create_container()
    box.upload_blob("b", b"shared")
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    token = generate_blob_sas(ACCOUNT, "shared", "b", account_key=KEY, expiry=until,
                              permission=BlobSasPermissions(read=True))
    client = BlobServiceClient(URL, credential=token, retry_total=0).get_blob_client("shared", "b")
    return {"read": client.download_blob().readall().decode(),
            "write": error_of(client.upload_blob, b"x", overwrite=True)}


def wrong_key():
    service = BlobServiceClient(URL, credential="AAAA" + KEY[4:], retry_total=0)
    try:
        service.get_container_client("any-box").create_container()
    except exceptions.ClientAuthenticationError as err:
        return {"status": err.status_code, "code": err.error_code, "detail": "string to sign: 'PUT" in str(err)}


def no_role():
    """A principal that has no role of the data."""
    credential = ClientSecretCredential(os.environ["AZURE_TENANT_ID"], os.environ["SPEC_STRANGER_ID"],
                                        os.environ["SPEC_STRANGER_SECRET"])
    service = BlobServiceClient(URL, credential=credential, retry_total=0)
    vault = SecretClient(f"https://{VAULT}.vault.azure.net", credential)
    return {"blob": error_of(service.get_container_client("large").get_container_properties),
            "list": error_of(lambda: list(service.get_container_client("large").list_blobs())),
            "secret": error_of(vault.get_secret, "db-password")}


def folder():
    """As Prefect 2 uploads and downloads the code of a deployment: fsspec with adlfs."""
    from adlfs import AzureBlobFileSystem
    files = AzureBlobFileSystem(account_name=ACCOUNT, account_key=KEY)
    files.mkdir("flows")
    wanted = {"flow.py": b"print(1)\n", "empty.txt": b"", "sub/deep/x.bin": os.urandom(9 * MIB)}
    with tempfile.TemporaryDirectory() as base:
        for name, data in wanted.items():
            files.pipe_file(f"flows/demo/{name}", data)
        files.get("flows/demo/", base + "/", recursive=True)
        got = {}
        for name in wanted:
            with open(os.path.join(base, name), "rb") as file:
                got[name] = file.read()
    return {"same": got == wanted, "exists": files.exists("flows/demo"), "ls": sorted(files.ls("flows/demo")),
            "isfile": files.isfile("flows/demo")}


async def asynchronous():
    from azure.identity.aio import DefaultAzureCredential as Credential
    from azure.keyvault.secrets.aio import SecretClient as Client
    async with Credential() as credential, Client(f"https://{VAULT}.vault.azure.net", credential) as vault:
        values = await asyncio.gather(*[vault.set_secret(f"async-{i}", str(i)) for i in range(8)])
        return {"values": [v.value for v in values]}


async def asynchronous_blobs():
    """By key and by token at once, several blobs each."""
    from azure.core.exceptions import AzureError
    from azure.identity.aio import DefaultAzureCredential as Credential
    from azure.storage.blob.aio import BlobServiceClient as Service

    async def use(service, name):
        async with service:
            box = service.get_container_client(name)
            await box.create_container()
            datas = [os.urandom(100_000 + i) for i in range(4)]
            await asyncio.gather(*[box.upload_blob(f"n/{i}", data, metadata={"i": str(i)})
                                   for i, data in enumerate(datas)])
            names = [blob.name async for blob in box.list_blobs(results_per_page=3)]
            back = await asyncio.gather(*[(await box.download_blob(n)).readall() for n in names])
            try:
                await box.upload_blob("n/0", b"x")
                again = None
            except AzureError as err:
                again = [type(err).__name__, err.status_code, str(err.error_code)]
            await box.delete_blob("n/0")
            left = [blob.name async for blob in box.list_blobs()]
            return {"names": names, "same": back == datas, "again": again, "left": left,
                    "metadata": (await box.get_blob_client("n/3").get_blob_properties()).metadata}

    async with Credential() as credential:
        return await asyncio.gather(use(Service(URL, credential=KEY), "async-key"),
                                    use(Service(URL, credential=credential), "async-token"))


def main():
    credential = DefaultAzureCredential()
    vault = SecretClient(f"https://{VAULT}.vault.azure.net", credential)
    by_key = BlobServiceClient(URL, credential=KEY)
    by_token = BlobServiceClient(URL, credential=credential)
    parts = {
        "secrets": lambda: secrets(vault), "pages": lambda: pages(vault), "life": lambda: life(vault),
        "by_key": lambda: blobs(by_key, "key-box"), "by_token": lambda: blobs(by_token, "token-box"),
        "large": lambda: large(by_key), "blocks": lambda: blocks(by_token), "sas": lambda: sas(by_key),
        "wrong_key": wrong_key, "no_role": no_role, "folder": folder,
        "asynchronous": lambda: asyncio.run(asynchronous()),
        "asynchronous_blobs": lambda: asyncio.run(asynchronous_blobs()),
    }
    seen = {}
    for name, part in parts.items():
        try:
            seen[name] = part()
        except Exception:
            seen[name] = {"failed": traceback.format_exc()}
    print(json.dumps(seen))


main()
