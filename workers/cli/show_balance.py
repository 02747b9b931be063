"""The balance of a campaign, as text."""

from workers.reports.balance import ENDS, OPEN, Balance


def print_balance(balance: Balance) -> None:
    """Print the balance, a line a state, with the reasons under it."""
    print(f"{'accepted':<12}{balance.accepted:>12,}")
    for name in (*ENDS, *OPEN):
        amount = balance.lines[name]
        if amount or name in ENDS:
            print(f"  {name.replace('_', ' '):<10}{amount:>12,}")
        if amount:
            for reason, messages in balance.reasons.get(name, {}).items():
                print(f"    {reason:<32}{messages:>12,}")
    parts = [f"{balance.lines[name]:,} {name.replace('_', ' ')}" for name in ENDS]
    parts += [f"{balance.lines[name]:,} {name}" for name in OPEN if balance.lines[name]]
    print(f"{balance.accepted:,} accepted = {' + '.join(parts)}")
