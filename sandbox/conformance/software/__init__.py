"""Which software works with which operator? Real clients, driven, and what came of it.

Theory of operation. `clients` is the table of mail software and libraries that others wrote:
what each needs, and how it is told one way in (`attempts`; libraries by the few lines of
`foreign/`, Thunderbird by its remote control). `world` is a running space as they see it, read
from `space.json` alone. A trial (`trials`) has a client try one mechanism at one endpoint, through
a wire tap that reads its ClientHello, and joins what it said with what the operator's journal has
of its connections. From trials come two tables: `matrix`, software x operator x method x design,
and `capabilities`, what a piece of software can do wherever it goes. What could not be told or
seen is said so: no cell is guessed.
"""
