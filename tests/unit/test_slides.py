"""Drawn slides: the same number is the same slide, and there is text on it."""

import numpy as np

from tools import slides


def test_a_number_is_one_slide_and_numbers_differ():
    fonts = slides.text_fonts()
    first, again, other = (np.asarray(slides.slide(number, fonts)) for number in (3, 3, 4))
    assert first.shape == (*slides.SIZE_PX, 3)
    assert np.array_equal(first, again)
    assert (first != other).any(axis=2).mean() > 0.1


def test_fonts_hold_latin_letters():
    fonts = slides.text_fonts()
    assert len(fonts) >= 15
    assert not any(name in font.name for font in fonts for name in ("Siz", "NonUni", "LastResort", "cmsy", "cmex"))


def test_words_are_letters_or_digits():
    rng = np.random.default_rng(0)
    words = [slides.word(rng) for _ in range(200)]
    assert all(word.isalpha() or word.isdigit() for word in words)
    assert sum(word.isdigit() for word in words) in range(5, 50)


def test_paper_and_ink_can_be_told_apart():
    rng = np.random.default_rng(0)
    contrasts = [np.abs(np.subtract(*slides.two_colours(rng))).max() for _ in range(300)]
    assert np.quantile(contrasts, 0.05) > 30


def test_a_slide_is_written_for_each_number(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["slides", str(tmp_path / "made"), "--count", "2"])
    slides.main()
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["000.png", "001.png"]
