"""Mail software that behaves: what people's programs say to operators, as a plan says, and when.

Theory of operation. A plan (`plan`) is plain data, made before anything starts: who has which
account, method and software (`ClientAccount`), and each session that will be (`Intent`): its
instant, and what its person will do (`Round`), drawn already. `load` starts each session at its
instant, whether or not earlier ones have ended (open loop): a slow server cannot hide its delays.
`visit` conducts one session as its software would: telephone, card or code, TCP, TLS, SASL, mail,
with its time-outs and further tries. `imap`, `smtp` and `wire` are the protocols, `holder` what an
account remembers between sessions (TLS tickets, tokens, the last code, whether its card is
unlocked), `telephone` the e-CPS and the links of SMS, `letters` what is sent and how it is checked.
`process` does all that in a process apart from the servers.

Why our own clients: what is measured are the instants between the steps of a login, and each
session resumes TLS or not, by a mechanism and a method that the plan says. Client libraries connect
and log in in one call, know no EXTERNAL or OAUTHBEARER, or take no TLS session.

It knows the scenario's terms and the schema of observations; nothing of how operators are made.
"""
