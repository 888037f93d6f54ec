"""Rendering and sealing an agreement, against bare WeasyPrint and bare pyHanko on the same page.

The baseline gets the finished HTML and a loaded key and calls the two libraries, nothing else: no
template, no filling in, no evidence, no QR code, no checks. Memory is the peak of a fresh process
that makes one document. Verification is measured against pyHanko's own validation of both seals.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.measuring import Row, alternate, report

RUNS = 15
TEXT = "cmed-daa-1.md"


def main() -> None:
    """Measures time in this process and memory in two of their own; prints and keeps the rows."""
    set_up()
    from requests_app.agreements import verification  # noqa: PLC0415 - needs a set-up Django

    with TemporaryDirectory(prefix="portal-bench-") as folder:
        ours, baseline = makers(Path(folder))
        ours(), baseline()  # imports, fonts and caches are warm in both
        made, bare = alternate(ours, baseline, RUNS)
        trust, sealed = ours.trust, ours.countersigned()  # type: ignore[attr-defined]
        judged, validated = alternate(
            lambda: verification.verify(sealed, trust),
            lambda: validate(sealed, ours.roots),  # type: ignore[attr-defined]
            RUNS,
        )
    rows = [
        Row("render and seal", made * 1000, bare * 1000, "ms", RUNS),
        Row("verify both seals", judged * 1000, validated * 1000, "ms", RUNS),
        Row("peak memory, one document", memory("ours"), memory("baseline"), "MB", 1),
    ]
    report("agreement", rows)


class Ours:
    """The portal's own way from a signed agreement's parts to the sealed PDF."""

    def __init__(self, folder: Path) -> None:
        from requests_app.agreements import seal, sealing_keys, trust  # noqa: PLC0415
        from requests_app.agreements.pdf import render_pdf  # noqa: PLC0415
        from requests_app.agreements.texts import FOLDER  # noqa: PLC0415
        from tests.factories.agreements import document_input  # noqa: PLC0415
        from tests.factories.seals import key_in, pem  # noqa: PLC0415

        self.key: sealing_keys.SealKey = key_in(folder)
        self.document = document_input((FOLDER / TEXT).read_text(encoding="utf-8"))
        self.render, self.seal = render_pdf, seal
        self.roots = pem(*self.key.chain)
        self.trust = trust.Trust.from_pem(self.roots)

    def __call__(self) -> bytes:
        seal = self.seal.Seal(self.key, self.seal.Level.B_B)
        return self.seal.seal_pdf(self.render(self.document), seal, self.seal.Role.SEAL)

    def countersigned(self) -> bytes:
        seal = self.seal.Seal(self.key, self.seal.Level.B_B)
        return self.seal.seal_pdf(self(), seal, self.seal.Role.COUNTERSIGNATURE)


class Bare:
    """WeasyPrint and pyHanko as their manuals show them."""

    def __init__(self, ours: Ours) -> None:
        from pyhanko.keys.internal import (  # noqa: PLC0415
            translate_pyca_cryptography_cert_to_asn1 as certificate,
        )
        from pyhanko.keys.internal import (  # noqa: PLC0415
            translate_pyca_cryptography_key_to_asn1 as private,
        )
        from pyhanko.sign import signers  # noqa: PLC0415
        from pyhanko_certvalidator.registry import SimpleCertificateStore  # noqa: PLC0415

        from requests_app.agreements import pdf  # noqa: PLC0415
        from requests_app.agreements.wording import read_wording  # noqa: PLC0415

        document = ours.document
        self.html = str(pdf._markup(document, read_wording(document.text)))  # noqa: SLF001
        self.signer = signers.SimpleSigner(
            signing_cert=certificate(ours.key.certificate),
            signing_key=private(ours.key.key),
            cert_registry=SimpleCertificateStore.from_certs(map(certificate, ours.key.chain)),
        )

    def __call__(self) -> bytes:
        from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter  # noqa: PLC0415
        from pyhanko.sign import fields, signers  # noqa: PLC0415
        from weasyprint import HTML  # noqa: PLC0415

        rendered = HTML(string=self.html).write_pdf(pdf_variant="pdf/a-3b", pdf_tags=True)
        metadata = signers.PdfSignatureMetadata(
            field_name="Signature", md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES
        )
        writer = IncrementalPdfFileWriter(BytesIO(rendered))
        return bytes(signers.sign_pdf(writer, metadata, signer=self.signer).getvalue())


def makers(folder: Path) -> tuple[Ours, Bare]:
    """Returns what makes the document our way and the bare way, from the same parts."""
    ours = Ours(folder)
    return ours, Bare(ours)


def validate(content: bytes, roots: bytes) -> None:
    """Validates every signature with pyHanko, as its manual shows; raises if one does not hold."""
    from pyhanko.keys.pemder import load_certs_from_pemder_data  # noqa: PLC0415
    from pyhanko.pdf_utils.reader import PdfFileReader  # noqa: PLC0415
    from pyhanko.sign.validation import validate_pdf_signature  # noqa: PLC0415
    from pyhanko_certvalidator import ValidationContext  # noqa: PLC0415

    context = ValidationContext(trust_roots=list(load_certs_from_pemder_data(roots)))
    for signature in PdfFileReader(BytesIO(content)).embedded_signatures:
        if not validate_pdf_signature(signature, context).bottom_line:
            raise RuntimeError("pyHanko does not find a seal valid")


def memory(which: str) -> float:
    """Returns the peak of resident memory, in MB, of a process that makes one document."""
    told = subprocess.run(
        [sys.executable, "-m", "bench.agreement", which], capture_output=True, text=True, check=True
    )
    return float(json.loads(told.stdout)["megabytes"])


def set_up() -> None:
    """Starts Django with the settings of the tests, which touch nothing outside the process."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django  # noqa: PLC0415 - needs the settings' name first

    django.setup()


def once(which: str) -> None:
    """Makes one document and prints the peak of memory."""
    set_up()
    with TemporaryDirectory(prefix="portal-bench-") as folder:
        ours, bare = makers(Path(folder))
        make: Callable[[], Any] = ours if which == "ours" else bare
        make()
    print(json.dumps({"megabytes": peak_megabytes()}))


def peak_megabytes() -> float:
    """Returns the peak of this process alone: Linux counts its parent's into `ru_maxrss`."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    once(sys.argv[1])
