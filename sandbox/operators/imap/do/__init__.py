"""What commands do: one module a group of commands, of the same name as the one that parses it."""
