"""Post: what happens to a message that a server has taken, and the one who says where mail goes.

Theory of operation. A server that has a whole message in hand reads its header once (`headers`:
strictly, since what two servers may read differently is refused) and carries both as a `Message`.
The `office` answers the one question of all who handle mail, here or elsewhere; it puts the trace
before the message and takes off what others had no right to write (`trace`), and stores recipients
here and those elsewhere in one transaction: only then 250 is said. What became of a recipient is
told to the sender by a notification (`dsn`), which finds its way by the same office.
`addresses` reads the paths of RFC 5321. Bytes and values, a store and a clock: no socket, and no
reply of SMTP. `smtp` brings messages in, `relay` takes them elsewhere; neither knows the other.
"""

from sandbox.operators.post.headers import Header, HeaderError, Message, read_message
from sandbox.operators.post.office import PostError, PostOffice

__all__ = ["Header", "HeaderError", "Message", "PostError", "PostOffice", "read_message"]
