"""temporary shim until certificates exist (never committed)."""


def certificates_of(actor, ticket):
    return ()


def certificates_visible(actor):
    from expunge.tickets.models import Ticket

    return Ticket.objects.none()


def certificate_get(actor, certificate_id):
    raise NotImplementedError
