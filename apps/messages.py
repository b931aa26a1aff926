"""Messages to the workers. They name an actor, so that no app imports the code that runs it."""

import dramatiq


def send(queue: str, actor: str, *args: str) -> None:
    """Queue a call of the actor named `actor`. Raises the broker's own error when the broker does not answer."""
    broker = dramatiq.get_broker()
    broker.declare_queue(queue)
    broker.enqueue(dramatiq.Message(queue_name=queue, actor_name=actor, args=args, kwargs={}, options={}))
