"""Messages to the workers. They name an actor, so that no app imports the code that runs it."""

import dramatiq
import structlog

log = structlog.get_logger(__name__)


def send(queue: str, actor: str, *args: str) -> None:
    """Queue a call of the actor named `actor`. Raises the broker's own error when the broker does not answer."""
    broker = dramatiq.get_broker()
    broker.declare_queue(queue)
    broker.enqueue(dramatiq.Message(queue_name=queue, actor_name=actor, args=args, kwargs={}, options={}))


def nudge(queue: str, actor: str, *args: str) -> bool:
    """Queue a call that is made good when it is lost: False, and a line in the log, when the broker does not answer."""
    try:
        send(queue, actor, *args)
    except Exception:  # each broker has errors of its own
        log.warning("message_not_sent", actor=actor, exc_info=True)
        return False
    return True
