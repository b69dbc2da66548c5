"""What commands do: one module a group of commands, of the same name as the one that parses it."""

from sandbox.operators.imap.do import changes, fetch, general, listing, mailboxes, search

__all__ = ["changes", "fetch", "general", "listing", "mailboxes", "search"]
