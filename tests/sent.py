"""What has been sent to the workers."""

import dramatiq
from django.conf import settings


def waiting(queue):
    """The messages that wait in a queue, wherever it is."""
    broker = dramatiq.get_broker()
    found = broker.queues[queue].queue if settings.EMBEDDED else broker.client.hvals(f"{broker.namespace}:{queue}.msgs")
    return [dramatiq.Message.decode(each) for each in found]
