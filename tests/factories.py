"""People and rows, made the way the product makes them."""

import factory
from django.core.files.base import ContentFile
from django.utils import timezone

from apps.accounts.models import User
from apps.billing import services as billing
from apps.library.models import Asset, Generation
from tests.params import PARAMS


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.org")

    @factory.post_generation
    def credits(self, create, amount, **kwargs):
        if amount:
            billing.grant(self, amount, f"test:{self.pk}")

    @factory.post_generation
    def verified(self, create, extracted, **kwargs):
        self.emailaddress_set.create(email=self.email, verified=True, primary=True)


class GenerationFactory(factory.django.DjangoModelFactory):
    """A queued job that holds its cost, as submit() leaves it."""

    class Meta:
        model = Generation
        skip_postgeneration_save = True

    user = factory.SubFactory(UserFactory, credits=100)
    tool = "to-video"
    title = "a red circle moves right"
    params = factory.LazyFunction(lambda: dict(PARAMS))
    cost = 30
    dispatched_at = factory.LazyFunction(timezone.now)

    @factory.post_generation
    def held(self, create, extracted, **kwargs):
        if extracted is not False:
            billing.hold(self.user, self.cost, self.reference)


class AssetFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Asset

    generation = factory.SubFactory(
        GenerationFactory, status=Generation.Status.SUCCEEDED, finished_at=factory.LazyFunction(timezone.now)
    )
    user = factory.SelfAttribute("generation.user")
    kind = "video"
    width, height, frames, fps, seconds = 64, 64, 21, 8, 2.6
    sha256 = "a" * 64
    recipe = factory.LazyAttribute(lambda asset: {"params": asset.generation.params, "model": "nano"})
    file = factory.LazyFunction(lambda: ContentFile(bytes(range(256)) * 40, "film.mp4"))
    poster = factory.LazyFunction(lambda: ContentFile(b"poster", "poster.webp"))
