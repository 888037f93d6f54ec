"""`make demo`: the portal's whole main job once, over HTTP, against real processes.

Starts a portal of its own in a temporary state folder, plays two applicants, somebody whom one of
them named, and an approver, and leaves `agreement.pdf`, `download.eml`, `manifest.sha256` and
`report.json` in `var/demo/`.
Exit code 0 only if every step held.
"""

import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.e2e.cosigner import sign_by_invitation  # noqa: E402
from tests.e2e.downloads import Holder  # noqa: E402 - the repository must be on the path first
from tests.e2e.person import Person, Unexpected, first, text, until  # noqa: E402
from tests.e2e.portal import Portal, running_portal  # noqa: E402

PASSWORD = "a long sentence nobody guesses"
SINGLE_FILES = 200


@dataclass
class Report:
    """The steps as they happen: printed at once, kept for report.json."""

    steps: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        problem = ""
        try:
            yield
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            raise
        finally:
            seconds = round(time.monotonic() - started, 2)
            outcome = "fail" if problem else "pass"
            self.steps.append({"step": name, "seconds": seconds, "outcome": outcome})
            if problem:
                self.steps[-1]["problem"] = problem
            print(f"{'✗' if problem else '✓'} {seconds:6.2f} s  {name}  {problem}", flush=True)


@dataclass
class Applicant:
    person: Person
    answers: dict[str, Any]
    request_url: str = ""

    @property
    def name(self) -> str:
        return str(self.answers["legal_name"])


def answers(name: str, title: str, **changes: Any) -> dict[str, Any]:
    return {
        "legal_name": name,
        "institution": "Example University",
        "department": "Department of Psychology",
        "position": "Postdoctoral researcher",
        "country": "AU",
        "research_title": title,
        "purpose": "We study how brief expressions unfold in children during video calls.\n"
        "We train a spotting model and publish aggregate results only.",
        "funding": "A public grant; no commercial interest.",
        "ethics": "not_needed",
        "ethics_reason": "Secondary use of data collected under its own approval; our board "
        "confirmed in writing that no further approval is needed.",
        "data_protection_plan": "An encrypted server in our institute; two people have access.",
        **changes,
    }


def sign_up(applicant: Applicant) -> None:
    person = applicant.person
    page = person.open("/accounts/signup/")
    page = person.submit(
        page, {"email": person.email, "password1": PASSWORD, "password2": PASSWORD}
    )
    letter = person.letter_text("verification_code")
    code = first(r"(?m)^\s*([A-Z0-9]{4}-[A-Z0-9]{4})\s*$", letter)
    person.submit(page, {"code": code})


def fill_in(applicant: Applicant, **changes: Any) -> None:
    """Saves a draft first, then ticks every statement and goes on to signing."""
    person = applicant.person
    applicant.answers |= changes
    if not applicant.request_url:
        page = person.submit(person.open("/requests/new/"), {"dataset": "cmed"})
        applicant.request_url = first(r"(/requests/[0-9a-f-]{36}/)", str(page.base_url))
    page = person.open(f"{applicant.request_url}edit/")
    person.submit(page, applicant.answers, button="Save draft")
    page = person.open(f"{applicant.request_url}edit/")
    boxes = page.xpath("//input[@name='statements']/@value")
    page = person.submit(page, {"statements": [str(box) for box in boxes]}, button="Continue")
    if not str(page.base_url).endswith("/sign/"):
        raise Unexpected(f"the form does not lead to signing: {text(page)[:400]}")


def sign(applicant: Applicant) -> None:
    person = applicant.person
    page = person.open(f"{applicant.request_url}sign/")
    shown = text(page)
    for line in str(applicant.answers["purpose"]).splitlines():
        if line not in shown:
            raise Unexpected("the signing page does not show the purpose as typed")
    affirmed = [str(box) for box in page.xpath("//input[@name='affirmations']/@value")]
    page = person.submit(
        page,
        {
            "affirmations": affirmed,
            "consent_electronic": True,
            "typed_name": applicant.name,
            "password": PASSWORD,
        },
    )
    if "named_people-0-name" in applicant.answers:
        if "Waiting for signatures" not in text(page):
            raise Unexpected(f"nobody else is asked to sign: {text(page)[:400]}")
    elif "Submitted" not in text(page):
        raise Unexpected(f"the request was not submitted: {text(page)[:400]}")


def agreement_pdf(applicant: Applicant) -> bytes:
    """Waits until the status page offers the PDF, and returns it."""

    def look() -> bytes | None:
        answer = applicant.person.http.get(f"{applicant.request_url}agreement.pdf")
        return answer.content if answer.status_code == 200 else None

    content = until("the agreement's PDF", look)
    if not content.startswith(b"%PDF-1."):
        raise Unexpected("agreement.pdf is not a PDF")
    return content


def sign_in(person: Person, password: str) -> None:
    person.submit(person.open("/accounts/login/"), {"login": person.email, "password": password})
    person.open("/requests/")


def decide(approver: Person, applicant: Applicant, button: str, reason: str) -> None:
    """Goes from the queue to the request's review page and decides there."""
    queue = approver.open("/admin/requests_app/accessrequest/")
    identifier = applicant.request_url.split("/")[2]
    links = [link for link in queue.xpath("//a/@href") if identifier in link]
    if not links:
        raise Unexpected("the request is not in the queue")
    review = approver.open(str(links[0]))
    for needed in (applicant.name, applicant.person.email, applicant.answers["research_title"]):
        if needed not in text(review):
            raise Unexpected(f"the review page does not show “{needed}”")
    buttons = [a for a in review.xpath("//a") if text(a).lower() == button.lower()]
    if not buttons:
        raise Unexpected(f"the review page has no “{button}”")
    form = approver.open(str(buttons[0].get("href")))
    decided = {"reason": reason, "private_note": "Decided in the demonstration."}
    after = approver.submit(form, decided)
    if "is told" not in text(after):
        raise Unexpected(f"nothing was decided: {text(after)[:400]}")


def trail(auditor: Person, applicant: Applicant) -> list[tuple[str, str, str]]:
    """The audit entries of one request, oldest first, as the admin shows them: when, what, who."""
    identifier = applicant.request_url.split("/")[2]
    rows: list[tuple[str, str, str]] = []
    for number in range(1, 100):
        page = auditor.open(f"/admin/requests_app/entry/?q={identifier}&p={number}")
        found = page.xpath("//table[@id='result_list']/tbody/tr")
        rows += [(cell(row, "when"), cell(row, "kind"), cell(row, "actor")) for row in found]
        if f"p={number + 1}" not in "".join(map(str, page.xpath("//a/@href"))):
            break
    return rows[::-1]


def whole_trail(auditor: Person, applicant: Applicant) -> list[tuple[str, str, str]] | None:
    """The trail, once what was fetched last is in it: an end is entered up to a second later."""
    entries = trail(auditor, applicant)
    fetched = sum(kind == "holder:file:downloaded" for _, kind, _ in entries)
    return entries if fetched == SINGLE_FILES else None


def cell(row: Any, name: str) -> str:
    return text(row.xpath(f"*[contains(@class, 'field-{name}')]")[0])


def told(entries: list[tuple[str, str, str]]) -> Iterator[str]:
    """One line an entry; a run of one kind by one person becomes one line with its length."""
    for (kind, actor), run in groupby(entries, key=lambda entry: entry[1:]):
        times = [when for when, _, _ in run]
        many = f"  × {len(times)}" if len(times) > 1 else ""
        yield f"      {times[0]}  {kind:32} {actor}{many}"


def main() -> int:
    """Plays the story; returns the exit code."""
    report = Report()
    kept = ROOT / "var" / "demo"
    kept.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="portal-demo-") as scratch,
            running_portal(Path(scratch) / "var", step=report.step) as portal,
        ):
            story(portal, report, kept)
    except Exception as error:  # noqa: BLE001 - whatever failed, the report must be written
        print(f"\nThe demonstration failed: {error}", file=sys.stderr)
    failed = [step for step in report.steps if step["outcome"] != "pass"] or not report.steps
    seconds = round(time.monotonic() - started, 1)
    summary = {"passed": not failed, "seconds": seconds, "steps": report.steps}
    (kept / "report.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    print(f"\n{'Every step held' if not failed else 'A step failed'}, {seconds} s.")
    return 1 if failed else 0


def story(portal: Portal, report: Report, kept: Path) -> None:
    wei = Applicant(
        Person(portal.base_url, portal.mail, "wei.chen+portal@psych.stanford.edu"),
        answers(
            "陈伟",
            "Spotting micro-expressions in video calls",
            **{
                "named_people-0-name": "آمنة فرح",
                "named_people-0-email": "amina.farah@psych.stanford.edu",
                "named_people-0-role": "Doctoral student",
            },
        ),
    )
    amina = Person(portal.base_url, portal.mail, "amina.farah@psych.stanford.edu")
    zofia = Applicant(
        Person(portal.base_url, portal.mail, "zofia@affect-lab.example"),
        answers("Zofia Łukasiewicz", "Emotion recognition for psychotherapy", purpose="Not sure."),
    )
    approver = Person(portal.base_url, portal.mail, portal.account("approver")["email"])
    both: list[Applicant] = [wei, zofia]
    for_each(report, both, "signs up with a code from the mail", sign_up)
    for_each(report, both, "fills in the request", fill_in)
    for_each(report, both, "signs the agreement", sign)
    with report.step("آمنة فرح, named by 陈伟, signs by invitation, and the request is submitted"):
        sign_by_invitation(amina, name="آمنة فرح", purpose=str(wei.answers["purpose"]))
        if "Submitted" not in text(wei.person.open(wei.request_url)):
            raise Unexpected("the last signature did not submit the request")
    with report.step("agreements are rendered and mailed"):
        (kept / "agreement.pdf").write_bytes(agreement_pdf(wei))
        agreement_pdf(zofia)
        letters = [each.person.letter("agreement_signed") for each in both]
        for letter in (*letters, amina.letter("agreement_cosigned")):
            attachments = letter.iter_attachments()
            if not any(part.get_content_type() == "application/pdf" for part in attachments):
                raise Unexpected("the mail holds no PDF")
    with report.step("the approver signs in"):
        sign_in(approver, portal.account("approver")["password"])
    with report.step("the approver approves 陈伟 and returns Zofia's request"):
        decide(approver, wei, "Approve", "A clear purpose and a sound plan.")
        decide(approver, zofia, "Return for changes", "Please describe the purpose in full.")
    with report.step("Zofia reads why, corrects, signs again and is approved"):
        if "describe the purpose in full" not in zofia.person.letter_text("request_returned"):
            raise Unexpected("the mail does not say why")
        fill_in(zofia, purpose="We measure how well models transfer from adults to children.")
        sign(zofia)
        agreement_pdf(zofia)
        decide(approver, zofia, "Approve", "Now it is clear.")
    download(report, kept, wei, zofia)
    with report.step("the audit trail of one request"):
        auditor = Person(portal.base_url, portal.mail, portal.account("auditor")["email"])
        sign_in(auditor, portal.account("auditor")["password"])
        entries = until("an entry for each file", lambda: whole_trail(auditor, zofia), seconds=20)
        print("\n".join(told(entries)), flush=True)


def download(report: Report, kept: Path, wei: Applicant, zofia: Applicant) -> None:
    with report.step("both receive a download link"):
        (kept / "download.eml").write_bytes(wei.person.letter("download_link").as_bytes())
        holders = [
            Holder(first(r"(http\S+/d/\S+?/)\s", a.person.letter_text("download_link")), a.person)
            for a in (wei, zofia)
        ]
    with report.step("the manifest names every file"):
        manifest = holders[0].manifest()
        (kept / "manifest.sha256").write_text(holders[0].manifest_text)
        print(f"      {len(manifest)} files", flush=True)
    with report.step("陈伟 fetches the ZIP in three interrupted pieces; every digest is checked"):
        with tempfile.TemporaryDirectory(prefix="portal-zip-") as folder:
            checked = holders[0].fetch_zip_in_pieces(Path(folder), pieces=3)
        print(f"      {checked} members checked", flush=True)
    with report.step(f"Zofia fetches {SINGLE_FILES} single files; every digest is checked"):
        names = sorted(manifest, key=lambda name: hashlib.sha256(name.encode()).digest())
        holders[1].fetch_files({name: manifest[name] for name in names[:SINGLE_FILES]})


def for_each(
    report: Report, applicants: list[Applicant], deed: str, do: Callable[[Applicant], None]
) -> None:
    for applicant in applicants:
        with report.step(f"{applicant.name} {deed}"):
            do(applicant)


if __name__ == "__main__":
    sys.exit(main())
