"""How commands are read: one module a group of commands, named as the one that does them."""

from sandbox.operators.imap.parse import changes, fetch, general, listing, mailboxes, search

__all__ = ["changes", "fetch", "general", "listing", "mailboxes", "search"]
