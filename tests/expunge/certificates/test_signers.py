"""Keys that are not files: in a PKCS#11 token (SoftHSM) and behind a signing service."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pkcs11
import pytest
from django.core.management import call_command
from pkcs11.util.ec import encode_named_curve_parameters

from expunge.accounts.permissions import Actor
from expunge.audit.keys import checkpoint_key, log_key, means, trust_roots
from expunge.audit.selectors import log_verify
from expunge.certificates.keys import document_credential, statement_credential
from expunge.certificates.models import Certificate, Status
from expunge.certificates.offline import Trust, verify
from expunge.certificates.offline.trust import read_roots
from expunge.certificates.readiness import signing_faults
from expunge.certificates.rotation import key_rotate
from expunge.certificates.selectors import certificate_pdf, certificate_sidecar
from expunge.certificates.services import certificate_issue
from expunge.common import pki
from expunge.common.signers import KeyUnavailableError, Means, elsewhere, holds
from tests.expunge.certificates.samples import FACTS
from tests.expunge.certificates.signing_service import signing_service

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so")
PIN = "4711"
USES = {"statement": pki.CODE_SIGNING, "document": pki.DOCUMENT_SIGNING}
Place = Callable[[str, str], str]


class Token:
    """A token of SoftHSM, and keys made in it."""

    def __init__(self, folder: Path) -> None:
        self.module = next(path for path in MODULES if Path(path).exists())
        (folder / "tokens").mkdir()
        settings = f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n"
        (folder / "softhsm.conf").write_text(settings)
        label = ["--label", "evidence", "--pin", PIN, "--so-pin", PIN]
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", *label], check=True, capture_output=True
        )

    def make(self, label: str, kind: str) -> str:
        library = pkcs11.lib(self.module)
        library.reinitialize()
        token = library.get_token(token_label="evidence")
        with token.open(user_pin=PIN, rw=True) as session:
            if kind == "rsa":
                session.generate_keypair(pkcs11.KeyType.RSA, 2048, label=label, store=True)
            elif kind == "ecdsa":
                curve = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
                session.create_domain_parameters(
                    pkcs11.KeyType.EC, curve, local=True
                ).generate_keypair(label=label, store=True)
            else:
                curve = {pkcs11.Attribute.EC_PARAMS: b"\x13\x0cedwards25519"}
                session.create_domain_parameters(
                    pkcs11.KeyType.EC_EDWARDS, curve, local=True
                ).generate_keypair(
                    mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN, label=label, store=True
                )
        return f"pkcs11:token=evidence;object={label}"


@pytest.fixture(scope="module")
def token(tmp_path_factory: Any) -> Iterator[Token]:
    folder = tmp_path_factory.mktemp("softhsm")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SOFTHSM2_CONF", str(folder / "softhsm.conf"))
        yield Token(folder)


@pytest.fixture
def hardware(settings: Any, tmp_path: Path, token: Token) -> Token:
    settings.EXPUNGE_SIGNING_DIR = tmp_path / "signing"
    settings.EXPUNGE_PKCS11_MODULE, settings.EXPUNGE_PKCS11_PIN = token.module, PIN
    return token


@contextmanager
def service(settings: Any) -> Iterator[Place]:
    kinds = {"statement": "ed25519", "document": "rsa-3072", "checkpoint": "ed25519"}
    with signing_service("s.secret", **kinds) as address:
        settings.EXPUNGE_VAULT_TOKEN = "s.secret"
        yield lambda name, _kind: f"vault:{address}/keys/{name}?version=1"


def install(folder: Path, name: str, place: str) -> None:
    """Say where a key is, and have the folder's authority certify it."""
    pki.roots(folder, generate=True)
    (folder / f"{name}.key.uri").write_text(f"{place}\n")
    if (usage := USES.get(name.removesuffix(".next"))) is not None:
        public = elsewhere(place, means()).public_key()
        (folder / f"{name}.crt.pem").write_text(pki.certify(folder, f"A {name}", usage, public))


def issue(number: int = 1) -> Certificate:
    return certificate_issue(
        facts=FACTS, ticket_id=UUID(int=number), controller_id=UUID(int=7), actor=Actor(system="w")
    )


def valid(certificate: Certificate) -> None:
    trust = Trust(read_roots(trust_roots()), (log_key(),))
    pdf, sidecar = certificate_pdf(certificate), certificate_sidecar(certificate)
    outcome = verify(pdf, trust, sidecar=sidecar)
    assert outcome.valid, outcome.findings


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_a_key_in_a_token_signs_as_one_in_a_file_does(token: Token, kind: str) -> None:
    place = token.make(f"probe-{kind}", kind)
    key = elsewhere(place, Means(token.module, PIN))
    signature = key.sign(b"evidence")
    assert holds(key.public_key(), signature, b"evidence")
    assert not holds(key.public_key(), signature, b"evidencf")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "kinds",
    [
        {"statement": "ed25519", "document": "rsa", "checkpoint": "ed25519"},
        {"statement": "ecdsa", "document": "ecdsa"},
    ],
    ids=["rsa-and-ed25519", "ecdsa"],
)
def test_certificates_signed_in_a_token_hold(
    hardware: Token, settings: Any, kinds: dict[str, str]
) -> None:
    folder = settings.EXPUNGE_SIGNING_DIR
    for name, kind in kinds.items():
        install(folder, name, hardware.make(f"{name}-{'-'.join(kinds.values())}", kind))
    assert signing_faults() == []
    valid(issue())
    assert not list(folder.glob("document.key.pem"))


@pytest.mark.django_db(transaction=True)
def test_a_key_can_move_from_a_file_into_a_token(hardware: Token, settings: Any) -> None:
    folder = settings.EXPUNGE_SIGNING_DIR
    before = issue(1)
    for name, kind in (("statement", "ed25519"), ("document", "ecdsa"), ("checkpoint", "ed25519")):
        install(folder, f"{name}.next", hardware.make(f"moved-{name}", kind))
        key_rotate(purpose=name)
        assert not (folder / f"{name}.key.pem").exists()
        assert (folder / f"{name}.key.uri").read_text().strip().endswith(f"moved-{name}")
    valid(issue(2))
    install(folder, "checkpoint.next", hardware.make("moved-again", "ed25519"))
    said = StringIO()
    call_command("key_rotate", "checkpoint", stdout=said)
    assert "object=moved-checkpoint. Destroy it there by hand." in said.getvalue()
    trust = Trust(read_roots(trust_roots()), (log_key(),))
    assert verify(certificate_pdf(before), trust).findings[0].holds
    assert log_verify().sound


@pytest.mark.django_db(transaction=True)
def test_certificates_signed_by_a_service_hold(settings: Any, tmp_path: Path) -> None:
    settings.EXPUNGE_SIGNING_DIR = tmp_path / "signing"
    with service(settings) as place:
        for name in ("statement", "document", "checkpoint"):
            install(settings.EXPUNGE_SIGNING_DIR, name, place(name, ""))
        assert signing_faults() == []
        valid(issue())


@pytest.mark.django_db(transaction=True)
def test_a_service_that_is_away_keeps_a_certificate_waiting(settings: Any, tmp_path: Path) -> None:
    settings.EXPUNGE_SIGNING_DIR = tmp_path / "signing"
    with service(settings) as place:
        install(settings.EXPUNGE_SIGNING_DIR, "document", place("document", ""))
    with pytest.raises(KeyUnavailableError, match="does not answer"):
        issue()
    assert not Certificate.objects.filter(status=Status.ISSUED).exists()
    assert any("does not answer" in fault for fault in signing_faults())


def test_whatever_is_wrong_is_said_at_once(hardware: Token, settings: Any, tmp_path: Path) -> None:
    folder = settings.EXPUNGE_SIGNING_DIR
    one = hardware.make("only-one", "ed25519")
    install(folder, "statement", one)
    install(folder, "checkpoint", one)
    assert any("checkpoint key is the statement key too" in fault for fault in signing_faults())
    install(folder, "checkpoint", hardware.make("an-ecdsa", "ecdsa"))
    assert any("Ed25519" in fault for fault in signing_faults())
    install(folder, "checkpoint", "pkcs11:token=evidence;object=nothing")
    assert any("holds no one" in fault for fault in signing_faults())
    settings.EXPUNGE_PKCS11_PIN = "wrong"
    assert any("EXPUNGE_PKCS11_PIN" in fault for fault in signing_faults())
    settings.EXPUNGE_PKCS11_PIN = PIN
    other = tmp_path / "other"
    made = pki.credential(
        other,
        "statement",
        title="Another",
        usage=pki.DOCUMENT_SIGNING,
        make=pki.elliptic,
        generate=True,
    )
    (folder / "statement.crt.pem").write_bytes(made.chain)
    assert any("not the certificate of the key" in fault for fault in signing_faults())
    with pytest.raises(SystemExit, match="1"):
        call_command("keys_check", stderr=StringIO())


@pytest.mark.parametrize(
    ("place", "means", "sentence"),
    [
        ("file:/etc/key", Means(), "begins with pkcs11: or with vault:"),
        ("pkcs11:object=x", Means("m", "1"), "reads pkcs11:token"),
        ("pkcs11:token=a;object=x", Means(), "EXPUNGE_PKCS11_MODULE"),
        ("vault:https://v.example/v1/transit/keys/x", Means(vault_token="t"), "version=1"),
        ("vault:http://v.example/v1/transit/keys/x?version=1", Means(vault_token="t"), "https"),
        ("vault:https://v.example/v1/transit/keys/x?version=1", Means(), "EXPUNGE_VAULT_TOKEN"),
    ],
)
def test_a_place_that_is_none_is_refused(place: str, means: Means, sentence: str) -> None:
    with pytest.raises(pki.KeyMissingError, match=sentence):
        elsewhere(place, means)


def test_a_service_refuses_a_stranger(settings: Any) -> None:
    with service(settings) as place:
        stranger = elsewhere(place("document", ""), Means(vault_token="guessed"))
        with pytest.raises(pki.KeyMissingError, match="403"):
            stranger.sign(b"x")
        unknown = elsewhere(place("nothing", ""), means())
        with pytest.raises(pki.KeyMissingError, match="404"):
            unknown.public_key()


def test_a_process_that_may_not_sign_reaches_no_token(hardware: Token, settings: Any) -> None:
    install(settings.EXPUNGE_SIGNING_DIR, "checkpoint", hardware.make("kept-away", "ed25519"))
    settings.EXPUNGE_MAY_SIGN = False
    for ask in (checkpoint_key, statement_credential, document_credential):
        with pytest.raises(pki.KeyMissingError, match="may not sign"):
            ask()
