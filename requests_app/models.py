"""Registry: the models Django must find. Nothing else lives here."""

from requests_app.agreements.models import (
    Agreement,
    AgreementDocument,
    AgreementText,
    SealCertificate,
)
from requests_app.audit.models import (
    Entry,
    Leaf,
    PersonalValue,
    SignedCheckpoint,
    TreeNode,
    Unsequenced,
)
from requests_app.datasets.models import Dataset, File, Release
from requests_app.distribution.models import (
    DownloadLink,
    Grant,
    Reconsent,
    ReconsentCampaign,
    ReconsentNotice,
)
from requests_app.identity.models import InstitutionDomain, User
from requests_app.notifications.models import Message
from requests_app.requests.models import AccessRequest, EthicsDocument, NamedPerson
from requests_app.review.models import Decision

__all__ = [
    "AccessRequest",
    "Agreement",
    "AgreementDocument",
    "AgreementText",
    "Dataset",
    "Decision",
    "DownloadLink",
    "Entry",
    "EthicsDocument",
    "File",
    "Grant",
    "InstitutionDomain",
    "Leaf",
    "Message",
    "NamedPerson",
    "PersonalValue",
    "Reconsent",
    "ReconsentCampaign",
    "ReconsentNotice",
    "Release",
    "SealCertificate",
    "SignedCheckpoint",
    "TreeNode",
    "Unsequenced",
    "User",
]
