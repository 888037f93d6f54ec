"""The parts of the admin, in the order of the work, under the names people see."""

from typing import Final

PARTS: Final = {
    "AccessRequest": "Access requests",
    "Grant": "Grants",
    "DownloadLink": "Download links",
    "Agreement": "Agreements",
    "FailedDocument": "Documents not made",
    "AgreementText": "Agreement texts",
    "Dataset": "Datasets",
    "DownloadPolicy": "Download policies",
    "Release": "Releases",
    "InstitutionDomain": "E-mail domains",
    "User": "Users",
    "Message": "Messages",
    "Entry": "Audit log",
}
