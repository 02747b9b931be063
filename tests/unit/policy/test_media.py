import pytest

from pipeline.policy.media import MediaError, MediaKind, media_kind


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://cdn.example.com/offer.jpg", MediaKind.IMAGE),
        ("https://cdn.example.com/a/OFFER.PNG?size=2", MediaKind.IMAGE),
        ("https://cdn.example.com/film.mp4", MediaKind.VIDEO),
        ("https://cdn.example.com/terms.pdf#page=2", MediaKind.DOCUMENT),
    ],
)
def test_the_ending_tells_the_kind(url: str, kind: MediaKind) -> None:
    assert media_kind(url) is kind


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://cdn.example.com/offer.jpg", "no https address"),
        ("https:///offer.jpg", "no https address"),
        ("https://user:secret@cdn.example.com/offer.jpg", "no https address"),
        ("https://cdn.example.com/an offer.jpg", "no https address"),
        ("https://[cdn/offer.jpg", "no https address"),
        ("offer.jpg", "no https address"),
        ("https://cdn.example.com/offer", "must end"),
        ("https://cdn.example.com/offer.exe", "must end"),
        ("https://cdn.example.com/" + 2048 * "a" + ".jpg", "longer than"),
    ],
)
def test_what_cannot_be_fetched_is_refused(url: str, problem: str) -> None:
    with pytest.raises(MediaError, match=problem):
        media_kind(url)
