"""The FHIR v2 view (R4): Practitioner, PractitionerRole, Organization, each with its mailboxes.

`resources` writes them, `parameters` and `search` find them, `patch` feeds mailboxes, `service` is
the whole of it without HTTP: a request value in, a response value out.
"""

from sandbox.directory.fhir.service import FhirOptions, FhirRequest, FhirResponse, FhirService

__all__ = ["FhirOptions", "FhirRequest", "FhirResponse", "FhirService"]
