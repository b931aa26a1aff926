"""SkyReels-V2's two command lines, as they are typed."""

import pytest
from django.core.management import call_command

from workers import video
from workers.media.probe import probe, read_comment

SMALL = ["--prompt", "a red circle moves right", "--seed", "1", "--inference_steps", "2", "--num_frames", "9"]


def test_a_film_lands_in_the_folder_and_progress_on_the_other_stream(tmp_path, capsys):
    call_command("generate_video_df", *SMALL, "--outdir", str(tmp_path / "out"), "--fps", "12", "--prompt_enhancer")
    (film,) = (tmp_path / "out").iterdir()
    told = capsys.readouterr()
    assert str(film) in told.out and "step 2 of 2" in told.err
    assert (probe(film).frames, probe(film).fps) == (9, 12)
    assert '"params": {"prompt": "a red circle moves right"' in read_comment(film)


@pytest.mark.parametrize(
    ("command", "line", "sentence"),
    [
        ("generate_video_df", ["--num_frames", "10"], "--num_frames: "),
        ("generate_video_df", ["--inference_steps", "9" * 400], "from 1 to 200"),
        ("generate_video_df", ["--outdir", __file__], "could not be saved"),
        ("generate_video_df", ["--model_id", "Skywork/SkyReels-V2-T2V-14B-540P"], "use generate_video"),
        ("generate_video_df", ["--image", "nowhere.png"], "--image: The file cannot be read"),
        ("generate_video", ["--model_id", "SkyReels-V2-I2V-14B-540P", "--num_frames", "97"], "begins with a picture"),
        ("generate_video", ["--model_id", "SkyReels-V2-T2V-14B-540P", "--num_frames", "97"], "not on this machine"),
    ],
)
def test_flags_that_cannot_be_end_with_a_sentence(command, line, sentence, capsys, monkeypatch):
    monkeypatch.delenv("CINEVIVID_MODELS", raising=False)
    with pytest.raises(SystemExit) as stopped:
        call_command(command, *SMALL, *line)
    told = capsys.readouterr().err
    assert sentence in told and "Traceback" not in told
    assert stopped.value.code == (2 if "--" in told else 1)


@pytest.mark.parametrize("seconds", ["inf", "nan", "0"])
def test_a_length_that_is_none_ends_with_a_sentence(seconds, capsys):
    assert video.main(["--prompt", "a swan", "--seconds", seconds]) == 2
    assert capsys.readouterr().err == "--seconds: A length is a number of seconds above 0.\n"
