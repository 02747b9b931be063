"""``recado policy``: the rules in force, with their sources. Needs no server."""

from datetime import date
from typing import Annotated, Any

import typer

from config.policies import ENFORCED_KINDS, Policies, load_policies
from config.settings import load_settings
from pipeline.policy.country import CountryPolicy, Rule
from workers.cli.output import UNUSABLE, AsJson, CommandError, print_json
from workers.clock import machine_now

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="The rules in force."
)


@app.command("list")
def list_packs(*, as_json: AsJson = False) -> None:
    """Every pack: its countries, how many rules it has, and when it was last checked."""
    packs = _load().packs()
    if as_json:
        print_json(
            [
                {
                    "code": pack.code,
                    "name": pack.name,
                    "version": pack.version,
                    "last_checked": pack.last_checked,
                    "countries": dict(pack.countries),
                    "rules": len(pack.rules),
                }
                for pack in packs
            ]
        )
        return
    for pack in packs:
        countries = " ".join(sorted(pack.countries)) or "with every other"
        print(
            f"{pack.code:<8} {pack.name:<28} {len(pack.rules):>3} rules, version {pack.version}, "
            f"checked {pack.last_checked}: {countries}"
        )


@app.command()
def show(
    country: Annotated[str, typer.Argument(metavar="CC", help="ISO 3166 code, e.g. BR.")],
    *,
    at: Annotated[str | None, typer.Option("--at", metavar="DATE", help="E.g. 2026-11-27.")] = None,
    as_json: AsJson = False,
) -> None:
    """The rules in force for recipients of a country on a day (today, unless --at says else)."""
    on = _day(at)
    code = country.strip().upper()
    policies = _load()
    policy = policies.for_country(code, on)
    if policy is None:
        raise CommandError(_unknown(policies, code, on), exit_code=UNUSABLE)
    if as_json:
        print_json(_as_json(policy, on))
        return
    print(f"{policy.name} ({policy.country}), pack {policy.pack}, {policy.version}, on {on}")
    for rule in policy.rules:
        mark = "enforced" if rule.kind in ENFORCED_KINDS else "not yet enforced"
        print(f"\n{rule.id}  [{rule.kind}, {rule.action}, {mark}]")
        print(f"  {rule.summary}")
        print(f"  source: {rule.source}" + (f" «{rule.phrase}»" if rule.phrase else ""))
        if rule.reason:
            print(f"  chosen because: {rule.reason}")


def _load() -> Policies:
    settings = load_settings()
    return load_policies(settings.policies, closed_days=settings.closed_days)


def _day(written: str | None) -> date:
    if written is None:
        return machine_now().date()
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise CommandError(
            f"--at is {written!r}; write a date as 2026-11-27", exit_code=UNUSABLE
        ) from None


def _unknown(policies: Policies, code: str, on: date) -> str:
    known = sorted(country for pack in policies.packs() for country in pack.countries)
    if code in known:
        return f"no rule for {code} was in force yet on {on}; nothing could be sent"
    return f"no pack has the country {code!r}; known: {', '.join(known)}"


def _as_json(policy: CountryPolicy, on: date) -> dict[str, Any]:
    return {
        "country": policy.country,
        "name": policy.name,
        "pack": policy.pack,
        "version": policy.version,
        "on": on,
        "rules": [_rule_as_json(rule) for rule in policy.rules],
    }


def _rule_as_json(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "kind": rule.kind,
        "action": rule.action,
        "enforced": rule.kind in ENFORCED_KINDS,
        "summary": rule.summary,
        "value": dict(rule.value),
        "source": rule.source,
        "phrase": rule.phrase,
        "reason": rule.reason,
        "categories": sorted(rule.categories),
        "effective_from": rule.effective_from,
        "effective_to": rule.effective_to,
    }
