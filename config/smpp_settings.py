"""The settings of an account at an SMSC, beside those that every account has."""

from pydantic import BaseModel, Field, SecretStr

from pipeline.providers.smpp.account import LongTexts, ReceiptIds, SmppAccount, read_address

LONGEST_PASSWORD = 8
"""Characters; SMPP 3.4, 5.2.2, leaves no room for more."""


class SmppSettings(BaseModel, extra="forbid"):
    """How `recado smpp` works.

    Attributes:
        metrics_host: the address at which its metrics are served.
        metrics_port: their port; None: they are not served.
    """

    metrics_host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    metrics_port: int | None = Field(default=None, ge=1, le=65_535)


class SmppFields(BaseModel):
    """Fields of an account of kind ``smpp``.

    Attributes:
        window: submits that may be unanswered at once, on each connection.
        enquire_link_seconds: silence after which the SMSC is asked whether it is there.
        long_texts: how a text travels that needs several SMS.
        receipt_ids: how the SMSC writes its ids in answers, and in receipts.
        opt_out_errors: ``err`` codes of its receipts that say that the person has left.
        violation_errors: those that say that the message broke a rule.
    """

    system_id: str = Field(default="", max_length=15)
    password: SecretStr = SecretStr("")
    system_type: str = Field(default="", max_length=12)
    window: int = Field(default=10, ge=1, le=10_000)
    enquire_link_seconds: float = Field(default=30.0, ge=1, le=3600)
    long_texts: LongTexts = LongTexts.PARTS
    receipt_ids: ReceiptIds = ReceiptIds.SAME
    opt_out_errors: list[str] = Field(default_factory=list, max_length=1000)
    violation_errors: list[str] = Field(default_factory=list, max_length=1000)

    def check_smpp(self, base_url: str) -> None:
        """Look at what an account of kind ``smpp`` needs.

        Raises:
            ValueError: something is missing, or cannot be used.
        """
        try:
            read_address(base_url)
        except ValueError as error:
            raise ValueError(f"BASE_URL of an account of kind smpp {error}") from None
        if not self.system_id or "password" not in self.model_fields_set:
            raise ValueError("an account of kind smpp needs SYSTEM_ID and PASSWORD")
        password = self.password.get_secret_value()
        if len(password) > LONGEST_PASSWORD:
            raise ValueError(f"PASSWORD of kind smpp: at most {LONGEST_PASSWORD} characters")
        if not (self.system_id + self.system_type + password).isascii():
            raise ValueError("SYSTEM_ID, SYSTEM_TYPE and PASSWORD of kind smpp must be ASCII")

    def smpp_account(self, name: str, *, base_url: str, request_timeout: float) -> SmppAccount:
        """The account as its sessions take it.

        Args:
            name: its key in the settings.
            base_url, request_timeout: those of the account.
        """
        host, port, tls = read_address(base_url)
        return SmppAccount(
            name=name.lower(),
            host=host,
            port=port,
            tls=tls,
            system_id=self.system_id,
            password=self.password.get_secret_value(),
            system_type=self.system_type,
            window=self.window,
            enquire_link_seconds=self.enquire_link_seconds,
            request_timeout=request_timeout,
            long_texts=self.long_texts,
            receipt_ids=self.receipt_ids,
            opt_out_errors=frozenset(code.upper() for code in self.opt_out_errors),
            violation_errors=frozenset(code.upper() for code in self.violation_errors),
        )
