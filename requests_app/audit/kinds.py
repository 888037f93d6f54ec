"""Every kind of entry, `source:subject:action`, and the fields each may carry, as one table.

A field is public (kept in the entry for ever) or personal (names, addresses, free text: kept
beside the entry, erasable). `ip` and `user_agent` are personal and allowed on every kind.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fields:
    public: frozenset[str]
    personal: frozenset[str]


def _fields(public: str = "", personal: str = "") -> Fields:
    return Fields(frozenset(public.split()), frozenset(personal.split()) | {"ip", "user_agent"})


ACCOUNT_CREATED = "applicant:account:created"
SIGN_UP_REPEATED = "visitor:account:asked_again"
EMAIL_VERIFIED = "applicant:email:verified"
EMAIL_CHANGED = "applicant:email:changed"
SIGNED_IN = "applicant:session:opened"
SIGN_IN_FAILED = "visitor:session:refused"
PASSWORD_CHANGED = "applicant:password:changed"  # noqa: S105 - a kind
ACCOUNT_PSEUDONYMISED = "operator:account:pseudonymised"
PERSONAL_VALUES_ERASED = "portal:personal_values:erased"
WORDS_ERASED = "portal:words:erased"
ROLES_CHANGED = "operator:account:roles_changed"
MAINTAINERS_CHANGED = "operator:dataset:maintainers_changed"
INSTITUTION_RULED = "operator:institution:ruled"
INSTITUTIONS_LOADED = "operator:institutions:loaded"
DATASET_LOADED = "operator:dataset:loaded"
AGREEMENT_TEXT_LOADED = "operator:agreement_text:loaded"
RECONSENT_STARTED = "approver:reconsent:started"
RELEASE_PUBLISHED = "operator:release:published"
RELEASE_VERIFIED = "operator:release:verified"
DEMO_SEEDED = "operator:demo:seeded"
REQUEST_STARTED = "applicant:request:started"
REQUEST_SAVED = "applicant:request:saved"
AGREEMENT_SIGNED = "applicant:agreement:signed"
SIGNATORY_INVITED = "portal:signatory:invited"
AGREEMENT_COSIGNED = "signatory:agreement:signed"
SIGNATURE_REFUSED = "signatory:agreement:refused"
SIGNATORY_REMOVED = "applicant:signatory:removed"
SIGNING_STOPPED = "applicant:agreement:stopped"
SIGNING_ENDED = "portal:agreement:ended"
DOCUMENT_ISSUED = "portal:agreement:issued"
AGREEMENT_SIGNED_WITH_CERTIFICATE = "applicant:agreement:signed_with_certificate"
REQUEST_SUBMITTED = "portal:request:submitted"
GRANT_MOVED = "portal:grant:moved"
MEMBER_REMOVED = "party:member:removed"
AGREEMENT_SIGNED_ANEW = "applicant:agreement:signed_anew"
AGREEMENT_DECLINED = "applicant:agreement:declined"
AGREEMENT_RENDERED = "portal:agreement:rendered"
AGREEMENT_COUNTERSIGNED = "portal:agreement:countersigned"
MANIFEST_SIGNED = "portal:manifest:signed"
SEAL_CERTIFICATE_RECORDED = "portal:seal_certificate:recorded"
SEAL_KEY_ROTATED = "operator:seal_key:rotated"
SEAL_CERTIFICATE_REVOKED = "operator:seal_certificate:revoked"
STAFF_LOOKED = "staff:page:opened"
LOG_EXPORTED = "staff:log:exported"
DOCUMENT_OPENED = "reader:document:opened"
REQUEST_APPROVED = "approver:request:approved"
REQUEST_RETURNED = "approver:request:returned"
REQUEST_REJECTED = "approver:request:rejected"
REQUEST_WITHDRAWN = "applicant:request:withdrawn"
GRANT_CREATED = "portal:grant:created"
GRANT_REVOKED = "maintainer:grant:revoked"
GRANT_SUSPENDED = "portal:grant:suspended"
GRANT_GIVEN_UP = "applicant:grant:given_up"
LINK_ISSUED = "portal:link:issued"
LINK_RENEWED = "applicant:link:renewed"
LINK_REVOKED = "maintainer:link:revoked"
LINK_REFUSED = "holder:link:refused"
TOKEN_CREATED = "holder:access_token:created"  # noqa: S105 - a kind
TOKEN_REVOKED = "holder:access_token:revoked"  # noqa: S105 - a kind
TOKEN_REFUSED = "holder:access_token:refused"  # noqa: S105 - a kind
DOWNLOAD_POLICY_CHANGED = "operator:download_policy:changed"
GRANT_NETWORKS_CHANGED = "approver:grant:networks_changed"
FILE_DOWNLOADED = "holder:file:downloaded"
ARCHIVE_DOWNLOADED = "holder:archive:downloaded"
MANIFEST_DOWNLOADED = "holder:manifest:downloaded"
MESSAGE_SENT = "portal:message:sent"

_transfer = "transfer link token release range status promised bytes outcome how started_at"

KINDS: dict[str, Fields] = {
    ACCOUNT_CREATED: _fields("standing domain", "email"),
    SIGN_UP_REPEATED: _fields("standing domain", "email"),
    EMAIL_VERIFIED: _fields("standing domain", "email"),
    EMAIL_CHANGED: _fields("standing domain", "email"),
    SIGNED_IN: _fields("method"),
    SIGN_IN_FAILED: _fields("", "email"),
    PASSWORD_CHANGED: _fields("how"),
    ACCOUNT_PSEUDONYMISED: _fields("", "reason"),
    PERSONAL_VALUES_ERASED: _fields("what before count kept", "reason"),
    WORDS_ERASED: _fields("before count"),
    ROLES_CHANGED: _fields("before after"),
    MAINTAINERS_CHANGED: _fields("added removed"),
    INSTITUTION_RULED: _fields("standing previous name"),
    INSTITUTIONS_LOADED: _fields("source sha256 added changed unchanged kept skipped"),
    DATASET_LOADED: _fields("card_sha256 previous_sha256"),
    AGREEMENT_TEXT_LOADED: _fields("number sha256"),
    RECONSENT_STARTED: _fields("text text_sha256 deadline grants", "reason"),
    RELEASE_PUBLISHED: _fields("version files bytes manifest_sha256 synthetic"),
    RELEASE_VERIFIED: _fields("version files bytes manifest_sha256 differences"),
    DEMO_SEEDED: _fields("accounts files"),
    REQUEST_STARTED: _fields("dataset"),
    REQUEST_SAVED: _fields("revision ethics_document_sha256 changed"),
    AGREEMENT_SIGNED: _fields(
        "from to agreement text_number text_sha256 values_sha256 evidence_sha256", "typed_name"
    ),
    SIGNATORY_INVITED: _fields("agreement role expires_at reminder", "email"),
    AGREEMENT_COSIGNED: _fields("agreement role shown_sha256 evidence_sha256", "typed_name"),
    SIGNATURE_REFUSED: _fields("agreement role", "reason"),
    SIGNATORY_REMOVED: _fields("agreement role", "reason"),
    SIGNING_STOPPED: _fields("from to agreement"),
    SIGNING_ENDED: _fields("agreement"),
    DOCUMENT_ISSUED: _fields("sha256 size"),
    AGREEMENT_SIGNED_WITH_CERTIFICATE: _fields(
        "agreement sha256 certificate_sha256 algorithm trusted", "subject"
    ),
    REQUEST_SUBMITTED: _fields("from to agreement"),
    GRANT_MOVED: _fields("agreement text_number"),
    MEMBER_REMOVED: _fields("grant agreement", "reason"),
    AGREEMENT_SIGNED_ANEW: _fields(
        "grant agreement text_number text_sha256 values_sha256 evidence_sha256", "typed_name"
    ),
    AGREEMENT_DECLINED: _fields("from to text_number text_sha256 why", "reason"),
    AGREEMENT_RENDERED: _fields("sha256 size level certificate_sha256"),
    AGREEMENT_COUNTERSIGNED: _fields("sha256 size level certificate_sha256"),
    MANIFEST_SIGNED: _fields("manifest_sha256 certificate_sha256"),
    SEAL_CERTIFICATE_RECORDED: _fields("serial valid_from valid_until"),
    SEAL_KEY_ROTATED: _fields("serial valid_from valid_until previous_sha256"),
    SEAL_CERTIFICATE_REVOKED: _fields("serial invalid_from", "reason"),
    STAFF_LOOKED: _fields("page", "query"),
    LOG_EXPORTED: _fields("format count", "query"),
    DOCUMENT_OPENED: _fields("document sha256"),
    REQUEST_APPROVED: _fields("from to agreement", "reason private_note"),
    REQUEST_RETURNED: _fields("from to agreement", "reason private_note"),
    REQUEST_REJECTED: _fields("from to agreement", "reason private_note"),
    REQUEST_WITHDRAWN: _fields("from to", "reason"),
    GRANT_CREATED: _fields("dataset agreement starts_at ends_at"),
    GRANT_REVOKED: _fields("", "reason"),
    GRANT_SUSPENDED: _fields("text_number deadline"),
    GRANT_GIVEN_UP: _fields(),
    LINK_ISSUED: _fields("grant expires_at"),
    LINK_RENEWED: _fields("grant expires_at"),
    LINK_REVOKED: _fields("grant", "reason"),
    LINK_REFUSED: _fields("why", "path"),
    TOKEN_CREATED: _fields("grant"),
    TOKEN_REVOKED: _fields("grant"),
    TOKEN_REFUSED: _fields("why", "path"),
    DOWNLOAD_POLICY_CHANGED: _fields("before after"),
    GRANT_NETWORKS_CHANGED: _fields("", "before after"),
    # `bytes` were really sent, as far as who sent them tells; null where nobody knows.
    FILE_DOWNLOADED: _fields(f"{_transfer} path sha256"),
    ARCHIVE_DOWNLOADED: _fields(f"{_transfer} name etag"),
    MANIFEST_DOWNLOADED: _fields(f"{_transfer} name etag"),
    MESSAGE_SENT: _fields("name attempts", "recipient"),
}
