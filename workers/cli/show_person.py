"""What a person has written, and what followed from it, for a reader."""

from datetime import datetime

from pipeline.store.person_history import PastNotice, PastOptOut, PastReply, PersonHistory


def print_person(who: str, person: PersonHistory) -> None:
    """Print everything that is known beside the messages; nothing when there is nothing.

    Args:
        who: the number, as far as it may be shown.
    """
    if not person:
        return
    print(f"What {who} has written, and what followed")
    for reply in person.replies:
        print(f"  {reply.received_at.isoformat()}  {_reply(reply)}")
    for opt_out in person.opt_outs:
        _print_opt_out(opt_out)
    for notice in person.notices:
        print(f"  {notice.created_at.isoformat()}  {_notice(notice)}")
    for hold in person.holds:
        print(
            f"  {hold.since.isoformat()}  held: marketing of {hold.business}, until reply "
            f"{hold.reply} is decided on: recado reviews decide {hold.reply}"
        )
    for entry in person.suppressions:
        what = "everything" if entry.everything else "all but transactional messages"
        until = f"lifted at {_at(entry.lifted_at)}" if entry.lifted_at else "in force"
        print(
            f"  {entry.since.isoformat()}  suppressed: {what} of {entry.business}, "
            f"{entry.reason}, by {entry.source}: {until}"
        )
    print()


def _reply(reply: PastReply) -> str:
    if reply.kind == "number_change":
        return f"reply {reply.id}: the person has another number now"
    by = f" by {reply.match}" if reply.match else ""
    word = f" ({reply.matched})" if reply.matched else ""
    scope = f", scope {reply.scope}" if reply.scope else ""
    told = f"{reply.kind} {reply.id} to {', '.join(reply.businesses)}: {reply.intent}"
    if reply.decision is None:
        return f"{told}{by}{word}{scope}"
    # What it was nearly taken for still stands beside what a person made of it.
    return (
        f"{told}{scope}, held for review{by}{word} and decided as {reply.decision} by "
        f"{reply.decided_by} at {_at(reply.decided_at)}"
    )


def _print_opt_out(one: PastOptOut) -> None:
    kinds = (", a complaint" if one.complaint else "") + (", repeated" if one.repeated else "")
    told = f"opt-out {one.reply} from {', '.join(one.businesses)}, by {one.origin}{kinds}"
    print(f"  {one.received_at.isoformat()}  {told}")
    print(f"      in force {_at(one.in_force_at)}, due by {one.deadline_at.isoformat()}")
    print(f"      rule {one.rule or '(no pack)'}; policy {one.policy or '(none)'}")
    print(f"      {one.cancelled} waiting messages ended {_at(one.cancelled_at)}")
    confirmed = f" {_at(one.confirmed_at)}" if one.confirmed_at else ""
    print(f"      confirmation: {one.confirmation.replace('_', ' ')}{confirmed}")


def _notice(notice: PastNotice) -> str:
    times = {"sent": notice.sent_at, "delivered": notice.delivered_at}
    reached = "".join(f", {name} at {at.isoformat()}" for name, at in times.items() if at)
    code = f" ({notice.code})" if notice.code else ""
    return (
        f"{notice.kind} of {notice.business} for reply {notice.reply}, by "
        f"{notice.sender or 'a sender that is gone'}: {notice.state}{code}{reached}"
    )


def _at(moment: datetime | None) -> str:
    return moment.isoformat() if moment else "not yet"
