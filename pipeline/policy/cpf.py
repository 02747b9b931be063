"""Brazil's taxpayer number (CPF): eleven digits, of which the last two check the others."""

import re

WRITTEN_CPF = re.compile(r"\d{3}\.?\d{3}\.?\d{3}-?\d{2}", re.ASCII)


def is_valid_cpf(text: str) -> bool:
    """Whether the text is a CPF, plain or as ``529.982.247-25``, with the right check digits.

    Eleven equal digits satisfy the arithmetic and are never issued, so they are refused.
    """
    written = text.strip()
    if not WRITTEN_CPF.fullmatch(written):
        return False
    digits = [int(character) for character in written if character.isdigit()]
    if len(set(digits)) == 1:
        return False
    return all(digits[place] == _check_digit(digits[:place]) for place in (9, 10))


def _check_digit(digits: list[int]) -> int:
    """The digit that follows `digits`: weights fall to 2 from the left, modulo 11."""
    weights = range(len(digits) + 1, 1, -1)
    total = sum(digit * weight for digit, weight in zip(digits, weights, strict=True))
    return (total * 10) % 11 % 10
