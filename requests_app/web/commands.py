"""Commands to copy from the page of a download link into a terminal.

Those that fetch one archive ask for exactly the archive that the page offered (`If-Match`, RFC 9110
section 13.1.1): should it change, a continued download ends with an error instead of a mixture.
"""

import shlex
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from requests_app.datasets.manifest import MANIFEST
from requests_app.distribution.choices import Choice
from requests_app.distribution.packages import Package


@dataclass(frozen=True, slots=True)
class Command:
    """A command to copy into a terminal; `id` is unique on the page."""

    id: str
    caption: str
    text: str


def commands(
    request: HttpRequest, package: Package, choice: Choice, zip_url: str, urls_url: str
) -> list[Command]:
    """The commands for one offer, each of which continues where it was broken off."""
    ident = package.name.replace(".", "-")
    file, same = f"'{package.stem}.zip'", f"'If-Match: {package.archive.etag}'"
    page = request.build_absolute_uri(request.path)
    portal = request.build_absolute_uri(reverse("client"))
    chosen = "".join(
        [f" --class {shlex.quote(each)}" for each in choice.classes]
        + [f" --split {shlex.quote(each)}" for each in choice.splits]
    )
    return [
        Command(f"client-{ident}", "Python, nothing to install: every file, in parallel, verified",
                f"curl -f -o client.py '{portal}'\n"
                f"python3 client.py{chosen} --release {package.version} '{page}'"),
        Command(f"wget-{ident}", "wget: one ZIP",
                f"wget -c --tries=20 --header={same} -O {file} '{zip_url}'"),
        Command(f"curl-{ident}", "curl: the same",
                f"curl -f -C - --retry 20 -H {same} -o {file} '{zip_url}'"),
        Command(f"aria2-{ident}", "aria2: the same over four connections",
                f"aria2c -c -x 4 -s 4 --header={same} -o {file} '{zip_url}'"),
        Command(f"powershell-{ident}", "PowerShell on Windows: the same",
                f"curl.exe -f -C - --retry 20 -o {file} '{zip_url}'"),
        Command(f"aria2-files-{ident}", "aria2: every file by itself, each checked as it arrives",
                f"curl -f -o urls.txt '{urls_url}'\naria2c -c -j 16 -i urls.txt"),
        Command(f"check-{ident}", "Unpack and check every file",
                f"unzip -q {file} && cd '{package.name}' && sha256sum --quiet -c {MANIFEST}"),
    ]  # fmt: skip
