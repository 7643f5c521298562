"""Random texts: key ids, secrets, tokens."""

from __future__ import annotations

from emulator.rng import Rng

KEY_ID_LETTERS, SECRET_LETTERS = 20, 30  # of a user's key after its prefix, of a secret (inferred)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def random_text(rng: Rng, letters: int) -> str:
    """Random letters and digits."""
    number = int(rng.hex(2 * letters), 16)
    made: list[str] = []
    for _ in range(letters):
        number, place = divmod(number, len(_LETTERS))
        made.append(_LETTERS[place])
    return "".join(made)
