"""An SMSC that we did not write: the npm package ``smpp``, told by ``smsc.js`` how to behave."""

import json
import os
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

HERE = Path(__file__).parent
INSTALL_SECONDS = 120


class NoSmscError(Exception):
    """It cannot be run here; the text tells why."""


def installed_modules() -> Path:
    """The folder with the package, installed on first use, outside of the checkout.

    Raises:
        NoSmscError: node or npm is missing, or the installation failed.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise NoSmscError("node and npm are needed to run the SMSC of the tests")
    manifest = HERE / "package.json"
    version = json.loads(manifest.read_text())["dependencies"]["smpp"]
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    target = home / "recado" / f"smsc-{version}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=target.parent))
        shutil.copy(manifest, work)
        _install(work)
        try:
            work.rename(target)
        except OSError:  # another run of the tests was faster
            shutil.rmtree(work, ignore_errors=True)
    return target / "node_modules"


def _install(folder: Path) -> None:
    # A lock file would name the registry that it was written with.
    quiet = ("--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts")
    try:
        subprocess.run(
            ["npm", "install", *quiet],  # noqa: S607 - whichever npm there is
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=INSTALL_SECONDS,
        )
    except (subprocess.SubprocessError, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise NoSmscError(f"npm cannot install the SMSC of the tests: {error}") from error


class Smsc:
    """A running SMSC.

    Args:
        modules: as `installed_modules` gives them.
        certificate: key and certificate, to speak TLS.
    """

    def __init__(self, modules: Path, certificate: tuple[Path, Path] | None = None) -> None:
        self._environment = os.environ | {"NODE_PATH": str(modules), "TZ": "UTC"}
        self._arguments = [] if certificate is None else [str(path) for path in certificate]
        self.tls = certificate is not None
        self._ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["node", str(HERE / "smsc.js"), *self._arguments],  # noqa: S607 - whichever node
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._ports = json.loads(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=10)

    @property
    def address(self) -> str:
        scheme = "smpps" if self.tls else "smpp"
        return f"{scheme}://{'localhost' if self.tls else '127.0.0.1'}:{self._ports['smpp']}"

    @property
    def port(self) -> int:
        return self._ports["smpp"]

    def reset(self) -> None:
        self._call("reset")

    def conduct(self, **wanted: Any) -> None:
        self._call("conduct", wanted)

    def log(self) -> Any:
        return self._call("log")

    def deliver(
        self,
        fields: Mapping[str, Any],
        *,
        mode: str = "receiver",
        wait_ms: int = 15_000,
        octets: str | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> Any:
        """Deliver something; the ``command_status`` that it was answered with, -1 for none.

        Args:
            octets: of the text, in hexadecimal digits; else its letters are among the fields.
            parameters: optional ones by name, in hexadecimal digits.

        None: nobody is bound to receive it.
        """
        content: dict[str, Any] = {"fields": dict(fields), "wait_ms": wait_ms, "mode": mode}
        if octets is not None:
            content["octets"] = octets
        if parameters is not None:
            content["parameters"] = parameters
        return self._call("deliver", content)["status"]

    def enquire(self, mode: str = "transmitter") -> Any:
        return self._call("enquire", {"mode": mode})["status"]

    def unbind(self, mode: str = "transmitter") -> Any:
        return self._call("unbind", {"mode": mode})["status"]

    def drop(self) -> None:
        self._call("drop")

    def say(self, octets: bytes, mode: str = "transmitter") -> None:
        """Send these octets as they are."""
        self._call("say", {"mode": mode, "octets": octets.hex()})

    def _call(self, command: str, content: Mapping[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._ports['control']}/{command}",
            json.dumps(content or {}).encode(),
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
            return json.loads(answer.read())
