"""Enrolment of telephones for one-time codes: a page with a QR code, and the same for scripts.

Theory of operation. A holder signs in with her password, and a code too once a telephone is
enrolled, or with her card; she is given a secret as a QR code (`otpauth`, which FreeOTP reads); it
counts once she has typed a code of it; she revokes it there. `enrolment` decides, without HTTP;
`tickets` remembers who signed in; `pages` and `web` are the pages and the JSON around it. It shares
accounts, codes, limits and refusals with the logins of `sandbox.operators.auth`.
"""

from sandbox.operators.enrolment.enrolment import Enrolment
from sandbox.operators.enrolment.web import application

__all__ = ["Enrolment", "application"]
