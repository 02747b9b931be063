"""``recado policy``: the rules in force, with their sources. Needs no server."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from config.policies import Overlay, Pack, Policies, check_policies, load_policies
from config.settings import load_settings
from pipeline.policy.country import CountryPolicy
from workers.cli.output import UNUSABLE, AsJson, CommandError, print_json
from workers.clock import machine_now
from workers.reports.rules import rule_as_json, rule_lines
from workers.reports.rules_page import rules_page

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="The rules in force."
)


@app.command("list")
def list_packs(*, as_json: AsJson = False) -> None:
    """Every pack and every overlay: its countries, how many rules it has, when it was checked."""
    policies = _load()
    packs, overlays = policies.packs(), policies.overlays()
    if as_json:
        names = {code: name for pack in packs for code, name in pack.countries.items()}
        print_json(
            [
                *map(_pack_as_json, packs),
                *(_overlay_as_json(overlay, names) for overlay in overlays),
            ]
        )
        return
    for pack in packs:
        countries = " ".join(sorted(pack.countries)) or "with every other"
        print(
            f"{pack.code:<8} {pack.name:<28} {len(pack.rules):>3} rules, version {pack.version}, "
            f"checked {pack.last_checked}: {countries}"
        )
    for overlay in overlays:
        state = "on" if overlay.on else "off"
        countries = " ".join(overlay.countries).replace("*", "every country")
        print(
            f"overlay {overlay.name:<16} {state:<3} {len(overlay.rules):>3} rules, version "
            f"{overlay.version}, checked {overlay.last_checked}: {countries}"
        )


@app.command()
def show(
    country: Annotated[str, typer.Argument(metavar="CC", help="ISO 3166 code, e.g. BR.")],
    *,
    at: Annotated[str | None, typer.Option("--at", metavar="DATE", help="E.g. 2026-11-27.")] = None,
    overlay: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="As if this overlay were switched on; repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The rules in force for recipients of a country on a day (today, unless --at says else)."""
    on = _day(at)
    code = country.strip().upper()
    policies = _load().with_overlays(overlay or ())
    policy = policies.for_country(code, on)
    if policy is None:
        raise CommandError(_unknown(policies, code, on), exit_code=UNUSABLE)
    if as_json:
        print_json(_policy_as_json(policy, on))
        return
    overlays = f", with {', '.join(policy.overlays)}" if policy.overlays else ""
    print(
        f"{policy.name} ({policy.country}), pack {policy.pack}, {policy.version}, on {on}{overlays}"
    )
    for rule in policy.rules:
        print("", *rule_lines(rule), sep="\n")


@app.command()
def check(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Packs, and overlays in its folder overlays/; those in use, unless given.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Whether packs and overlays can be used; for each file that cannot, its first error."""
    policies, errors = check_policies(folder or load_settings().policies)
    if as_json:
        print_json({"usable": policies is not None, "errors": [str(error) for error in errors]})
    else:
        for error in errors:
            print(error)
    if policies is None:
        files = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        raise CommandError(f"{files}; correct them and check again", exit_code=UNUSABLE)
    if not as_json:
        print(f"{len(policies.packs())} packs and {len(policies.overlays())} overlays can be used")


@app.command()
def page() -> None:
    """Every rule of every pack and overlay as one Markdown page, such as docs/rules.md."""
    print(rules_page(_load()), end="")


def _load() -> Policies:
    settings = load_settings()
    return load_policies(
        settings.policies,
        closed_days=settings.closed_days,
        overlays=settings.overlays,
        length_blocks=settings.length == "block",
    )


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


def _pack_as_json(pack: Pack) -> dict[str, Any]:
    return {
        "code": pack.code,
        "name": pack.name,
        "version": pack.version,
        "last_checked": pack.last_checked,
        "countries": dict(pack.countries),
        "rules": len(pack.rules),
        "overlay": False,
    }


def _overlay_as_json(overlay: Overlay, names: Mapping[str, str]) -> dict[str, Any]:
    countries = names if overlay.countries == ("*",) else overlay.countries
    return {
        "code": overlay.name,
        "name": overlay.title,
        "version": overlay.version,
        "last_checked": overlay.last_checked,
        "countries": {code: names.get(code, code) for code in countries},
        "rules": len(overlay.rules),
        "overlay": True,
        "on": overlay.on,
    }


def _policy_as_json(policy: CountryPolicy, on: date) -> dict[str, Any]:
    return {
        "country": policy.country,
        "name": policy.name,
        "pack": policy.pack,
        "version": policy.version,
        "on": on,
        "overlays": list(policy.overlays),
        "rules": [rule_as_json(rule) for rule in policy.rules],
    }
