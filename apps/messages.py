"""Messages to the workers. An actor is called by its name, so that no app imports the code that answers."""

import dramatiq


def send(queue: str, actor: str, *args: str) -> None:
    """Put a call of `actor` on a queue. Raises what the broker raises when it does not answer."""
    broker = dramatiq.get_broker()
    broker.declare_queue(queue)
    broker.enqueue(dramatiq.Message(queue_name=queue, actor_name=actor, args=args, kwargs={}, options={}))
