"""Look for the system packages that pip cannot bring; install them with apt where that is allowed.

    python3 cmed_portal/embedded/machine.py GROUP...       (groups: venv, run, dev, browser)

A need is tested by what it does, never by a package's name: a Redis built by hand is as good as
Debian's. Where apt may not be used (no apt, or neither root nor password-free sudo) it says what is
missing with the exact command for apt, dnf and brew, and exits 1. Standard library only, run by its
path, like `bootstrap.py`.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

# Programs that a daemon's or a desktop's PATH may leave out.
os.environ["PATH"] = os.pathsep.join(
    [os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin"]
)


class Need(NamedTuple):
    """Something this machine must be able to do, and the packages that make it so."""

    name: str
    met: Callable[[], bool]
    apt: str
    dnf: str
    brew: str


def program(*names: str) -> Callable[[], bool]:
    """A test: is one of these programs on PATH?"""
    return lambda: any(shutil.which(name) for name in names)


def library(*stems: str) -> Callable[[], bool]:
    """A test: can the loader open all of these? A stem is `libNAME` and its version on Linux."""

    def opens(stem: str) -> bool:
        name, _, version = stem.partition(":")
        for candidate in (f"{name}.so.{version}", f"{name}.{version}.dylib", f"{name}.dylib"):
            for folder in ("", "/opt/homebrew/lib/", "/usr/local/lib/"):
                try:
                    ctypes.CDLL(folder + candidate)
                except OSError:
                    continue
                return True
        return False

    return lambda: all(map(opens, stems))


@lru_cache(maxsize=1)
def written_languages() -> frozenset[str]:
    """Languages (fontconfig's tags) that installed fonts can write; empty without fontconfig."""
    listing = shutil.which("fc-list")
    if not listing:
        return frozenset()
    told = subprocess.run(
        [listing, "--format", "%{lang}\n"], stdout=subprocess.PIPE, check=False, text=True
    ).stdout
    return frozenset(tag for line in set(told.splitlines()) for tag in line.split("|"))


def fonts(*languages: str) -> Callable[[], bool]:
    """A test: can installed fonts write all of these languages?"""
    return lambda: written_languages().issuperset(languages)


PANGO = ("libgobject-2.0:0", "libpango-1.0:0", "libpangoft2-1.0:0", "libfontconfig:1")
HARFBUZZ = ("libharfbuzz:0", "libharfbuzz-subset:0")
NOTO_DNF = " ".join(
    f"google-noto-sans-{script}fonts"
    for script in ("", "arabic-", "hebrew-", "devanagari-", "bengali-", "tamil-", "thai-")
)
NEEDS = {
    "venv": [
        Need(
            "Python's venv module",
            lambda: bool(importlib.util.find_spec("ensurepip")),
            f"python{sys.version_info[0]}.{sys.version_info[1]}-venv",
            "python3-pip",
            "python@3.13",
        ),
    ],
    "run": [
        Need("Redis", program("redis-server", "valkey-server"), "redis-server", "redis", "redis"),
        Need("Pango", library(*PANGO), "libpangoft2-1.0-0", "pango", "pango"),
        Need("HarfBuzz", library(*HARFBUZZ), "libharfbuzz-subset0", "harfbuzz", "harfbuzz"),
        Need("the fc-list program", program("fc-list"), *["fontconfig"] * 3),
        Need(
            "fonts for names in Latin, Greek, Cyrillic, Arabic, Hebrew, Indian and Thai script",
            fonts("en", "el", "ru", "ar", "he", "hi", "bn", "ta", "th"),
            "fonts-noto-core",
            NOTO_DNF,
            "font-noto-sans",
        ),
        Need(
            "fonts for names in Chinese, Japanese and Korean script",
            fonts("zh-cn", "zh-tw", "ja", "ko"),
            "fonts-noto-cjk",
            "google-noto-sans-cjk-fonts",
            "font-noto-sans-cjk",
        ),
    ],
    "dev": [
        Need("pdftotext", program("pdftotext"), "poppler-utils", "poppler-utils", "poppler"),
        *(Need(tool, program(tool), *[tool] * 3) for tool in ("wget", "curl", "unzip", "jq")),
        Need("certutil", program("certutil"), "libnss3-tools", "nss-tools", "nss"),
        Need("openssl", program("openssl"), *["openssl"] * 3),
        Need("SoftHSM", program("softhsm2-util"), "softhsm2", "softhsm", "softhsm"),
        Need("aria2c", program("aria2c"), *["aria2"] * 3),
        Need("rclone", program("rclone"), *["rclone"] * 3),
        Need("nginx", program("nginx"), "nginx-light", "nginx", "nginx"),
        Need("wrk", program("wrk"), *["wrk"] * 3),
    ],
    "browser": [
        Need("Chromium", program("chromium", "chromium-browser"), *["chromium"] * 3),
    ],
}


def main(groups: list[str]) -> int:
    """Exit code 0 when every need of the groups is met, 1 when not, 2 for an unknown group."""
    unknown = set(groups) - set(NEEDS)
    if unknown:
        print(f"No such group: {', '.join(sorted(unknown))}.", file=sys.stderr)
        return 2
    needs = [need for group in groups for need in NEEDS[group]]
    missing = unmet(needs)
    prefix = apt_prefix() if missing else None
    if prefix is not None:
        install(prefix, missing)
        missing = unmet(missing)
    if not missing:
        return 0
    print(sentence(missing), file=sys.stderr)
    return 1


def unmet(needs: list[Need]) -> list[Need]:
    """Those that this machine cannot do now."""
    written_languages.cache_clear()
    return [need for need in needs if not need.met()]


def apt_prefix() -> list[str] | None:
    """What to put before `apt-get`, or None where it may not be used without a password."""
    if not shutil.which("apt-get"):
        return None
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if (
        sudo
        and not subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode
    ):
        return [sudo, "-n"]
    return None


def install(prefix: list[str], missing: list[Need]) -> None:
    """Install with apt, telling what. A failure is left to the caller's second look."""
    packages = sorted({need.apt for need in missing})
    print(f"Installing with apt: {' '.join(packages)}", flush=True)
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    apt += ["-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Use-Pty=0"]
    for action in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        ended = subprocess.run(
            [*apt, *action],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if ended.returncode:
            print(ended.stdout, file=sys.stderr)
    if "redis-server" in packages and Path("/run/systemd/system").is_dir():
        # Debian starts a public Redis along with the package; the portal runs a private one.
        print("Stopping the Redis service that came with the package: the portal runs its own")
        subprocess.run([*prefix, "systemctl", "disable", "--now", "redis-server"], check=False)


def sentence(missing: list[Need]) -> str:
    """What is missing, and the commands that bring it."""

    def packages(manager: str) -> str:
        return " ".join(dict.fromkeys(" ".join(getattr(need, manager) for need in missing).split()))

    return (
        f"This machine lacks {'; '.join(need.name for need in missing)}."
        " Install what is missing and start again:\n"
        f"  Debian, Ubuntu:  sudo apt-get install --no-install-recommends {packages('apt')}\n"
        f"  Fedora, RHEL:    sudo dnf install {packages('dnf')}\n"
        f"  macOS:           brew install {packages('brew')}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
