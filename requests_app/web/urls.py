"""The public and the applicant's side of the portal."""

from django.urls import include, path, re_path

from requests_app.web import (
    declining,
    downloads,
    health,
    home,
    log,
    own_documents,
    renewal,
    request_editing,
    requests,
    signing,
    signing_anew,
    verification,
)

urlpatterns = [
    path("", home.home, name="home"),
    re_path(r"^dataset/citation\.(?P<kind>bib|ris|cff)$", home.citation_file, name="citation"),
    path("dataset/croissant.json", home.croissant, name="croissant"),
    path("d/<str:token>/", downloads.page, name="download_page"),
    path("d/<str:token>/files/<path:path>", downloads.file, name="download_file"),
    path("d/<str:token>/manifest.sha256", downloads.manifest, name="download_manifest"),
    path("d/<str:token>/urls.txt", downloads.urls, name="download_urls"),
    path("d/<str:token>/<str:name>.zip", downloads.archive, name="release_archive"),
    path(
        "d/<str:token>/releases/<str:version>/",
        include(
            [
                path("files/<path:path>", downloads.file, name="release_file"),
                path("manifest.sha256", downloads.manifest, name="release_manifest"),
                path("urls.txt", downloads.urls, name="release_urls"),
            ]
        ),
    ),
    path("verify/", verification.verify, name="verify"),
    path("verify/certificates.pem", verification.certificates_file, name="certificates"),
    re_path(
        r"^verify/(?P<number>[A-Z0-9][A-Z0-9-]{2,59})$", verification.verify, name="verify_number"
    ),
    path("log/checkpoint", log.checkpoint, name="log_checkpoint"),
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
