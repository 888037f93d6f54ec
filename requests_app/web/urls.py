"""The public and the applicant's side of the portal."""

from django.urls import URLPattern, URLResolver, include, path, re_path

from requests_app.agreements.models import NUMBER_LENGTH
from requests_app.web import (
    archives,
    client_file,
    declining,
    downloads,
    health,
    home,
    invited,
    listing,
    log,
    own_certificate,
    own_documents,
    own_downloads,
    progress,
    receipts,
    renewal,
    request_editing,
    requests,
    signers,
    signing,
    signing_anew,
    verification,
)

# Below the token of a link, and below /data/ for a token in a header.
_bytes: list[URLPattern | URLResolver] = [
    path("files/", listing.folder, name="download_listing"),
    path("files/<path:folder>/", listing.folder, name="download_folder"),
    path("files/<path:path>", downloads.file, name="download_file"),
    path("manifest.sha256", archives.manifest, name="download_manifest"),
    path("manifest.sha256.p7s", archives.signature, name="download_signature"),
    path("urls.txt", archives.urls, name="download_urls"),
    path("index.json", archives.index, name="download_index"),
    path("<str:name>.zip", archives.archive, {"form": "zip"}, name="release_zip"),
    path("<str:name>.tar", archives.archive, {"form": "tar"}, name="release_tar"),
    path(
        "releases/<str:version>/",
        include(
            [
                path("files/", listing.folder, name="release_listing"),
                path("files/<path:folder>/", listing.folder, name="release_folder"),
                path("files/<path:path>", downloads.file, name="release_file"),
                path("manifest.sha256", archives.manifest, name="release_manifest"),
                path("manifest.sha256.p7s", archives.signature, name="release_signature"),
                path("urls.txt", archives.urls, name="release_urls"),
                path("index.json", archives.index, name="release_index"),
            ]
        ),
    ),
]

urlpatterns = [
    path("", home.home, name="home"),
    re_path(r"^dataset/citation\.(?P<kind>bib|ris|cff)$", home.citation_file, name="citation"),
    path("dataset/croissant.json", home.croissant, name="croissant"),
    path("d/<str:token>/", downloads.page, name="download_page"),
    path("d/<str:token>/progress.json", progress.progress, name="download_progress"),
    path("d/<str:token>/", include(_bytes)),
    path("data/", include((_bytes, "data"))),
    path("client.py", client_file.client_file, name="client"),
    path("sign/<str:secret>/", invited.sign, name="invited_sign"),
    path("sign/<str:secret>/refuse/", invited.say_no, name="invited_refuse"),
    path("verify/", verification.verify, name="verify"),
    path("verify/certificates.pem", verification.certificates_file, name="certificates"),
    path("verify/certificates.json", verification.certificates_json, name="certificates_json"),
    re_path(
        rf"^verify/(?P<number>[A-Z0-9][A-Z0-9-]{{2,{NUMBER_LENGTH - 1}}})$",
        verification.verify,
        name="verify_number",
    ),
    path("log/checkpoint", log.checkpoint, name="log_checkpoint"),
    path("log/checkpoint/witnessed", log.witnessed, name="log_witnessed"),
    path("log/key", log.key, name="log_key"),
    path("log/verify.py", log.script, name="log_script"),
    path("log/entries/<int:index>", log.entry, name="log_entry"),
    path("log/proof/inclusion", log.inclusion, name="log_inclusion"),
    path("log/proof/consistency", log.consistency, name="log_consistency"),
    path("requests/", requests.request_list, name="request_list"),
    path("requests/new/", requests.request_new, name="request_new"),
    path(
        "requests/<uuid:pk>/",
        include(
            [
                path("", requests.request_detail, name="request_detail"),
                path("edit/", request_editing.request_edit, name="request_edit"),
                path("sign/", signing.request_sign, name="request_sign"),
                path("sign-anew/", signing_anew.request_sign_anew, name="request_sign_anew"),
                path("sign-anew/changes/", signing_anew.request_changes, name="request_changes"),
                path("stop/", signers.stop, name="signing_stop"),
                path("signers/<uuid:signatory_id>/remind/", signers.remind, name="signer_remind"),
                path("signers/<uuid:signatory_id>/remove/", signers.remove, name="signer_remove"),
                path("members/<uuid:signatory_id>/remove/", signers.leave, name="member_remove"),
                path(
                    "own-certificate/",
                    own_certificate.request_own_certificate,
                    name="request_own_certificate",
                ),
                path(
                    "own-certificate/document.pdf",
                    own_certificate.request_issued,
                    name="request_issued",
                ),
                path(
                    "grants/<uuid:grant_id>/downloads/",
                    own_downloads.request_downloads,
                    name="request_downloads",
                ),
                path(
                    "grants/<uuid:grant_id>/receipts/<uuid:transfer_id>.json",
                    receipts.transfer_receipt,
                    name="transfer_receipt",
                ),
                path(
                    "grants/<uuid:grant_id>/tokens/<uuid:token_id>/revoke/",
                    own_downloads.token_revoke,
                    name="token_revoke",
                ),
                path("decline/", declining.request_decline, name="request_decline"),
                path("withdraw/", requests.request_withdraw, name="request_withdraw"),
                path("agreement.pdf", own_documents.request_agreement, name="request_agreement"),
                path("receipts/<int:entry_id>.json", log.receipt, name="request_receipt"),
                path("ethics.pdf", own_documents.request_ethics, name="request_ethics"),
            ]
        ),
    ),
    path("grants/<uuid:grant_id>/link/", renewal.renew, name="link_renew"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", log.metrics, name="metrics"),
]
