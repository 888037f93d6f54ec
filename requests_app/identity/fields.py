"""The form field for an e-mail address."""

from typing import Any

from allauth.account.fields import EmailField
from django.core.exceptions import ValidationError

from requests_app.identity.addresses import MalformedAddress, normalise


class AddressField(EmailField):
    """Reads an address as `identity.addresses` does, and says what is wrong with it."""

    default_validators = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label": "E-mail address", **kwargs})
        self.widget.attrs.pop("placeholder", None)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if text in self.empty_values:
            return text
        try:
            return normalise(text)
        except MalformedAddress as error:
            raise ValidationError(error.message, code="malformed") from error
