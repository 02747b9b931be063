"""What can only be checked over several rules, or several packs, at once."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from config.packs.errors import PolicyError, near
from config.packs.kinds import KINDS
from config.packs.reader import PackFile
from config.packs.rows import Row
from config.packs.values import QuotaValue, WindowValue


def check_pack(pack: PackFile) -> None:
    """Check the rows of one file against each other.

    Raises:
        PolicyError: an id stands twice on one day, two rows answer one question on one day, or
            a row depends on something that the pack lacks.
    """
    for earlier, later in combinations(pack.rows, 2):
        if not earlier.overlaps(later):
            continue
        if earlier.rule.id == later.rule.id:
            raise _error(
                pack,
                later,
                "the id stands twice for the same days; rename one, or end the first with "
                "effective_to",
                "id",
            )
        shared = sorted(_subjects(earlier) & _subjects(later))
        if shared and earlier.rule.kind == later.rule.kind:
            raise _error(
                pack,
                later,
                f"{earlier.rule.id} is a {later.rule.kind} rule for {shared[0]} on the same days; "
                "join them, or end the first with effective_to",
                "kind",
            )
    for row in pack.rows:
        _check_needs(pack, row)


def _subjects(row: Row) -> frozenset[str]:
    """What the row gives the only answer for."""
    match KINDS[row.rule.kind].one_per:
        case "category":
            return frozenset(row.rule.categories or ())
        case "tier" if isinstance(row.value, QuotaValue):
            return frozenset({row.value.tier})
        case "pack":
            return frozenset({"the pack"})
        case _:
            return frozenset()


def _check_needs(pack: PackFile, row: Row) -> None:
    if row.rule.kind == "holiday_cap" and not any(
        cap.overlaps(row) and set(row.rule.categories or ()) <= set(cap.rule.categories or ())
        for cap in _of_kind(pack.rows, "cap")
    ):
        raise _error(pack, row, "there is no cap for it to lower; add a cap rule", "kind")
    needs_holidays = isinstance(row.value, WindowValue) and row.value.closed_on_holidays
    if needs_holidays or row.rule.kind == "holiday_cap":
        for code, country in pack.countries.items():
            if country.holidays is None:
                raise _error(
                    pack, row, f"the holidays of {code} are not known; add holidays", "value"
                )
    if row.rule.kind == "registration_fields" and not any(
        registration.overlaps(row) for registration in _of_kind(pack.rows, "registration")
    ):
        raise _error(pack, row, "no registration is asked for; add a registration rule", "kind")


def _of_kind(rows: Iterable[Row], kind: str) -> Iterator[Row]:
    return (row for row in rows if row.rule.kind == kind)


def _error(pack: PackFile, row: Row, problem: str, field: str) -> PolicyError:
    return pack.text.error(problem, rule=row.place, rule_id=row.rule.id, field=field)


def check_packs(packs: Sequence[PackFile], general: PackFile) -> None:
    """Check the packs against each other and against the general file.

    Raises:
        PolicyError: two packs have one code or one country, or a general rule names a pack that
            there is not.
    """
    codes: dict[str, PackFile] = {}
    owners: dict[str, PackFile] = {}
    for pack in packs:
        _claim(codes, pack.head.code, pack, f"the code {pack.head.code}", "code")
        for country in pack.countries:
            _claim(owners, country, pack, f"the country {country}", country)
    for row in general.rows:
        for code in row.rule.packs or ():
            if code not in codes:
                raise _error(general, row, f"no pack {code!r}; {near(code, codes)}", "packs")


def _claim(
    owners: dict[str, PackFile], name: str, pack: PackFile, subject: str, field: str
) -> None:
    other = owners.setdefault(name, pack)
    if other is not pack:
        raise pack.text.error(
            f"{subject} is {other.text.path.name}'s already; remove one", field=field
        )
