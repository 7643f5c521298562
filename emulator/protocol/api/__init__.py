"""One function per OSS operation: parse, call the domain, render."""
