"""An operator of the space: mailboxes that real mail software logs in to (API MSS-OE, MSS-IO).

Theory of operation. A connection is a `Channel` (which endpoint of which design, which peer, which
certificate). Its protocol core (`imap`, `smtp`) turns bytes into commands and asks two questions:
who is this (`login` conducts, `auth` judges: an `Actor` or a refusal), and what is in this mailbox
(`store`: one SQLite file per operator, every answer to a client is given after the commit). A
message that is submitted, or that another operator relays, goes through `post`: local recipients
and the queue of `relay` are written in one transaction, then 250 is said. Every refusal is a
constant of its package's `refusals`: a reason in words for the journal, a code for the client;
every login, session and delivery is told to an `Observer`, in the schema that the simulation uses.
It knows one operator at a time: the space, its designs and its addresses come from `live`. It
imports space, messages, observations, serve, trust, directory and psc; clients, live, conformance
and the console may import it.
"""
