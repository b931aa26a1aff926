"""The drawn world, its sentences and the file that tells the site about it."""

import json
import random
from collections import Counter

import torch

from workers.engines.skyreels.nano_lab import captions, paint, samples, text, world
from workers.engines.skyreels.nano_lab.export import SHIPPED
from workers.prompts import nano_words


def test_held_out_combinations_are_a_tenth_and_never_sampled_for_training() -> None:
    rng = random.Random(0)
    every = [
        world.Spec(c, s, m, "sea")
        for c in world.COLOURS
        for s in world.SHAPES
        for m in world.MOTIONS
        if world.Spec(c, s, m, "sea").legal
    ]
    part = sum(s.held_out for s in every) / len(every)
    assert 0.08 < part < 0.17
    assert not any(world.sample_spec(rng).held_out for _ in range(300))
    assert all(world.sample_spec(rng, held_out=True).held_out for _ in range(30))


def test_same_seed_same_clip() -> None:
    spec = world.Spec("red", "heart", "orbit", "city")
    one, two = (
        paint.draw([spec], [world.trajectory(spec, 17, (160, 96), random.Random(5))], (160, 96))[0] for _ in range(2)
    )
    assert torch.equal(one, two)
    assert one.shape == (1, 3, 17, 96, 160)
    assert float(one.min()) >= -1 and float(one.max()) <= 1


def test_an_object_that_leaves_comes_back_on_the_other_side() -> None:
    spec = world.Spec("red", "circle", "right", "sky")
    path = world.trajectory(spec, 80, (128, 128), random.Random(1))
    jumps = (path[1:, 0] - path[:-1, 0]) < 0
    assert 1 <= jumps.sum() <= 3
    assert (path[:-1, 0][jumps] > 128).all() and (path[1:, 0][jumps] < 0).all()


def test_a_journey_begins_and_ends_inside_the_picture_and_waits_at_its_end() -> None:
    rng = random.Random(5)
    for shape in world.SHAPES:
        spec = world.Spec("red", shape, "still", "sky")
        path = world.journey(spec, 25, (160, 96), rng)
        assert path.shape == (25, 4) and (path[world.JOURNEY - 1 :] == path[-1]).all()
        assert ((path[:, 0] > 0) & (path[:, 0] < 160) & (path[:, 1] > 0) & (path[:, 1] < 96)).all()
        assert abs(path[0] - path[-1]).max() > 1
        if shape in world.ROUND:
            assert not path[:, 3].any()


def test_what_is_hard_to_learn_is_drawn_more_often_and_never_held_out() -> None:
    rng = random.Random(6)
    specs = [samples.sample(rng)[0] for _ in range(3000)]
    drawn = Counter((s.shape, s.motion) for s in specs)
    assert drawn["star", "rotate"] > 3 * drawn["square", "still"]
    # Of moving left half of the hearts are held out, of moving up none: it shows in neither's number.
    assert drawn["heart", "left"] > 0.75 * drawn["heart", "up"]
    assert not any(s.held_out for s in specs)


def test_two_objects_move_beside_or_above_each_other() -> None:
    rng = random.Random(7)
    for size in (*world.SIZES.values(),) * 12:
        spec = world.sample_pair(rng)
        assert spec.second is not None and spec.second.colour != spec.colour and not spec.held_out
        first, second = world.pair(spec, world.WINDOW, size, rng)
        axis = 1 if {spec.motion, spec.second.motion} & set(world.ROW) else 0
        assert (second[:, axis] - first[:, axis] > 0.35 * size[axis]).all()
        assert world.sample_pair(rng, held_out=True).held_out


def test_a_camera_that_pans_shifts_the_scene_and_its_object_alike() -> None:
    spec = world.Spec("white", "square", "still", "city", camera="pan right")
    clip, mask = paint.film(spec, world.WINDOW, (128, 128), random.Random(2))
    shift = round(0.4 * 128)
    gone = (clip[0, :, -1, :, : 128 - shift] - clip[0, :, 0, :, shift:]).abs().mean()
    stayed = (clip[0, :, -1] - clip[0, :, 0]).abs().mean()
    assert float(gone) < 0.15 * float(stayed)
    columns = [int((m.sum(0) > 0).nonzero().float().mean()) for m in (mask[0, 0, 0], mask[0, 0, -1])]
    assert abs(columns[0] - columns[1] - shift) <= 1


def test_a_camera_that_zooms_out_ends_with_the_whole_scene() -> None:
    seen = world.view("zoom out", world.WINDOW, 128)
    shown = paint.panorama("meadow", seen, (128, 128))
    assert torch.allclose(shown[:, -1], paint.background("meadow", (128, 128)), atol=1e-4)
    assert not torch.allclose(shown[:, 0], shown[:, -1], atol=0.1)


def test_a_word_of_a_sentence_about_two_objects_is_labelled_with_its_own_object() -> None:
    rng, tok, pairs = random.Random(11), text.tokenizer(), 0
    nouns = {word: shape for shape, words in nano_words.SHAPE_WORDS.items() for word in words}
    for _ in range(300):
        sentence, labels, _ = text.lesson(tok, rng)
        tokens = tok.convert_ids_to_tokens(tok(sentence).input_ids)
        assert len(tokens) == len(labels)
        shapes = [(nouns[t], label) for t, label in zip(tokens, labels, strict=True) if t in nouns]
        if any(label[5] == 1 for label in labels):
            pairs += 1
            assert [world.SHAPES[label[1]] for _, label in shapes] == [shape for shape, _ in shapes]
            assert [label[5] for _, label in shapes] == [0, 1]
    assert pairs > 20


def test_every_word_of_every_caption_is_in_the_vocabulary() -> None:
    rng, words = random.Random(3), set(nano_words.vocabulary())
    for _ in range(500):
        spec = rng.choice((world.sample_spec, world.sample_pair, world.sample_camera))(rng)
        text = captions.caption(spec, rng).lower().replace(",", " , ").replace(".", " . ")
        assert set(text.split()) - words <= {captions.UNKNOWN}, text
        told = captions.canonical(spec)
        assert (" and " in told) == (spec.second is not None) and ("camera" in told) == (spec.camera != "fixed")


def test_what_a_sentence_leaves_open_is_always_the_same_and_what_it_says_is_not() -> None:
    rng, seen = random.Random(4), set()
    tables = (nano_words.COLOUR_WORDS, nano_words.SHAPE_WORDS, nano_words.MOTION_WORDS, nano_words.SCENE_WORDS)
    for _ in range(300):
        spec, said = captions.sample(rng, open_ended=1.0)
        sentence = f" {captions.partial(spec, said, rng)} "
        seen.add(said)
        assert spec.legal and not spec.held_out and sentence.strip()
        for name, told, table in zip(("colour", "shape", "motion", "scene"), said, tables, strict=True):
            value = getattr(spec, name)
            if told:
                assert any(set(phrase.split()) <= set(sentence.split()) for phrase in table[value]), sentence
            else:
                assert value == getattr(captions.ASSUMED, name)
    assert len(seen) == 16


def test_the_site_can_read_the_world_without_torch() -> None:
    told = json.loads((SHIPPED / "world.json").read_text())
    keys = "colours shapes motions scenes sizes fps base_num_frames overlap_history steps guidance_scale shift examples"
    assert set(told) == {*keys.split(), "picture_guidance_scale", "limits", "stills"}
    assert len(told["colours"]) >= 8 and len(told["examples"]) == 6
    assert all(w % 16 == 0 and h % 16 == 0 for w, h in told["sizes"].values())
    assert told["base_num_frames"] % 4 == 1 and told["overlap_history"] % 4 == 1
