"""OpenDSR 2.0, and OpenGDPR 1.0 under its old routes and headers.

The platform is the processor. A controller calls with an API token of its organisation (the
specification leaves authentication to the processor) and vouches for the person, whose request
it has checked before it passes it on (specification, section 3.2).
"""
