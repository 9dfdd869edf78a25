"""The offline verifier: ``expunge-verify certificate.pdf --trust roots.pem --log-key log.key``.

No Django, no network, no database. It needs the file, and three things the auditor got by
another way: the root certificates, the key of the audit log, and the sidecar. :mod:`.signature`
looks at the PDF, :mod:`.statement` at what is attached to it, :mod:`.log` at the audit log,
:mod:`.verification` puts them together, :mod:`.command` speaks.
"""

from expunge.certificates.offline.command import main
from expunge.certificates.offline.trust import Trust
from expunge.certificates.offline.verification import Outcome, verify

__all__ = ["Outcome", "Trust", "main", "verify"]
