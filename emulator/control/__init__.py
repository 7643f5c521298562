"""The emulator's own JSON API under /_emulator/."""
