"""The form an access request is filled in with. What an answer may be is decided in `requests`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django_countries import countries

from requests_app.datasets.card import card_from
from requests_app.errors import Invalid
from requests_app.requests import answers as answering
from requests_app.requests.documents import Upload, check_pdf, check_size
from requests_app.requests.models import AccessRequest

PEOPLE: Final = "named_people"
SIGNATORY: Final = ("signatory_name", "signatory_position", "signatory_email")
_NOT_OFFERED: Final = {"invalid_choice": "Choose one of the answers offered here."}


def _line(label: str, hint: str = "", autocomplete: str = "") -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": autocomplete} if autocomplete else {})
    return forms.CharField(
        label=label, help_text=hint, required=False, strip=False, empty_value="", widget=widget
    )


def _text(name: str, label: str, hint: str) -> forms.CharField:
    """A long text. It has no `maxlength`: browsers would cut what is pasted without a word."""
    most = answering.limit(name)
    widget = forms.Textarea(attrs={"rows": 6, "data-count": most})
    return forms.CharField(
        label=label,
        help_text=f"{hint} Up to {most:,} characters.",
        required=False,
        strip=False,
        widget=widget,
    )


def signatory_fields() -> tuple[forms.CharField, forms.CharField, forms.CharField]:
    """Returns what is asked of whoever signs for the institution, in the order of `SIGNATORY`."""
    return (
        _line("Full name", "Of the person who may sign for your institution.", "off"),
        _line("Position", "For example: director of the research office.", "off"),
        _line("E-mail address", "Their own address at your institution.", "off"),
    )


class PointingForm(forms.Form):
    """A form beside whose fields sentences from the rooms can be shown."""

    def point_out(self, sentences: Mapping[str, Iterable[str]]) -> None:
        """Shows each sentence beside its field, or above the form where there is no such field."""
        if not self.is_bound:
            self.cleaned_data = {}
        for name, each in sentences.items():
            self.add_error(name if name in self.fields else None, list(each))


class RequestForm(PointingForm):
    """Every answer of an access request but the named people. Nothing is required to save it."""

    revision = forms.IntegerField(
        widget=forms.HiddenInput,
        min_value=0,
        error_messages={
            "required": "The form came in damaged. Reload the page and try again.",
            "invalid": "The form came in damaged. Reload the page and try again.",
        },
    )

    legal_name = _line(
        "Full legal name", "As it should stand in the agreement, in any script.", "name"
    )
    institution = _line("Institution", "Your university or company.", "organization")
    department = _line("Department or group")
    position = _line(
        "Position", "For example: lecturer, doctoral student, engineer.", "organization-title"
    )
    country = forms.ChoiceField(
        label="Country of the institution", required=False, error_messages=_NOT_OFFERED
    )
    is_student = forms.BooleanField(label="I am a student", required=False)
    supervisor = _line("Supervisor", "For students: the full name and position of your supervisor.")

    signatory_name, signatory_position, signatory_email = signatory_fields()

    research_title = _line("Title of the research")
    purpose = _text(
        "purpose",
        "Purpose",
        "What you want to find out, and what you will do with the clips to find it out.",
    )
    funding = _text(
        "funding",
        "Funding and commercial interest",
        "Who pays for the research and who could earn from it; write “none” if nobody does.",
    )

    ethics = forms.ChoiceField(
        label="Ethics approval",
        choices=AccessRequest.Ethics.choices,
        widget=forms.RadioSelect,
        required=False,
        error_messages=_NOT_OFFERED,
    )
    ethics_reference = _line("Reference of the approval", "The number your ethics board gave it.")
    ethics_document = forms.FileField(
        label="Approval as a PDF",
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": "application/pdf,.pdf"}),
    )
    ethics_reason = _text(
        "ethics_reason", "Why no approval is needed", "Name the rule or the body that says so."
    )

    data_protection_plan = _text(
        "data_protection_plan",
        "Data protection plan",
        "Where the clips will be kept, who can reach them, how they are encrypted, and how they "
        "will be deleted.",
    )

    statements = forms.MultipleChoiceField(
        label="Statements",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "invalid_choice": "The statements have changed. Read them again and tick each one."
        },
    )

    def __init__(self, *args: Any, card: Mapping[str, Any], **kwargs: Any) -> None:
        """`card` is the dataset's: its statements are asked, and a signatory where it wants one."""
        super().__init__(*args, **kwargs)
        if not card_from(card).signing.authorised_signatory:
            for name in SIGNATORY:
                del self.fields[name]
        choices = [(each["id"], each["text"]) for each in card["compliance"]]
        self.statement_ids = [key for key, _ in choices]
        cast("forms.ChoiceField", self.fields["statements"]).choices = choices
        cast("forms.ChoiceField", self.fields["country"]).choices = [("", "Choose"), *countries]

    def clean(self) -> dict[str, Any]:
        given = {name: self.cleaned_data[name] for name in self._answered()}
        try:
            return {
                **self.cleaned_data,
                **answering.clean(given, statements=self.statement_ids),
            }
        except Invalid as error:
            self.point_out(error.fields)
        return self.cleaned_data

    def clean_ethics_document(self) -> Upload | None:
        uploaded = self.cleaned_data["ethics_document"]
        if not isinstance(uploaded, UploadedFile):
            return None
        try:
            check_size(uploaded.size or 0)
            return check_pdf(name=uploaded.name or "", content=uploaded.read())
        except Invalid as error:
            raise forms.ValidationError(error.message) from error

    @property
    def answers(self) -> dict[str, Any]:
        """What to save: the answers that were understood."""
        return {name: self.cleaned_data[name] for name in self._answered()}

    @property
    def upload(self) -> Upload | None:
        """The approval that was uploaded now, when it is a good one."""
        found = self.cleaned_data.get("ethics_document")
        return found if isinstance(found, Upload) else None

    def read_again(self, revision: int) -> None:
        """Lets the page carry the revision that stands now: saving it again keeps this text."""
        data = cast("QueryDict", self.data).copy()
        data["revision"] = str(revision)
        self.data = data

    def _answered(self) -> list[str]:
        return [name for name in answering.ANSWERS if name in self.cleaned_data]


class PersonForm(PointingForm):
    """One named person. A row left blank is nobody."""

    name = _line("Name", autocomplete="off")
    email = _line("E-mail address", autocomplete="off")
    role = _line("Role", autocomplete="off")


class PeopleForms(forms.BaseFormSet):  # type: ignore[type-arg]  # not subscriptable at run time
    default_error_messages = {  # noqa: RUF012 - Django's own shape
        "too_many_forms": f"Name at most {answering.PEOPLE_LIMIT} people.",
        "missing_management_form": "The list of people came in damaged. Reload the page.",
    }

    people: list[dict[str, str]]

    def clean(self) -> None:
        if any(self.errors):
            return
        try:
            self.people = answering.clean_people([form.cleaned_data for form in self.forms])
        except Invalid as error:
            self.point_out(error.fields)

    def point_out(self, sentences: Mapping[str, Iterable[str]]) -> None:
        """Shows each sentence beside its field; names are those of `answers.person_key`."""
        for index, form in enumerate(self.forms):
            for field in answering.PERSON_FIELDS:
                if each := sentences.get(answering.person_key(index, field)):
                    form.point_out({field: each})


_PeopleFormSet = forms.formset_factory(
    PersonForm,
    formset=PeopleForms,
    extra=2,
    max_num=answering.PEOPLE_LIMIT,
    absolute_max=answering.PEOPLE_LIMIT + 10,
    validate_max=True,
)


def people_forms(data: QueryDict | None = None, **kwargs: Any) -> PeopleForms:
    """Returns the rows of named people, and two blank ones for browsers without scripts."""
    return cast("PeopleForms", _PeopleFormSet(data, prefix=PEOPLE, **kwargs))


@dataclass(frozen=True, slots=True)
class Problem:
    """One line of the summary above a form: the id it leads to ("" for none), and what it says."""

    anchor: str
    sentence: str


def problems(form: forms.Form, people: PeopleForms | None = None) -> list[Problem]:
    """Returns everything that is wrong, in the order of the page."""
    found = [Problem("", str(sentence)) for sentence in form.non_field_errors()]
    found += [each for field in form for each in _problems_of(field, str(field.label))]
    if people is not None:
        found += [Problem("people", str(sentence)) for sentence in people.non_form_errors()]
        filled = [form for form in people.forms if form.has_changed() or form.initial]
        for number, person in enumerate(filled, 1):
            name = str(person["name"].value() or "").strip() or f"Person {number}"
            for field in person:
                found += _problems_of(field, f"{name}, {field.label}")
    return found


def _problems_of(field: forms.BoundField, name: str) -> list[Problem]:
    """The link leads to the control; in a group of choices, to the first."""
    anchor = "" if field.is_hidden else field.id_for_label or f"{field.auto_id}_0"
    asks = name if name.endswith("?") else f"{name}:"
    return [Problem(anchor, f"{asks} {sentence}") for sentence in field.errors]
