"""Does this software comply? A session in a running space, watched on the wire.

Theory of operation. `steps` is what software is asked to do, as data. A `session` stands `gate`s
before an operator's endpoints: TLS ends there, so what the software says is seen, and the gate may
be what no server should be. A driver (`drivers`: a person, a script) makes the software act; a
`record` keeps every connection; `dialogue_smtp` and `dialogue_imap` read it from its octets. A
check (`checks`) looks at the record and raises what it found, as those of an operator do; `judge`
makes the report. What the software is to do, and what for, it gets as JSON: docs/conformance.md.
"""
