"""`manage.py agreement_verify FILE.pdf [--root ROOT.pem]`: is it ours, and as it was sealed?"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import CommandParser

from requests_app.agreements import records
from requests_app.agreements.timestamps import certificates_in
from requests_app.agreements.trust import Trust
from requests_app.agreements.verification import Finding, verify
from requests_app.errors import PortalError
from requests_app.management.command import PortalCommand, Stopped, existing_file


class Command(PortalCommand):
    help = (
        "Verify a sealed agreement without a network. Exit code 0: genuine, 1: altered, not ours,"
        " or not proven because its seal's certificate was declared invalid,"
        " 2: it could not be asked, such as when the certificates cannot be used."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE.pdf", type=existing_file)
        parser.add_argument(
            "--root",
            metavar="ROOT.pem",
            type=existing_file,
            help="trust these certificates, such as /verify/certificates.pem of the portal that"
            " sealed, and need no database; otherwise those this portal has sealed with, and the"
            " file must be among the documents that it made",
        )

        parser.add_argument(
            "--timestamp-roots",
            metavar="ROOTS.pem",
            type=existing_file,
            help="the roots of time-stamp authorities to trust; with --root and without this,"
            " stamps are not checked",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self._genuine = False
        try:
            trust = self._trust(options)
        except (PortalError, OSError) as error:
            self._cannot_ask(str(error), as_json=options["json"])
        super().handle(*args, trust=trust, **options)
        if not self._genuine:
            raise Stopped("It is not genuine.", returncode=1)

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        ask = verify if options["root"] else records.verify_here
        verdict = ask(options["file"].read_bytes(), options["trust"])
        self._genuine = verdict.finding is Finding.GENUINE
        return verdict.as_json()

    def _trust(self, options: dict[str, Any]) -> Trust:
        root: Path | None = options["root"]
        trust = Trust.from_pem(root.read_bytes()) if root else Trust.published()
        clocks = certificates_in(options["timestamp_roots"], "--timestamp-roots")
        return replace(trust, clocks=clocks) if clocks else trust

    def _cannot_ask(self, sentence: str, *, as_json: bool) -> NoReturn:
        """Ends with 2: a file whose verdict is unknown must not look like an altered one."""
        if as_json:
            self.stdout.write(json.dumps({"error": sentence}, ensure_ascii=False, indent=2))
        raise Stopped(sentence, returncode=2)

    def describe(self, result: dict[str, Any]) -> str:
        lines = [f"{result['finding'].capitalize()}. {result['sentence']}"]
        lines += [f"  {change}" for change in result["changes"]]
        if facts := result["agreement"]:
            lines += [f"  dataset: {facts['dataset']}", f"  text version: {facts['text_number']}"]
            for signer in facts["signers"]:
                told = (signer["role"], signer["position"], signer["institution"])
                about = ", ".join(filter(None, told))
                lines.append(f"  signed: {signer['signed_at']} by {signer['name']} ({about})")
            for own in facts["own_signatures"]:
                fits = "fits" if own["intact"] else "DOES NOT FIT"
                lines.append(f"  applicant's certificate: {own['subject']}; its signature {fits}")
            for seal in facts["seals"]:
                by = seal["stamped_by"]
                stamp = f", with a time stamp that names {by} ({seal['stamp']})" if by else ""
                lines.append(f"  {seal['role']}: {seal['at']}, PAdES {seal['level']}{stamp}")
                lines.append(f"    certificate SHA-256 {seal['certificate_sha256']}")
                if since := seal["invalid_from"]:
                    lines.append(f"    this certificate was declared invalid as of {since}")
        return "\n".join(lines)
