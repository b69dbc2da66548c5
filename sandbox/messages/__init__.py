"""What health messages are: documents, headers, receipts, and the rules that they are held to.

Theory of operation. A message says in its header what it carries, so that an operator can count it
without opening it (`facts`). What it carries is a ZIP (`xdm`) with a CDA R2 document (`cda`) about
a patient, whose identity is qualified or not (`ins`). Bytes in, values out: no socket, no store, no
clock, and every limit on a stranger's bytes is a constant here. Operators, clients, controls and
indicators may all import it; it imports the errors and tables of `space` and nothing else.
"""

from sandbox.messages.facts import Facts, MessageKind, facts_of
from sandbox.messages.ins import InsSystem, PatientIdentity, qualified

__all__ = ["Facts", "InsSystem", "MessageKind", "PatientIdentity", "facts_of", "qualified"]
