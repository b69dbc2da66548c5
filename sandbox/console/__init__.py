"""The web console of a running space: watch it, touch it, break it, understand every refusal.

Theory of operation. `feed` reads what operators and Pro Santé Connect write down, and `ledger`
keeps of it an index in bounded memory: one trail for each connection. Views are pure functions from
those to frozen values (`timeline`, `people`, `mail`, `otlp`, `prometheus`); `api` answers them as
JSON, `pages` as HTML, in the same words. Pages change nothing: every action is a call of the API,
which a script can make too. `access` keeps strangers out, `console` puts all of it together.

It knows every package before it, and none of them knows it: a `LiveSpace` serves whatever console
its maker is given (`LiveSpace(console=...)`), on an event loop of its own. Nothing here knows a
protocol, judges a login or words a refusal: it shows what the others say.
"""
