// The official SDKs for JavaScript as a program uses them, told nothing but the environment and the names of a vault
// and an account. Prints one JSON object: what each part saw, or the error that ended it.
"use strict";
const { ContainerInstanceManagementClient } = require("@azure/arm-containerinstance");
const { ClientSecretCredential, DefaultAzureCredential } = require("@azure/identity");
const { SecretClient } = require("@azure/keyvault-secrets");
const { BlobServiceClient, StorageSharedKeyCredential, BlobSASPermissions } = require("@azure/storage-blob");

const [vaultName, accountName, groupName] = process.argv.slice(2);
const env = process.env;
const VAULT = `https://${vaultName}.vault.azure.net`;
const ACCOUNT = `https://${accountName}.blob.core.windows.net`;
const QUICK = { updateIntervalInMs: 200 };

async function errorOf(promise) {
  try {
    await promise;
    return null;
  } catch (err) {
    return [err.statusCode ?? null, err.code ?? err.details?.error?.code ?? err.name];
  }
}

async function eventually(read) {
  for (let i = 0; i < 100; i++) {
    const value = await read();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error("it did not happen");
}

async function all(list, name) {
  const found = [];
  for await (const each of list) found.push(name ? each[name] : each);
  return found;
}

async function login(credential) {
  const token = await credential.getToken("https://management.azure.com/.default");
  const wrong = new ClientSecretCredential(env.AZURE_TENANT_ID, env.AZURE_CLIENT_ID, "wrong");
  let refusal;
  try {
    await wrong.getToken("https://management.azure.com/.default");
  } catch (err) {
    refusal = [err.name, /AADSTS7000215/.test(err.message)];
  }
  return { lasting: token.expiresOnTimestamp > Date.now() + 60000, refusal };
}

async function secrets(credential) {
  const vault = new SecretClient(VAULT, credential);
  const made = await vault.setSecret("db-password", "s3cret", { tags: { env: "dev" }, contentType: "text/plain" });
  const second = await vault.setSecret("db-password", "s3cret \u00e9\u65e5\n");
  for (let i = 0; i < 27; i++) await vault.setSecret(`list-${i}`, "v");
  await vault.updateSecretProperties("list-0", "", { enabled: false });
  const seen = {
    made: [made.value, made.properties.tags.env, made.properties.contentType],
    differs: made.properties.version !== second.properties.version,
    latest: (await vault.getSecret("db-password")).value,
    old: (await vault.getSecret("db-password", { version: made.properties.version })).value,
    listed: (await all(vault.listPropertiesOfSecrets(), "name")).length,
    versions: (await all(vault.listPropertiesOfSecretVersions("db-password"))).length,
    absent: await errorOf(vault.getSecret("nothing")),
    disabled: await errorOf(vault.getSecret("list-0")),
  };
  const poller = await vault.beginDeleteSecret("db-password", { intervalInMs: 200 });
  await poller.pollUntilDone();
  seen.deleted = await errorOf(vault.getSecret("db-password"));
  seen.taken = await errorOf(vault.setSecret("db-password", "x"));
  const back = await vault.beginRecoverDeletedSecret("db-password", { intervalInMs: 200 });
  await back.pollUntilDone();
  seen.recovered = (await vault.getSecret("db-password")).value;
  return seen;
}

async function text(response) {
  const parts = [];
  for await (const part of response.readableStreamBody) parts.push(part);
  return Buffer.concat(parts);
}

async function blobs(service, name) {
  const box = service.getContainerClient(name);
  await box.create({ metadata: { made: "here" } });
  const data = Buffer.alloc(300 * 1024, "acihost");
  const odd = "dir/\u00e9 \u65e5+%.bin";
  const blob = box.getBlockBlobClient(odd);
  await blob.upload(data, data.length, { metadata: { k: "v" }, blobHTTPHeaders: { blobContentType: "text/x" } });
  const properties = await blob.getProperties();
  await box.getBlockBlobClient("large").uploadData(Buffer.concat([data, data, data]), {
    blockSize: 256 * 1024, maxSingleShotSize: 1024, concurrency: 3 });
  await box.getBlockBlobClient("empty").upload("", 0);
  const seen = {
    again: await errorOf(box.create()), exists: [await box.exists(), await blob.exists(),
      await box.getBlobClient("none").exists()],
    same: data.equals(await text(await blob.download())), part: String(await text(await blob.download(1, 4))),
    type: properties.contentType, metadata: properties.metadata,
    large: (await box.getBlobClient("large").downloadToBuffer()).length,
    empty: (await text(await box.getBlobClient("empty").download())).length,
    names: await all(box.listBlobsFlat(), "name"), pages: (await all(box.listBlobsFlat().byPage({ maxPageSize: 1 }))).length,
    folders: await all(box.listBlobsByHierarchy("/"), "name"),
    new: await errorOf(blob.upload("x", 1, { conditions: { ifNoneMatch: "*" } })),
    absent: await errorOf(box.getBlobClient("none").download()),
    found: await all(service.listContainers({ prefix: name }), "name"),
  };
  await blob.delete();
  seen.deleted = await blob.exists();
  return seen;
}

async function sas(service, name) {
  const blob = service.getContainerClient(name).getBlobClient("large");
  const url = await blob.generateSasUrl({ permissions: BlobSASPermissions.parse("r"),
    expiresOn: new Date(Date.now() + 3600000), protocol: "https" });
  const { BlockBlobClient } = require("@azure/storage-blob");
  const shared = new BlockBlobClient(url);
  return { read: (await shared.downloadToBuffer()).length, write: await errorOf(shared.upload("x", 1)) };
}

async function containers(credential) {
  const client = new ContainerInstanceManagementClient(credential, env.AZURE_SUBSCRIPTION_ID);
  const groups = client.containerGroups;
  const body = { location: "northeurope", osType: "Linux", restartPolicy: "Never", tags: { a: "b" }, containers: [{
    name: "main", image: "busybox:latest", command: ["/bin/sh", "-c", "echo one; echo $SEEN $HIDDEN; exit 7"],
    resources: { requests: { cpu: 1, memoryInGB: 1 } },
    environmentVariables: [{ name: "SEEN", value: "seen" }, { name: "HIDDEN", secureValue: "hidden" }] }] };
  const made = await groups.beginCreateOrUpdateAndWait(groupName, "js-job", body, QUICK);
  const ended = await eventually(async () => {
    const state = (await groups.get(groupName, "js-job")).containers[0].instanceView?.currentState;
    return state?.state === "Terminated" && state;
  });
  const seen = {
    made: [made.provisioningState, made.containers[0].environmentVariables[1].secureValue ?? null],
    exit: ended.exitCode, log: (await client.containers.listLogs(groupName, "js-job", "main")).content,
    listed: await all(groups.listByResourceGroup(groupName), "name"),
    bad: await errorOf(groups.beginCreateOrUpdateAndWait(groupName, "Bad Name", body, QUICK)),
    nowhere: await errorOf(groups.beginCreateOrUpdateAndWait("nowhere", "js-job", body, QUICK)),
  };
  await groups.beginDeleteAndWait(groupName, "js-job", QUICK);
  seen.gone = await errorOf(groups.get(groupName, "js-job"));
  return seen;
}

async function main() {
  const credential = new DefaultAzureCredential();
  const byKey = new BlobServiceClient(ACCOUNT, new StorageSharedKeyCredential(accountName, env.SPEC_ACCOUNT_KEY));
  const byToken = new BlobServiceClient(ACCOUNT, credential);
  const parts = { login: () => login(credential), secrets: () => secrets(credential),
    by_key: () => blobs(byKey, "js-key"), by_token: () => blobs(byToken, "js-token"), sas: () => sas(byKey, "js-key"),
    containers: () => containers(credential) };
  const seen = {};
  for (const [name, part] of Object.entries(parts)) {
    try {
      seen[name] = await part();
    } catch (err) {
      seen[name] = { failed: String(err.stack ?? err) };
    }
  }
  console.log(JSON.stringify(seen));
}

main();
