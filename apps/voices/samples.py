"""How a voice sounds: one short sentence, spoken once by a worker and kept on the media storage."""

import asyncio
import hashlib

from django.core.cache import cache
from django.core.files.storage import default_storage

from apps import messages
from apps.voices.models import VoiceRemoval
from workers.voice.base import Voice

ROOT = "voices"
QUEUE, ACTOR = "cpu", "make_voice_sample"  # in workers/actors.py
WAIT_SECONDS, LOOK_SECONDS = 20.0, 0.15
FAILED_SECONDS = 60  # how long a voice that could not be heard is not tried again
SENTENCES = {
    "en": "I am {name}. Give me your words, and I will tell the story of your film.",
    "de": "Ich bin {name}. Gib mir deine Worte, und ich erzähle die Geschichte deines Films.",
    "es": "Soy {name}. Dame tus palabras y contaré la historia de tu película.",
    "fr": "Je suis {name}. Donnez-moi vos mots, et je raconterai l'histoire de votre film.",
    "it": "Sono {name}. Dammi le tue parole e racconterò la storia del tuo film.",
    "pt": "Eu sou {name}. Dê-me as suas palavras e contarei a história do seu filme.",
    "ja": "{name}です。あなたの言葉で、映画の物語を語ります。",
    "zh": "我是{name}。把你的文字交给我，我来讲述你的电影。",
}


def sentence(voice: Voice) -> str:
    """Return what a voice says in its sample, in its main language."""
    language = voice.language[0].split("-")[0] if voice.language else "en"
    return SENTENCES.get(language, SENTENCES["en"]).format(name=voice.name.split(" ")[0])


def path_of(voice: Voice) -> str:
    """Return where the sample of a voice lies; another sentence has another place."""
    told = hashlib.sha256(f"{voice.engine} {sentence(voice)}".encode()).hexdigest()
    return f"{_folder(voice.slug)}/{told[:32]}.mp3"


def gone(slug: str) -> bool:
    """Whether nobody may use this voice any more."""
    return VoiceRemoval.objects.filter(voice=slug).exists()


def remove(slug: str) -> None:
    """Remove the samples of a voice."""
    folder = _folder(slug)
    try:
        names = default_storage.listdir(folder)[1]
    except FileNotFoundError:
        return
    for name in names:
        default_storage.delete(f"{folder}/{name}")
    default_storage.delete(folder)  # a disk still has it


def _folder(slug: str) -> str:
    return f"{ROOT}/{hashlib.sha256(slug.encode()).hexdigest()[:32]}"


async def ready(voice: Voice) -> str:
    """Return the path of the sample, which a worker makes where it is not there yet; empty when that takes too long."""
    path = path_of(voice)
    if await asyncio.to_thread(default_storage.exists, path):
        return path
    if await asyncio.to_thread(failed, voice.slug):
        return ""
    if not await asyncio.to_thread(messages.nudge, QUEUE, ACTOR, voice.slug):
        return ""
    for _look in range(round(WAIT_SECONDS / LOOK_SECONDS)):
        await asyncio.sleep(LOOK_SECONDS)
        if await asyncio.to_thread(default_storage.exists, path):
            return path
        if await asyncio.to_thread(failed, voice.slug):
            return ""
    return ""


def failed(slug: str) -> bool:
    """Whether a worker has just failed to make it."""
    return bool(cache.get(_key(slug)))


def note_failure(slug: str) -> None:
    """Remember for a while that this voice cannot be heard."""
    cache.set(_key(slug), True, FAILED_SECONDS)


def _key(slug: str) -> str:
    return f"voice-sample-failed-{hashlib.sha256(slug.encode()).hexdigest()[:32]}"
