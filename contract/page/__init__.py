"""A verification's report as one HTML page that a data-protection officer can read.

Self-contained: no script, no font, no picture and no address is loaded; the style is in the page
and named by its digest in the page's own content security policy. It reads in light and dark, on
paper, on a phone, and with a screen reader. It is made from ``report.json`` alone, so the verifier
writes it beside that file and the platform makes the same page from the report it keeps.

:mod:`contract.page.document` puts it together, :mod:`contract.page.sections` and
:mod:`contract.page.numbers` write its parts, :mod:`contract.page.words` holds its sentences and
:mod:`contract.page.style` its style sheet.
"""

from contract.page.document import PAGE_FILE, page_policy, report_page, write_page

__all__ = ["PAGE_FILE", "page_policy", "report_page", "write_page"]
