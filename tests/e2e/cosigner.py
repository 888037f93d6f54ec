"""Somebody an applicant named: reads the invitation, and signs with a code, without an account."""

from tests.e2e.person import Person, Unexpected, first, text


def sign_by_invitation(person: Person, *, name: str, purpose: str) -> None:
    """Opens the mailed address, asks for the code there, and signs what is shown."""
    page = person.open(first(r"(http\S+/sign/\S+?/)\s", person.letter_text("signing_invitation")))
    for line in (name, person.email, *purpose.splitlines()):
        if line not in text(page):
            raise Unexpected(f"the invitation's page does not show “{line}”")
    page = person.submit(page, {}, button="Send me a code")
    code = first(r"(?m)^\s+(\d{6})\s*$", person.letter_text("signing_code"))
    affirmed = [str(box) for box in page.xpath("//input[@name='affirmations']/@value")]
    given = {"affirmations": affirmed, "consent_electronic": True, "typed_name": name, "code": code}
    page = person.submit(page, given, button="Sign")
    if "You have signed" not in text(page):
        raise Unexpected(f"nothing was signed: {text(page)[:400]}")
