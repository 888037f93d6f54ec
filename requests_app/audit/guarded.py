"""Which tables the guard protects, and from what: read by migrations and by the tests."""

from requests_app.audit.guard import DELETE, UPDATE

GUARDED: dict[str, tuple[str, ...]] = {
    "requests_app_entry": (UPDATE, DELETE),
    # Erasing a personal value is lawful and leaves its commitment; editing one never is.
    "requests_app_personalvalue": (UPDATE,),
    "requests_app_leaf": (UPDATE, DELETE),
    "requests_app_treenode": (UPDATE, DELETE),
    "requests_app_signedcheckpoint": (UPDATE, DELETE),
    "requests_app_witnesssignature": (UPDATE, DELETE),
    "requests_app_agreementtext": (UPDATE, DELETE),
    "requests_app_agreement": (UPDATE, DELETE),
    "requests_app_signatory": (UPDATE, DELETE),
    "requests_app_cosignature": (UPDATE, DELETE),
    "requests_app_invitation": (UPDATE, DELETE),
    "requests_app_signatoryexit": (UPDATE, DELETE),
    "requests_app_agreementvoid": (UPDATE, DELETE),
    "requests_app_owncertificatechoice": (UPDATE, DELETE),
    "requests_app_issueddocument": (UPDATE, DELETE),
    "requests_app_ownsignature": (UPDATE, DELETE),
    "requests_app_memberremoval": (UPDATE, DELETE),
    "requests_app_agreementdocument": (UPDATE, DELETE),
    "requests_app_sealcertificate": (UPDATE, DELETE),
    "requests_app_sealrevocation": (UPDATE, DELETE),
    "requests_app_decision": (UPDATE, DELETE),
    "requests_app_reconsentcampaign": (UPDATE, DELETE),
    "requests_app_reconsent": (UPDATE, DELETE),
    "requests_app_reconsentnotice": (UPDATE, DELETE),
    "requests_app_ethicsdocument": (UPDATE, DELETE),
    # A published release never changes: not its facts, and not one of its files.
    "requests_app_release": (UPDATE, DELETE),
    "requests_app_file": (UPDATE, DELETE),
    "requests_app_manifestsignature": (UPDATE, DELETE),
}
