"""Files as an operator would write them, and a sandbox to send to."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

SENDERS = """
[[sender]]
id = "loja-azul-us"
business = "loja-azul"
country = "US"
channel = "sms"
address = "+15550100001"
provider = "sandbox"
rate_per_second = 500
tier = "high"
state = "active"
[sender.registration]
kind = "10dlc"
status = "approved"
approved_at = 2020-01-01T00:00:00Z
tax_id = "12-3456789"
industry = "retail"
template = "tpl"
"""

CAMPAIGN = """
[campaign]
id = "{code}"
name = "Order news"
business = "loja-azul"
brand = "Loja Azul"
category = "{category}"
channel = "sms"
language = "en-US"
expires_at = 2099-11-27T23:59:00-03:00

[campaign.content]
body = "Loja Azul: your order is on its way, {{name}}. Reply STOP to end."
"""

CONSENT_HEADER = "to,business,channel,category,granted_at,method,text,ip,signature,confirmed_at"


@pytest.fixture
def senders_file(tmp_path: Path) -> Path:
    path = tmp_path / "senders.toml"
    path.write_text(SENDERS)
    return path


@pytest.fixture
def campaign_file(tmp_path: Path) -> Callable[..., Path]:
    def write(code: str = "news", category: str = "transactional") -> Path:
        path = tmp_path / f"{code}.toml"
        path.write_text(CAMPAIGN.format(code=code, category=category))
        return path

    return write


@pytest.fixture
def recipients_file(tmp_path: Path) -> Callable[..., Path]:
    def write(*rows: str, header: str = "to,name") -> Path:
        path = tmp_path / "recipients.csv"
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    return write


@pytest.fixture
def new_yorkers() -> Callable[[int], Sequence[str]]:
    """So many valid numbers, each with a name."""

    def make(count: int) -> Sequence[str]:
        return [f"+1212555{number:04d},Ann" for number in range(100, 100 + count)]

    return make
