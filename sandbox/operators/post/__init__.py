"""What happens to a message that a server has taken."""
