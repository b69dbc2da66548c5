"""Who is this? SASL exchanges, the five methods, what is refused and why.

Theory of operation. `sasl` turns a client's responses into `Credentials`, without sockets. The
`Authenticator` finds who they are about (`holdings`: the directory says who may open which mailbox
of this operator; `accounts`: passwords and TOTP secrets), counts attempts (`limits`), and hands
them to one module per method: `totp`, `cps`, `certificat` here; `ecps` and `ciba-operateur` are
verifiers that it is given. Every refusal is a row of `rules`, told once to the journal; the client
gets a code that says no more. It never knows mail or protocols, and it never logs a secret.
"""
