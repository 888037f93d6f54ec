"""Files as applicants upload them."""


def a_pdf(body: str = "", *, trailer: str = "", stream: bool = False) -> bytes:
    """A PDF of one empty object, with a cross-reference table or, if `stream`, a stream."""
    start = f"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n% {body}\n".encode()
    table = (
        f"2 0 obj\n<</Type/XRef/Size 1/Root 1 0 R{trailer}/Length 0>>\nstream\nendstream\nendobj\n"
        if stream
        else f"xref\n0 1\n0000000000 65535 f \ntrailer\n<</Size 1/Root 1 0 R{trailer}>>\n"
    )
    return start + table.encode() + f"startxref\n{len(start)}\n%%EOF\n".encode()
