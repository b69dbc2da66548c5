"""The extraction view: the MSSanté correspondence file and PS_LibreAcces, zipped, as a stream."""

from sandbox.directory.extractions.archive import Archive, correspondence, libre_acces

__all__ = ["Archive", "correspondence", "libre_acces"]
