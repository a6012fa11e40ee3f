"""A pattern over addresses: * is any run of characters (/ too), ? is one. No regular expression, bounded work."""

LONGEST = 128  # characters of a pattern
_STEPS = 20_000  # comparisons spent on one query


def is_pattern(text: str) -> bool:
    """Whether it stands for more than itself."""
    return "*" in text or "?" in text


def matching(pattern: str, addresses: tuple[str, ...]) -> tuple[str, ...] | None:
    """The addresses that match, in order; None when finding out costs too much."""
    if len(pattern) > LONGEST:
        return None
    head, steps = pattern.partition("*")[0].partition("?")[0], _STEPS
    found: list[str] = []
    for address in addresses:
        if not address.startswith(head):
            continue
        hit, steps = _match(pattern, address, steps)
        if steps <= 0:
            return None
        if hit:
            found.append(address)
    return tuple(found)


def _match(pattern: str, text: str, steps: int) -> tuple[bool, int]:
    """Greedy, going back to the last star only: at most len(pattern) x len(text) steps."""
    p = t = 0
    star, resume = -1, 0
    while t < len(text) and steps > 0:
        steps -= 1
        if p < len(pattern) and pattern[p] == "*":
            star, resume, p = p, t, p + 1
        elif p < len(pattern) and pattern[p] in ("?", text[t]):
            p, t = p + 1, t + 1
        elif star >= 0:
            resume += 1
            p, t = star + 1, resume
        else:
            return False, steps
    return t == len(text) and not pattern[p:].strip("*"), steps
