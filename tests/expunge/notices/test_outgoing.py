"""Where calls may go: nowhere but the internet, and to the address that was checked."""

from __future__ import annotations

import socket
import threading
from ipaddress import ip_address
from typing import Any

import pytest

from expunge.common.errors import InvalidInputError
from expunge.notices import outgoing
from expunge.notices.outgoing import is_public, post, url_check
from tests.expunge.notices.conftest import Receiver

OUTSIDE = "93.184.215.14"


@pytest.fixture
def strict(settings: Any) -> None:
    """As in production: https only, and not to this machine."""
    settings.EXPUNGE_WEBHOOK_LOOPBACK = False


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1",
        "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1",
        "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "2002:7f00:1::",
        "2001:0:53aa:64c:0:fbff:f5ff:fffe", "64:ff9b::7f00:1", "64:ff9b:1::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_on_the_internet_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", OUTSIDE, "2606:4700::1111"])
def test_an_address_on_the_internet_is(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook",
        "ftp://example.org/",
        "file:///etc/passwd",
        "https://example.org:22/",
        "https://example.org:99999/",
        "https://user:secret@example.org/",
        "https://user@example.org/",
        "https://example.org/#part",
        "https://example.org/a b",
        "https://example.org/\r\nX-Evil: 1",
        "https:///path",
        "https://exa..mple.org/",
        "//example.org/",
        "https://example.org/" + "x" * 500,
        "",
    ],
)
def test_an_address_that_is_never_called_is_refused_when_it_is_typed(
    strict: None, url: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        url_check(url)
    assert caught.value.code == "url_refused"


@pytest.mark.parametrize(
    "url", ["https://example.org/hook", "https://example.org:8443/a?b=c", "https://bücher.example/"]
)
def test_an_https_address_is_taken(strict: None, url: str) -> None:
    url_check(url)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1",
     "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1"],
)  # fmt: skip
def test_this_network_is_not_reached_however_it_is_written(strict: None, host: str) -> None:
    answer = post(f"https://{host}/hook", b"{}", {})
    assert answer.status is None and answer.error in {"address", "name_unknown"}


def test_one_bad_address_of_a_name_spoils_the_name(strict: None) -> None:
    answer = post("https://x.example/", b"", {}, resolver=lambda *_: [OUTSIDE, "10.0.0.1"])
    assert answer.error == "address"


def test_a_name_that_changes_its_meaning_between_check_and_call_reaches_nothing(
    strict: None, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the first look-up is good, every later one points to this machine."""
    looked_up: list[str] = []
    connected: list[tuple[str, int]] = []

    def resolver(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return [OUTSIDE] if len(looked_up) == 1 else ["127.0.0.1"]

    def connect(place: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        connected.append(place)
        raise TimeoutError

    monkeypatch.setattr(outgoing.socket, "create_connection", connect)
    answer = post("https://rebind.example/hook", b"", {}, resolver=resolver)
    assert (looked_up, connected) == (["rebind.example"], [(OUTSIDE, 443)])
    assert answer.error == "timeout" and not receiver.got


def test_the_call_goes_to_the_checked_address_and_names_the_host(receiver: Receiver) -> None:
    url = f"http://hooks.example:{receiver.port}/a/b?c=d"
    answer = post(url, b'{"x":1}', {"webhook-id": "msg_1"}, resolver=lambda *_: ["127.0.0.1"])
    assert answer.is_success
    ((headers, body),) = receiver.got
    assert headers["host"] == f"hooks.example:{receiver.port}"
    assert headers["webhook-id"] == "msg_1" and body == b'{"x":1}'
    assert receiver.paths == ["/a/b?c=d"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(receiver: Receiver, status: int) -> None:
    receiver.status = status
    receiver.headers = {"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"}
    answer = post(receiver.url, b"{}", {})
    assert answer.status == status and not answer.is_success
    assert receiver.paths == ["/hook"]


def test_proxies_from_the_environment_are_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert post(receiver.url, b"{}", {}).is_success


def test_plain_http_goes_to_this_machine_only_even_in_development(receiver: Receiver) -> None:
    answer = post("http://x.example/hook", b"{}", {}, resolver=lambda *_: [OUTSIDE])
    assert answer.error == "scheme"


def test_a_server_without_a_certificate_for_the_name_is_not_spoken_to(receiver: Receiver) -> None:
    url = f"https://127.0.0.1:{receiver.port}/hook"
    answer = post(url, b"secret", {})
    assert answer.status is None and not receiver.got


def test_a_server_that_drips_is_left_after_the_whole_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outgoing, "WHOLE_SECONDS", 1.0)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            peer, _ = server.accept()
            with peer:
                while not over.wait(0.1):
                    try:
                        peer.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        answer = post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {})
        over.set()
        thread.join(5)
    assert answer.status is None and answer.error == "timeout"
    assert answer.milliseconds < 4000


def test_nobody_there_is_a_code_and_no_exception(receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert post(f"http://127.0.0.1:{port}/", b"{}", {}).error == "connection_ConnectionRefusedError"
