"""Pages as a browser without scripts reads them, and forms as it sends them."""

from typing import Any

from lxml import html


def fields(content: bytes, **changes: Any) -> dict[str, Any]:
    """Returns what the page's main form would send, with `changes` on top; lists tick boxes."""
    form = next(form for form in html.fromstring(content.decode()).forms if form.method == "POST")
    sent: dict[str, Any] = {}
    for name, value in form.form_values():
        sent.setdefault(name, []).append(value)
    for area in form.iter("textarea"):
        # A browser drops the first line break of a text area, and so did whoever wrote it there.
        sent[area.name] = [(area.value or "").removeprefix("\n")]
    return sent | changes


def beside(content: bytes, name: str) -> list[str]:
    """Returns the sentences beside the field `name`, found the way a screen reader finds them."""
    page = html.fromstring(content.decode())
    controls = page.xpath(f"//*[@name='{name}']")
    assert controls, f"no field {name}"
    control = controls[0]
    ids = set(control.get("aria-describedby", "").split())
    for group in control.iterancestors("fieldset"):
        ids |= set(group.get("aria-describedby", "").split())
    found = page.xpath("//ul[contains(@class, 'errorlist')]")
    lists = [each for each in found if each.get("id") in ids]
    return [" ".join(li.text_content().split()) for each in lists for li in each.iter("li")]


def summary(content: bytes) -> list[tuple[str, str]]:
    """Returns the lines of the error summary: the sentence, and the id it leads to."""
    page = html.fromstring(content.decode())
    lines = page.xpath("//*[@class='error-summary']//li")
    return [
        (" ".join(li.text_content().split()), (li.xpath("string(a/@href)") or "#")[1:])
        for li in lines
    ]


def text(content: bytes) -> str:
    """Returns what a person reads on the page, on one line."""
    main = html.fromstring(content.decode()).xpath("//main")[0]
    return " ".join(" ".join(main.itertext()).split())
