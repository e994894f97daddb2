import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotclub.config import env_file
from hotclub.config.errors import ConfigError


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=1", "1"),
        ("export A=1", "1"),
        ("  A = 1  ", "1"),
        ("A=", ""),
        ("A=a b # comment", "a b"),
        ("A=a#b", "a#b"),
        ("A=# all comment", ""),
        ("A='a # b' # c", "a # b"),
        (r"A='a\n$B'", r"a\n$B"),
        (r'A="a\n\"b\" \$C \\"', 'a\n"b" $C \\'),
        ('A=say "hi"', 'say "hi"'),
        ("A=$HOME", "$HOME"),
        ("A=a=b", "a=b"),
        ("A=1\r", "1"),
    ],
)
def test_lines(line, value):
    assert env_file.parse(line, "f") == {"A": value}


def test_a_file(tmp_path):
    path = tmp_path / ".env"
    path.write_text("# first\n\nA=1\nB=2\nA=3\n")
    assert env_file.read(str(path)) == {"A": "3", "B": "2"}


def test_every_bad_line_is_named(tmp_path):
    path = tmp_path / ".env"
    path.write_text("A=1\nnonsense\n2B=1\nC='open\nD=\0\n")
    with pytest.raises(ConfigError) as error:
        env_file.read(str(path))
    next_step = 'write KEY=value or KEY="a value"'
    assert str(error.value).split("\n") == [
        f"{path}:2: env file: this line is not KEY=VALUE; {next_step}",
        f"{path}:3: env file: this line is not KEY=VALUE; {next_step}",
        f"{path}:4: env file: the quotes of C are not closed at the end of the line; {next_step}",
        f"{path}:5: env file: the value of D has a NUL character; {next_step}",
    ]


def test_missing_and_not_text(tmp_path):
    path = tmp_path / ".env"
    with pytest.raises(ConfigError, match="env file: cannot be read: No such file or directory; create it"):
        env_file.read(str(path))
    path.write_bytes(b"A=1\nB=\xff\n")
    with pytest.raises(ConfigError, match=r"\.env:2: env file: is not UTF-8 text; save it as UTF-8"):
        env_file.read(str(path))


@given(st.text(max_size=100))
def test_any_text_is_read_or_refused(text):
    try:
        variables = env_file.parse(text, "f")
    except ConfigError:
        return
    assert all("\0" not in value for value in variables.values())


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r"), max_size=50))
def test_a_double_quoted_value_comes_back(value):
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    assert env_file.parse(f'A="{quoted}"', "f") == {"A": value}
