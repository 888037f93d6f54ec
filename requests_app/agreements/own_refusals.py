"""Why a document signed with its applicant's own certificate is not taken, and what to do."""

from typing import Final

NOT_OURS: Final = (
    "This is not the document that was issued to you. Download it again, sign that file without "
    "opening and saving it in another program first, and upload the result."
)
NOT_SIGNED: Final = (
    "This is the document as it was issued, without a signature. Sign it with your certificate, "
    "then upload the signed file."
)
ONE_ONLY: Final = "The file must bear exactly one signature: yours. Sign a fresh copy, once."
MORE_CHANGED: Final = (
    "Something besides your signature was changed or added. Sign a fresh copy of the document, and "
    "add nothing else to it: no comments, no pages, no stamps."
)
NOT_WHOLE: Final = "Your signature does not cover the whole document. Sign a fresh copy of it."
BROKEN: Final = "Your signature does not fit the document. Sign a fresh copy of it."
WEAK: Final = (
    "Your signature uses MD5, SHA-1 or a short key, which can be forged. Sign with SHA-256 and a "
    "key of at least 2,048 bits (RSA) or 256 bits (elliptic curves)."
)
ELSEWHERE: Final = (
    "Your signature must fill in the empty signature field that the document has, which shows on "
    "no page. Sign a fresh copy there, without a visible stamp or a field of its own."
)
OUT_OF_TERM: Final = "Your certificate is not valid now. Sign a fresh copy with one that is."
OUT_OF_TIME: Final = (
    "Your signature says that it was made before this document was issued, or at a time yet to "
    "come. Set the clock of your computer right, then sign a fresh copy."
)
NOT_PADES: Final = (
    "Your signature is of another kind than those that are accepted, or calls itself PAdES without "
    "the signed attributes that make it one. Sign a fresh copy as PAdES or as adbe.pkcs7.detached."
)
NO_CERTIFICATE: Final = (
    "Your signature does not bring the certificate that it was made with. Sign a fresh copy, and "
    "have your program put the certificate into the signature."
)
LOCKED: Final = (
    "Your signature certifies or locks the document, so the portal could not put its seal. Sign a "
    "fresh copy with an ordinary signature."
)
UNREADABLE: Final = (
    "The signature in this file cannot be read. Sign a fresh copy with a program that makes PAdES "
    "signatures, and upload that."
)
