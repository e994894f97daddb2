import string
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from hotclub.config.lines import index

TEXT = '''\
# a = 1
top = """
[not.a.table]
x = 1
"""
list = [  # [no]
  "a = ]", 'b',
]
[programs.web]
command = "x # y"
"quoted key" = 'it''s'
env = { A = "}", B = { C = "1" }, "D.E" = 2 }
ready.tcp = "a:1"

[programs.tasks]   # [programs.no]
command = \'\'\'[x]\'\'\'
[[many]]
a = 1
[groups]
back = ["web",
        "tasks"]
last = 2020-01-01T00:00:00Z'''


def test_a_text_with_everything_in_it():
    text = TEXT.replace("it''s", "its")
    tomllib.loads(text)
    assert index(text) == {
        ("top",): 2,
        ("list",): 6,
        ("programs",): 9,
        ("programs", "web"): 9,
        ("programs", "web", "command"): 10,
        ("programs", "web", "quoted key"): 11,
        ("programs", "web", "env"): 12,
        ("programs", "web", "env", "A"): 12,
        ("programs", "web", "env", "B"): 12,
        ("programs", "web", "env", "B", "C"): 12,
        ("programs", "web", "env", "D.E"): 12,
        ("programs", "web", "ready"): 13,
        ("programs", "web", "ready", "tcp"): 13,
        ("programs", "tasks"): 15,
        ("programs", "tasks", "command"): 16,
        ("many",): 17,
        ("many", "a"): 18,
        ("groups",): 19,
        ("groups", "back"): 20,
        ("groups", "last"): 22,
    }


def paths(data, above=()):
    for key, value in data.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from paths(value, (*above, key))


KEYS = st.text(string.ascii_letters, min_size=1, max_size=4)
SCALARS = st.sampled_from(
    ['"a = [{"', "'\"#'", '"""\n[x]\n"""', "'''\ny = 1\n'''", "1", "true", '["]", "["]', "[[1, 2],\n []]"]
)
TABLES = st.dictionaries(KEYS, SCALARS | st.dictionaries(KEYS, SCALARS.filter(lambda s: "\n" not in s)), max_size=4)


def render(tables):
    lines = []
    for name, table in tables.items():
        lines.append(f"[{name}] # [c]")
        for key, value in table.items():
            inline = "{" + ", ".join(f"{k} = {v}" for k, v in value.items()) + "}" if isinstance(value, dict) else value
            lines.append(f"  {key}  = {inline} # = 1")
    return "\n".join(lines)


@given(st.dictionaries(KEYS, TABLES, max_size=4))
def test_every_key_of_a_valid_text_is_found_where_it_stands(tables):
    text = render(tables)
    lines = text.split("\n")
    found = index(text)
    assert set(found) == set(paths(tomllib.loads(text)))
    for path, line in found.items():
        assert path[-1] in lines[line - 1]


@given(st.text(alphabet=string.printable, max_size=200))
def test_it_ends_on_every_valid_text(text):
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    index(text)
