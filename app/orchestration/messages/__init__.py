"""Messages: from an event to a text for one person on one channel, sent once."""
