"""How commands are read: one module a group of commands, named as the one that does them."""
