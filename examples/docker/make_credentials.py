"""A CA, the service's certificate, a token and a key, unless they are there. Usage: make_credentials.py DIR UID.

For the compose file only. What may see everything is in DIR/service, what clients need is in DIR/client.
"""

import datetime
import os
import secrets
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID = datetime.timedelta(days=30)


def name(text: str) -> x509.Name:
    """A subject."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey
) -> bytes:
    """In PEM. One whose issuer is itself is a CA; any other is good for the host of its subject."""
    is_ca = subject == issuer
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + VALID)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not is_ca:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
    return made.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key in PEM, without a password."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def put(directory: str, uid: int, files: dict[str, bytes]) -> None:
    """The files, readable for that user only."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    for file, content in files.items():
        path = os.path.join(directory, file)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o400), "wb") as out:
            out.write(content)
        os.chown(path, uid, uid)
    os.chown(directory, uid, uid)  # last: root without CAP_DAC_OVERRIDE may not write there any more


def main(directory: str, uid: int) -> None:
    """All of it."""
    if os.path.exists(os.path.join(directory, "client", "key")):
        return
    ca_key, own_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pair = {
        "tls.crt": certificate("config-service", own_key, "compose CA", ca_key),
        "tls.key": pem(own_key),
    }
    shared = {"token": secrets.token_urlsafe(24).encode(), "key": secrets.token_hex(32).encode()}
    put(os.path.join(directory, "service"), uid, {**pair, **shared})
    ca = certificate("compose CA", ca_key, "compose CA", ca_key)
    put(os.path.join(directory, "client"), uid, {"ca.crt": ca, **shared})


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
