"""YAML as data with positions: what is read, what is refused, and where things stand."""

import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initlab.errors import InputError, SpecError
from initlab.spec import yamlfile


def read(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return yamlfile.parse(raw, "f.yaml")


def refused(text):
    """The one problem for which a document is refused."""
    with pytest.raises(SpecError) as error:
        read(text)
    (problem,) = error.value.problems
    return problem


# scalars: the expected values are those of the YAML 1.2 core schema -----------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),  # PyYAML alone: a string
        ("1E5", 100000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-2.5e+3", -2500.0),
        ("7", 7),
        ("-7", -7),
        ("+7", 7),
        ("0123", 123),  # YAML 1.1: 83
        ("true", True),
        ("False", False),
        ("no", "no"),  # YAML 1.1: False
        ("on", "on"),
        ("null", None),
        ("~", None),
        ("", None),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("1:30", "1:30"),  # YAML 1.1: 90
        ("2001-01-01", "2001-01-01"),  # YAML 1.1: a date
        ("1_000", "1_000"),
        ("nan", "nan"),
        ("'7'", "7"),
        ('"1e-3"', "1e-3"),
        ("'null'", "null"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    found = read(f"a: {text}").data["a"]
    assert found == value
    assert type(found) is type(value)


def test_nan_is_a_number():
    assert math.isnan(read("a: .NaN").data["a"])


def test_an_integer_of_any_length_is_read_at_once():
    # Python itself refuses to convert more than 4300 digits
    assert read(f"a: {'9' * 5000}").data["a"] == math.inf


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_reads_back_as_itself(number):
    assert read(f"a: {number!r}").data["a"] == number


# documents --------------------------------------------------------------------------------------


def test_places_of_keys_and_values():
    document = read("depth: 3\ninit:\n  scheme: normal\n  std: [0.1, 0.2]\n")
    assert document.data == {"depth": 3, "init": {"scheme": "normal", "std": [0.1, 0.2]}}
    assert document.where(("depth",)) == "f.yaml:1:1"
    assert document.where(("init", "std")) == "f.yaml:4:3"
    assert document.where(("init", "std", 1)) == "f.yaml:4:14"


def test_an_unknown_path_stands_where_its_known_part_does():
    document = read("depth: 3\ninit:\n  scheme: normal\n")
    assert document.where(("init", "gain")) == "f.yaml:2:1"
    assert document.where(("width",)) == "f.yaml:1:1"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null", "\n\n"])
def test_an_empty_document_is_none(text):
    assert read(text).data is None


def test_a_byte_order_mark_and_windows_lines_do_not_matter():
    document = read(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert document.data == {"a": 1, "b": 2}
    assert document.where(("b",)) == "f.yaml:2:1"


def test_an_alias_repeats_its_anchor():
    assert read("a: &x [1, 2]\nb: *x").data == {"a": [1, 2], "b": [1, 2]}


def test_a_merge_key_is_no_magic():
    assert read("<<: {depth: 3}").data == {"<<": {"depth": 3}}


@pytest.mark.parametrize("key", ["1", "null", "1.5", "true"])
def test_keys_are_always_words(key):
    assert list(read(f"{key}: x").data) == [key]


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        (b"a: 1\nb: \xff\n", "f.yaml:2", "not UTF-8"),
        ("depth: 3".encode("utf-16"), "f.yaml:1", "not UTF-8"),
        ("a: [1, 2", "f.yaml:1:9", "not valid YAML"),
        ("a: 1\n\tb: 2", "f.yaml:2:1", "not valid YAML"),
        ("a: b: c", "f.yaml:1:5", "not valid YAML"),
        ("a: *nowhere", "f.yaml:1:4", "nowhere"),
        ("a: 1\n---\nb: 2", "f.yaml:2:1", "another document"),
        ("a: 1\nb: 2\na: 3", "f.yaml:3:1", "'a' stands twice"),
        ("a: {b: 1, b: 2}", "f.yaml:1:11", "'b' stands twice"),
        ("a: !!python/object/apply:os.system [ls]", "f.yaml:1:4", "tag"),
        ("a: !secret x", "f.yaml:1:4", "tag"),
        ("a: !!binary aGk=", "f.yaml:1:4", "the tag 'tag:yaml.org,2002:binary'"),
        ("a: !!str 007", "f.yaml:1:4", "leave it out, and quote text"),
        ("a: !!float '3'", "f.yaml:1:4", "tag"),
        ("!!map {a: 1}", "f.yaml:1:1", "tag"),
        ("a: [!!seq [1]]", "f.yaml:1:5", "tag"),
        ("? [1, 2]\n: 3", "f.yaml:1:3", "key must be a word"),
        ("a: \x00", "f.yaml", "not YAML text"),
        ("a: &a [*a]", "f.yaml:1:4", "nested too deeply"),
        ("[" * 20_000, "f.yaml", "nested too deeply"),
        ("{a: " * 60 + "1" + "}" * 60, "f.yaml:1:", "nested too deeply"),
    ],
)
def test_what_is_no_plain_document_is_refused_with_its_place(text, where, message):
    problem = refused(text)
    assert problem.where.startswith(where)
    assert message in problem.message


def test_a_long_list_is_no_alias_bomb():
    text = f"seeds: [{', '.join(map(str, range(140_000)))}]"
    assert read(text).data == {"seeds": [*range(140_000)]}


def test_an_alias_bomb_is_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    assert "without bound through aliases" in refused("\n".join(lines)).message  # 10^12 strings


def data_or_refused(raw):
    try:
        read(raw)
    except SpecError as error:
        (problem,) = error.problems
        return problem.where.startswith("f.yaml")
    return True


@given(st.binary(max_size=200))
def test_any_bytes_are_data_or_refused(raw):
    assert data_or_refused(raw)


@given(st.text(alphabet="ab:-[]{},&*!|>'\"%@#?\n\t 01.e~<=\\²٣\u2028", max_size=60))
def test_any_text_is_data_or_refused(text):
    assert data_or_refused(text)


# files ------------------------------------------------------------------------------------------


@pytest.fixture
def a_file(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_bytes(b"a: 1")
    return path


def test_a_file_and_standard_input_are_read(a_file):
    assert yamlfile.read_bytes(str(a_file), io.BytesIO(b"b: 2")) == b"a: 1"
    assert yamlfile.read_bytes("-", io.BytesIO(b"b: 2")) == b"b: 2"


def test_what_cannot_be_read_is_refused_by_name(a_file):
    for source, message in [
        (a_file.parent / "none.yaml", "no such file"),
        (a_file.parent, "is a folder"),
        (a_file / "below", "cannot be read: Not a directory"),
    ]:
        with pytest.raises(InputError, match=message) as error:
            yamlfile.read_bytes(str(source), io.BytesIO())
        assert str(source) in error.value.message


def test_a_file_without_end_is_refused():
    with pytest.raises(InputError, match="/dev/zero: is a device, not a file"):
        yamlfile.read_bytes("/dev/zero", io.BytesIO())
    with pytest.raises(InputError, match="1,048,576 bytes"):
        yamlfile.read_bytes("-", io.BytesIO(b" " * (1 << 20) + b" "))


# values from the command line -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"), [("2", 2), ("[1, 2]", [1, 2]), ("{a: 1e-3}", {"a": 0.001}), ("", None)]
)
def test_a_value_from_the_command_line_is_yaml(text, value):
    assert yamlfile.value(text) == value


@pytest.mark.parametrize("text", ["[", "a: b: c", "!!python/name:os.system", "1\n---\n2", "*a"])
def test_a_value_that_is_not_yaml_is_refused(text):
    with pytest.raises(InputError, match="is not a YAML value"):
        yamlfile.value(text)


def test_a_value_that_is_not_text_is_refused():
    # how Python hands on an argument of bytes that are not UTF-8
    with pytest.raises(InputError):
        yamlfile.value(b"\xff".decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("name", ["m.pt", "m.PTH", "a.b/m.safetensors", "m.onnx", "m.ckpt"])
@pytest.mark.parametrize("there", [True, False])
def test_a_saved_model_is_no_spec_and_the_message_says_what_is(tmp_path, name, there):
    path = tmp_path / name
    if there:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"PK\x03\x04\xff")
    with pytest.raises(
        InputError, match="is a saved model; networks are built anew from a YAML"
    ) as error:
        yamlfile.read_bytes(str(path), None)
    assert str(path) in error.value.message
    assert error.value.fix == "initlab new my_sweep.yaml"
