"""What a maintainer types when deciding."""

from typing import Any

from django import forms

from requests_app.requests.reasons import LONGEST


class RevokeForm(forms.Form):
    """The reason for taking a grant back. Whether it suffices, the verb says."""

    reason = forms.CharField(
        label="Reason",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "maxlength": LONGEST}),
        help_text="The holder reads this, in an e-mail and on the page of the request.",
    )


class CloseForm(RevokeForm):
    """The reason for revoking one link; no message is sent, as the grant goes on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = "The holder reads this on the page of the request."


class RemoveForm(RevokeForm):
    """The reason for removing one member from a grant."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = "The member, the holder and the maintainers read this."


class DecisionForm(forms.Form):
    """A decision's reason and note, and the agreement that was on the page."""

    agreement = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label="Reason",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "maxlength": LONGEST}),
        help_text="The applicant reads this, in an e-mail and on the page of the request.",
    )
    private_note = forms.CharField(
        label="Private note",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "maxlength": LONGEST}),
        help_text="Only maintainers and auditors read this. It may stay empty.",
    )
