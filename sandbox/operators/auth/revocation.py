"""Is this certificate revoked? OCSP where the certificate says, then CRL; doubt is no.

A good certificate must not be refused because a machine is busy: an OCSP answer that is late is
still awaited while the CRL is asked beside it, and the first of them that can tell does.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID

from sandbox.space.errors import UserError
from sandbox.trust import RevocationStatus
from sandbox.trust.evidence import crl_status, ocsp_request, ocsp_status

__all__ = ["Revocation", "RevocationPolicy"]

_MAX_OCSP = 64 * 1024
_MAX_CRL = 16 * 1024 * 1024
_MOST_KEPT = 10_000
_NONCE = 32  # RFC 9654 §2.1
_LATE = 2.0  # s without OCSP's answer, the CRL is asked too: as long as who lets doubt in waits
_WEIGHT = (RevocationStatus.UNKNOWN, RevocationStatus.GOOD, RevocationStatus.REVOKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationPolicy:
    """How evidence is obtained.

    Attributes:
        cache_seconds: how long a GOOD answer, or a CRL, is believed without asking; 0 asks each
            time. This is how long a revoked card still opens.
        timeout: seconds for OCSP and the CRL together, then it is doubt; the default is what who
            refuses in doubt waits (`policies.revocation_timeout`).
        crl: ask the CRL when OCSP cannot tell, or is late: 2 s, or half of `timeout` if shorter.

    Raises:
        UserError: a value out of bounds.
    """

    cache_seconds: float
    timeout: float = 10.0
    crl: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.timeout <= 60:
            raise UserError(
                "hors de 0..60 secondes",
                "not in 0..60 seconds",
                where=f"revocation: timeout {self.timeout:g}",
            )
        if not 0 <= self.cache_seconds <= 3_600:
            raise UserError(
                "hors de 0..3600 secondes",
                "not in 0..3600 seconds",
                where=f"revocation: cache {self.cache_seconds:g}",
            )


@dataclass(frozen=True, slots=True)
class _Told:
    """What somebody said, and until when that may be believed, s since 1970."""

    status: RevocationStatus
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class _Kept:
    """A CRL, and until when it is believed without asking, s since 1970."""

    until: float
    crl: x509.CertificateRevocationList


_DOUBT = _Told(RevocationStatus.UNKNOWN)


class Revocation:
    """Asks. Only of certificates whose chain is known to be good: it calls where they say.

    Args:
        bundle: roots and intermediates, of which the issuer is one.
        policy: how.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        bundle: Sequence[x509.Certificate],
        policy: RevocationPolicy,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._bundle = tuple(bundle)
        self._policy = policy
        self._clock = clock
        self._http: httpx.AsyncClient | None = None
        self._good: OrderedDict[bytes, float] = OrderedDict()
        self._asked: dict[bytes, asyncio.Task[RevocationStatus]] = {}
        self._crls: dict[str, _Kept] = {}
        self._fetched: dict[str, asyncio.Task[_Kept | None]] = {}

    async def close(self) -> None:
        """Stop asking, close idle connections."""
        tasks = (*self._asked.values(), *self._fetched.values())
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def __call__(self, certificate: x509.Certificate) -> RevocationStatus:
        """Return what can be proved of a certificate; UNKNOWN when nothing can."""
        key = certificate.fingerprint(SHA256())
        if self._good.get(key, 0.0) > self._clock():
            return RevocationStatus.GOOD
        if not self._policy.cache_seconds:
            return await self._ask(certificate, key)
        # After a restart all connections of a card come back at once: one question for all.
        if key not in self._asked:
            self._asked[key] = asyncio.create_task(self._ask(certificate, key))
            self._asked[key].add_done_callback(lambda _: self._asked.pop(key))
        return await asyncio.shield(self._asked[key])

    async def _ask(self, certificate: x509.Certificate, key: bytes) -> RevocationStatus:
        issuer = self._issuer(certificate)
        if issuer is None:
            return RevocationStatus.UNKNOWN
        told = await self._told(certificate, issuer)
        if told.status is RevocationStatus.GOOD and self._policy.cache_seconds:
            self._good[key] = told.until
            while len(self._good) > _MOST_KEPT:
                self._good.popitem(last=False)
        return told.status

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _issuer(self, certificate: x509.Certificate) -> x509.Certificate | None:
        for candidate in self._bundle:
            if candidate.subject == certificate.issuer:
                try:
                    certificate.verify_directly_issued_by(candidate)
                except (InvalidSignature, TypeError, ValueError):
                    continue
                return candidate
        return None

    async def _told(self, certificate: x509.Certificate, issuer: x509.Certificate) -> _Told:
        """Return what OCSP says, or the first that can tell where OCSP cannot, or is late."""
        longest = self._policy.timeout
        try:
            async with asyncio.timeout(longest), asyncio.TaskGroup() as group:
                waiting = {group.create_task(self._ocsp(certificate, issuer))}
                told = await _first(waiting, min(_LATE, longest / 2))
                if told is _DOUBT and self._policy.crl:
                    waiting.add(group.create_task(self._crl(certificate, issuer)))
                if told is _DOUBT:
                    told = await _first(waiting)
                for each in waiting:
                    each.cancel()
        except TimeoutError:
            return _DOUBT
        return told

    async def _ocsp(self, certificate: x509.Certificate, issuer: x509.Certificate) -> _Told:
        url = _ocsp_url(certificate)
        if not url:
            return _DOUBT
        request = ocsp_request(certificate, issuer, os.urandom(_NONCE))
        answer = await self._fetch(url, _MAX_OCSP, request.public_bytes(Encoding.DER))
        if answer is None:
            return _DOUBT
        status = ocsp_status(request, answer, issuer, self._now())
        return _Told(status, self._clock() + self._policy.cache_seconds)

    async def _crl(self, certificate: x509.Certificate, issuer: x509.Certificate) -> _Told:
        lists = await asyncio.gather(*(self._list(url) for url in _crl_urls(certificate)))
        found = [each for each in lists if each is not None]
        if not found:
            return _DOUBT
        status = crl_status(certificate, issuer, [each.crl for each in found], self._now())
        # Not from now on: the CRL may have been here for a while.
        return _Told(status, min(each.until for each in found))

    async def _list(self, url: str) -> _Kept | None:
        kept = self._crls.get(url)
        if kept is not None and kept.until > self._clock():
            return kept
        if not self._policy.cache_seconds:
            return await self._new_list(url)
        # When OCSP is down all logins ask for the same CRL: it is fetched once for all.
        if url not in self._fetched:
            self._fetched[url] = asyncio.create_task(self._new_list(url))
            self._fetched[url].add_done_callback(lambda _: self._fetched.pop(url))
        return await asyncio.shield(self._fetched[url])

    async def _new_list(self, url: str) -> _Kept | None:
        data = await self._fetch(url, _MAX_CRL)
        if data is None:
            return None
        try:
            found = x509.load_der_x509_crl(data)
        except ValueError:
            return None
        kept = _Kept(self._clock() + self._policy.cache_seconds, found)
        self._crls[url] = kept
        return kept

    async def _fetch(self, url: str, longest: int, body: bytes | None = None) -> bytes | None:
        """Return the body of a 200 within time and size; POST of an OCSP request, or GET."""
        if self._http is None:
            # The environment's proxies are for the world, not for a loopback responder.
            # No TLS there: without a context of ours, httpx would read the system's authorities.
            self._http = httpx.AsyncClient(
                trust_env=False,
                # Doors bound who asks; an OCSP that hangs must not keep the CRL waiting.
                limits=httpx.Limits(max_keepalive_connections=20),
                timeout=self._policy.timeout,
                verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            )
        headers = {"Content-Type": "application/ocsp-request"} if body is not None else {}
        method = "GET" if body is None else "POST"
        data = bytearray()
        try:
            async with (
                asyncio.timeout(self._policy.timeout),
                self._http.stream(method, url, content=body, headers=headers) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    return None
                async for chunk in response.aiter_bytes():
                    data += chunk
                    if len(data) > longest:
                        return None
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
            return None
        return bytes(data)


async def _first(waiting: set[asyncio.Task[_Told]], seconds: float | None = None) -> _Told:
    """Return the first answer that tells, of several at once the worst; doubt when none in time.

    Tasks that are done leave `waiting`.
    """
    while waiting:
        done, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            break
        waiting -= done
        told = max((each.result() for each in done), key=lambda each: _WEIGHT.index(each.status))
        if told.status is not RevocationStatus.UNKNOWN:
            return told
    return _DOUBT


def _ocsp_url(certificate: x509.Certificate) -> str:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except x509.ExtensionNotFound:
        return ""
    for each in access.value:
        if each.access_method == AuthorityInformationAccessOID.OCSP:
            return _http_url(each.access_location)
    return ""


def _crl_urls(certificate: x509.Certificate) -> list[str]:
    """Return where the complete CRL and its delta are."""
    found = []
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.CRLDistributionPoints | x509.FreshestCRL):
            for point in extension.value:
                found += [_http_url(name) for name in point.full_name or ()]
    return [url for url in found if url]


def _http_url(name: x509.GeneralName) -> str:
    if isinstance(name, x509.UniformResourceIdentifier) and name.value.startswith("http://"):
        return str(name.value)
    return ""
