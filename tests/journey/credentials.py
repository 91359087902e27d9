"""The credentials of azure-identity against the local cloud, one after the other; prints one JSON object: the
claims of each token, or the error. Arguments: tenant, client id, folder with login.pem, login.pfx, other.pem and
token, and the command that enters a device code."""
import base64, json, os, subprocess, sys

from azure.identity import (CertificateCredential, DefaultAzureCredential, DeviceCodeCredential,
                            WorkloadIdentityCredential)

TENANT, CLIENT, FOLDER = sys.argv[1:4]
ENTER = sys.argv[4:]
ARM = "https://management.azure.com/.default"


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def certificate(name, **options):
    credential = CertificateCredential(TENANT, CLIENT, os.path.join(FOLDER, name), **options)
    return claims(credential.get_token(ARM).token)


def workload():
    credential = WorkloadIdentityCredential(tenant_id=TENANT, client_id=CLIENT,
                                            token_file_path=os.path.join(FOLDER, "token"))
    return claims(credential.get_token(ARM).token)


def default():
    os.environ["AZURE_CLIENT_CERTIFICATE_PATH"] = os.path.join(FOLDER, "login.pem")
    return claims(DefaultAzureCredential().get_token("https://vault.azure.net/.default").token)


def msal_pfx():
    """msal itself, given a PKCS#12 file, makes the newer assertion: PS256 with x5t#S256."""
    import msal
    app = msal.ConfidentialClientApplication(CLIENT, authority=f"https://login.microsoftonline.com/{TENANT}",
        client_credential={"private_key_pfx_path": os.path.join(FOLDER, "login.pfx"), "passphrase": "pass"})
    answer = app.acquire_token_for_client([ARM])
    return claims(answer["access_token"]) if "access_token" in answer else answer


def device():
    def prompt(_uri, code, _expires):
        subprocess.run(ENTER + [code], check=True, stdout=subprocess.DEVNULL)
    credential = DeviceCodeCredential(tenant_id=TENANT, prompt_callback=prompt)
    first = claims(credential.get_token(ARM).token)
    second = claims(credential.get_token("https://vault.azure.net/.default").token)
    return {"first": first, "second": second}


def main():
    seen = {}
    for name, part in {
        "pem": lambda: certificate("login.pem"), "chain": lambda: certificate("login.pem", send_certificate_chain=True),
        "pfx": lambda: certificate("login.pfx", password="pass"), "other": lambda: certificate("other.pem"),
        "msal_pfx": msal_pfx, "workload": workload, "default": default, "device": device,
    }.items():
        try:
            seen[name] = part()
        except Exception as err:
            seen[name] = {"failed": type(err).__name__ + ": " + str(err)}
    print(json.dumps(seen))


main()
