"""Registry: the models Django must find. Nothing else lives here."""

from requests_app.agreements.models import (
    Agreement,
    AgreementDocument,
    AgreementText,
    FailedDocument,
    SealCertificate,
    SealRevocation,
)
from requests_app.agreements.own_signatures import (
    IssuedDocument,
    OwnCertificateChoice,
    OwnSignature,
)
from requests_app.agreements.signatories import (
    AgreementVoid,
    Cosignature,
    Invitation,
    Signatory,
    SignatoryExit,
)
from requests_app.audit.models import (
    CheckpointPost,
    Entry,
    Leaf,
    PersonalValue,
    SignedCheckpoint,
    TreeNode,
    Unsequenced,
    WitnessSignature,
)
from requests_app.datasets.models import Dataset, File, Release
from requests_app.distribution.models import (
    AccessToken,
    DownloadLink,
    Grant,
    ManifestSignature,
    MemberRemoval,
    Reconsent,
    ReconsentCampaign,
    ReconsentNotice,
)
from requests_app.distribution.nginx_log import LogPosition
from requests_app.distribution.policy import DownloadPolicy
from requests_app.distribution.transfers import DailyUse, Transfer
from requests_app.identity.models import InstitutionDomain, User
from requests_app.notifications.models import Message
from requests_app.requests.models import AccessRequest, EthicsDocument, NamedPerson
from requests_app.review.models import Decision

__all__ = [
    "AccessRequest",
    "AccessToken",
    "Agreement",
    "AgreementDocument",
    "AgreementText",
    "AgreementVoid",
    "CheckpointPost",
    "Cosignature",
    "DailyUse",
    "Dataset",
    "Decision",
    "DownloadLink",
    "DownloadPolicy",
    "Entry",
    "EthicsDocument",
    "FailedDocument",
    "File",
    "Grant",
    "InstitutionDomain",
    "Invitation",
    "IssuedDocument",
    "Leaf",
    "LogPosition",
    "ManifestSignature",
    "MemberRemoval",
    "Message",
    "NamedPerson",
    "OwnCertificateChoice",
    "OwnSignature",
    "PersonalValue",
    "Reconsent",
    "ReconsentCampaign",
    "ReconsentNotice",
    "Release",
    "SealCertificate",
    "SealRevocation",
    "Signatory",
    "SignatoryExit",
    "SignedCheckpoint",
    "Transfer",
    "TreeNode",
    "Unsequenced",
    "User",
    "WitnessSignature",
]
