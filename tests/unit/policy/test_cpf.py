import pytest

from pipeline.policy.cpf import is_valid_cpf


@pytest.mark.parametrize(
    "text", ["529.982.247-25", "52998224725", " 111.444.777-35 ", "123.456.789-09", "00000000191"]
)
def test_takes_a_cpf_with_the_right_check_digits(text: str) -> None:
    assert is_valid_cpf(text)


@pytest.mark.parametrize(
    "text",
    [
        "529.982.247-24",
        "529.982.247-15",
        "111.111.111-11",
        "5299822472",
        "529982247255",
        "529-982-247.25",
        "52998224725 or so",
        "٥٢٩٩٨٢٢٤٧٢٥",
        "",
    ],
)
def test_refuses_anything_else(text: str) -> None:
    assert not is_valid_cpf(text)
