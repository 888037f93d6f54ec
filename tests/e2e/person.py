"""A person at a keyboard, over HTTP: opens pages, fills in their forms, reads their mail."""

import re
import time
from collections.abc import Callable, Mapping
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from pathlib import Path
from typing import Any, TypeVar

import httpx
from lxml import html

Found = TypeVar("Found")


class Unexpected(AssertionError):
    """The portal answered something else than a person would need to go on."""


def until(what: str, look: Callable[[], Found | None], *, seconds: float = 60) -> Found:
    """Looks again and again until `look` finds something; Unexpected after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise Unexpected(f"{what} did not happen within {seconds:.0f} s")


class Person:
    """One browser session of one person, without JavaScript; follows links and fills in forms."""

    def __init__(self, base_url: str, mail: Path, email: str = "") -> None:
        self.email = email
        self.mail = mail
        self.http = httpx.Client(
            base_url=base_url, follow_redirects=True, timeout=60, trust_env=False
        )

    def open(self, url: str, *, status: int = 200) -> html.HtmlElement:
        """Opens a page and returns it parsed; Unexpected when the status is another."""
        return self._page(self.http.get(url), status)

    def submit(
        self,
        page: html.HtmlElement,
        values: Mapping[str, Any],
        *,
        button: str = "",
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        status: int = 200,
    ) -> html.HtmlElement:
        """Fills in the page's form that has all fields of `values`, and presses a button.

        `button` is (part of) the button's label; a list value ticks the boxes with those values;
        True ticks a box. Unexpected when no form has the fields.
        """
        form = self._form(page, set(values), button)
        data: dict[str, Any] = {}
        for name, value in form.form_values():
            data.setdefault(name, []).append(value)
        for name, value in values.items():
            data[name] = ["on"] if value is True else value if isinstance(value, list) else [value]
            if value is True and (box := form.inputs[name]) is not None:
                data[name] = [box.get("value", "on")]
        if button and (pressed := _button(form, button)) is not None and pressed.get("name"):
            data[pressed.get("name")] = [pressed.get("value", "")]
        action = httpx.URL(page.base_url).join(form.get("action") or page.base_url)
        send = {"files": files} if files else {}
        headers = {"Referer": page.base_url}
        return self._page(self.http.post(action, data=data, headers=headers, **send), status)

    def _form(self, page: html.HtmlElement, names: set[str], button: str) -> html.FormElement:
        for form in page.forms:
            posts = (form.get("method") or "get").lower() == "post"
            if (
                posts
                and names <= set(form.fields)
                and (not button or _button(form, button) is not None)
            ):
                return form
        raise Unexpected(f"{page.base_url} has no form with {sorted(names)} and “{button}”")

    def _page(self, response: httpx.Response, status: int) -> html.HtmlElement:
        if response.status_code != status:
            said = " ".join(_text(response.text).split())[:400]
            raise Unexpected(f"{response.url} answered {response.status_code}: {said}")
        return html.document_fromstring(response.text, base_url=str(response.url))

    def letter(self, name: str, *, after: int = 0) -> EmailMessage:
        """Waits for the message `name` addressed to this person, the (after+1)-th of its kind."""

        def look() -> EmailMessage | None:
            found = sorted(
                self.mail.glob(f"{name}-*.eml"), key=lambda path: path.stat().st_mtime_ns
            )
            mine = [parsed for path in found if self.email in (parsed := _parse(path))["To"]]
            return mine[after] if len(mine) > after else None

        return until(f"the mail {name} to {self.email}", look)

    def letter_text(self, name: str, *, after: int = 0) -> str:
        body = self.letter(name, after=after).get_body(("plain",))
        assert body is not None
        return str(body.get_content())


def text(page: html.HtmlElement) -> str:
    """What a person reads on the page, on one line."""
    return " ".join(page.text_content().split())


def first(pattern: str, searched: str) -> str:
    """Returns the first group of `pattern` in `searched`; Unexpected when it is not there."""
    found = re.search(pattern, searched)
    if found is None:
        raise Unexpected(f"nothing like {pattern!r} in: {searched[:300]}")
    return found.group(1)


def _parse(path: Path) -> EmailMessage:
    return message_from_bytes(path.read_bytes(), policy=modern)  # type: ignore[return-value]


def _button(form: html.FormElement, label: str) -> html.HtmlElement | None:
    for element in form.iter("button", "input"):
        shown = element.text_content() or element.get("value") or ""
        if element.get("type", "submit") == "submit" and label.lower() in shown.lower():
            return element
    return None


def _text(source: str) -> str:
    return str(html.fromstring(source).text_content()) if source.strip() else ""
