"""Templates: the built-in ones load and are complete, a person's own may replace them, and each mistake is named with
file and key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from coordinator.agents.library import BUILT_IN, MAX_FILE_BYTES, load_library
from coordinator.errors import InvalidMessage, Misconfigured
from coordinator.story.template import KINDS, Template, parse

NAMES = ["fairy-tale", "horror", "noir", "science-fiction", "scp", "short-story"]
STORY = (BUILT_IN / "short-story.toml").read_text(encoding="utf-8")


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours by WCAG 2, 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_all_built_in_templates_are_there() -> None:
    assert [template.name for template in load_library().all()] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_template_is_complete(name: str) -> None:
    template = load_library().get(name)
    assert tuple(step.kind for step in template.steps) == KINDS
    agents = {"brainstorm": "writer", "outline": "writer", "draft": "writer", "revise": "writer", "polish": "editor"}
    agents |= {
        "outline-review": "reader",
        "notes": "reader",
        "review": "reader",
        "record": "expert",
        "lore-review": "expert",
    }
    assert {step.kind: step.agent for step in template.steps} == agents
    stages = [step.stage for step in template.steps]
    assert stages == ["foundation"] * 3 + ["drafting"] * 3 + ["validation"] * 4
    assert set(template.agents) == {"writer", "reader", "expert", "editor"}
    assert all(len(agent.look_for) >= 5 for agent in template.agents.values())
    assert len({phrase.casefold() for phrase in template.style.avoid}) == len(template.style.avoid) >= 12
    assert 1 <= len(template.theme.options) <= 3


@pytest.mark.parametrize("name", NAMES)
def test_an_accent_can_be_read_on_light_and_dark(name: str) -> None:
    """AA: white text on it (4.5), and lines, icons and large text in it on near-black (3)."""
    accent = load_library().get(name).theme.accent
    assert contrast(accent, "#ffffff") >= 4.5
    assert contrast(accent, "#141414") >= 3


def test_templates_do_not_share_their_looks_or_words() -> None:
    templates = load_library().all()
    looks = [(template.theme.name, template.theme.accent, template.title) for template in templates]
    assert all(len(set(each)) == len(templates) for each in zip(*looks, strict=True))
    personas = [agent.persona for template in templates for agent in template.agents.values()]
    assert len(set(personas)) == len(personas)


BROKEN = {
    "bad TOML": ('title = "Short story"', 'title = "Short story', "not valid TOML: Illegal character"),
    "unknown key": ("[style]\n", '[style]\nmood = "grey"\n', "style.mood: is not a key that a template has"),
    "missing key": ('title = "Short story"\n', "", "title: is missing"),
    "wrong type": (
        "temperature = 0.9",
        'temperature = "hot"',
        "agents.writer.temperature: Input should be a valid number",
    ),
    "number in quotes": (
        "temperature = 0.9",
        'temperature = "0.9"',
        "agents.writer.temperature: Input should be a valid",
    ),
    "empty text": ('title = "Short story"', 'title = "  "', "title: String should have at least 1 character"),
    "bad colour": ("#2b7d6e", "green", "theme.accent: String should match pattern"),
    "bad name": ('name = "short-story"', 'name = "Short Story"', "name: String should match pattern"),
    "bad default": (
        'default = "Turned"',
        'default = "Happy"',
        "theme.options[2]: default 'Happy' is not one of the values",
    ),
    "bad effect": ("Turned = ", "Twisted = ", "theme.options[2]: effects: 'Twisted' is not one of the values"),
    "value twice": (
        '["Turned", "Open", "Closed"]',
        '["Turned", "Turned"]',
        "theme.options[2]: values: each value once",
    ),
    "option twice": ('name = "ending"', 'name = "point-of-view"', "theme: options: each name once"),
    "unknown agent": ("[agents.editor]", "[agents.singer]", "agents.singer: Input should be"),
    "agent of a step": ('agent = "editor"', 'agent = "singer"', "steps[10].agent: Input should be"),
    "unknown step": ('kind = "polish"', 'kind = "shine"', "steps[10].kind: Input should be"),
    "stages in disorder": ('stage = "drafting"', 'stage = "validation"', "steps: stages come in this order"),
    "step twice": ('kind = "notes"', 'kind = "record"', "steps: each kind once, in this order"),
    "no draft": ('kind = "draft"', 'kind = "notes"', "steps: "),
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_template_is_refused_with_file_and_key(change: tuple[str, str, str], tmp_path: Path) -> None:
    old, new, told = change
    assert old in STORY
    file = tmp_path / "short-story.toml"
    file.write_text(STORY.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(Misconfigured) as caught:
        load_library(tmp_path)
    assert str(file) in caught.value.message
    assert told in caught.value.message


def test_many_faults_are_told_in_a_few() -> None:
    with pytest.raises(Misconfigured, match=r"name: is missing; .*; and \d+ more\.$"):
        parse("x = 1", "own.toml")
    with pytest.raises(Misconfigured, match="nested too deep|not valid"):
        parse("x = " + "[" * 20_000, "own.toml")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('agent = "editor"', 'agent = "expert"'), None),
        (("[agents.editor]", "[agents.writer.x]"), "agents.writer.x: is not a key"),
    ],
)
def test_cast_and_steps_must_fit(change: tuple[str, str], told: str | None) -> None:
    text = STORY.replace(*change, 1)
    if told is None:
        assert parse(text, "x").step("polish") is not None
    else:
        with pytest.raises(Misconfigured, match=told.replace(".", r"\.")):
            parse(text, "x")


def test_an_agent_that_a_step_wants_must_be_cast() -> None:
    start, end = STORY.index("[agents.editor]"), STORY.index("[[steps]]")
    with pytest.raises(Misconfigured, match="polish wants agent editor, who is not in"):
        parse(STORY[:start] + STORY[end:], "x")


def own(folder: Path, name: str, **changes: str) -> Path:
    text = STORY.replace('name = "short-story"', f'name = "{name}"', 1)
    for old, new in changes.items():
        text = text.replace(old, new)
    file = folder / f"{name}.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_folder_of_ones_own_adds_and_replaces(tmp_path: Path) -> None:
    own(tmp_path, "western")
    own(tmp_path, "noir", **{"Short story": "My noir"})
    (tmp_path / "readme.md").write_text("not a template")
    (tmp_path / ".noir.toml").write_text("an editor's leftovers")
    library = load_library(tmp_path)
    assert [template.name for template in library.all()] == sorted([*NAMES, "western"])
    assert library.get("noir").title == "My noir"
    assert load_library().get("noir").title == "Noir"


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    file = own(tmp_path, "western")
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert load_library(tmp_path).get("western").title == "Short story"


def test_files_that_cannot_be_templates_are_named(tmp_path: Path) -> None:
    def refused(told: str) -> None:
        with pytest.raises(Misconfigured) as caught:
            load_library(tmp_path)
        assert told in caught.value.message
        assert str(tmp_path / "western.toml") in caught.value.message
        assert caught.value.code == "internal"

    file = own(tmp_path, "western")
    file.write_bytes(file.read_bytes() + "# café".encode("latin-1"))
    refused("not in UTF-8")
    file.write_bytes(STORY.encode() + b"#" + "é".encode() * MAX_FILE_BYTES)
    refused("over 256 KiB")
    file.write_text(STORY, encoding="utf-8")
    refused("name: it says 'short-story', the file says 'western'")
    file.unlink()
    file.mkdir()
    refused("can't be read")
    file.rmdir()
    file.symlink_to(tmp_path / "gone")
    refused("can't be read")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_the_right_to_read_is_named(tmp_path: Path) -> None:
    own(tmp_path, "western").chmod(0)
    with pytest.raises(Misconfigured, match=r"western\.toml can't be read"):
        load_library(tmp_path)


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="gone does not exist"):
        load_library(tmp_path / "gone")
    file = own(tmp_path, "western")
    with pytest.raises(Misconfigured, match=r"western\.toml is not a folder"):
        load_library(file)


def test_a_template_that_is_not_there() -> None:
    with pytest.raises(InvalidMessage) as caught:
        load_library().get("x")
    assert caught.value.message == f"There is no template 'x'. Choose one of: {', '.join(NAMES)}."
    with pytest.raises(InvalidMessage) as caught:
        load_library().get("x" * 100_000)
    assert len(caught.value.message) < 300


def test_options_are_checked_and_filled_up() -> None:
    library = load_library()
    noir = library.get("noir")
    assert library.check_options(noir, {}) == {"city-weather": "Heat", "era": "1940s", "investigator": "Private eye"}
    assert library.check_options(noir, {"city-weather": "Fog"})["city-weather"] == "Fog"
    with pytest.raises(InvalidMessage, match="'noir' has no option 'object-class'. Its options are: city-weather, era"):
        library.check_options(noir, {"object-class": "Safe"})
    with pytest.raises(InvalidMessage, match="'city-weather' can't be 'Hail'. Choose one of: Rain, Heat, Fog, Snow"):
        library.check_options(noir, {"city-weather": "Hail"})


def test_a_template_survives_the_wire() -> None:
    for template in load_library().all():
        assert Template.model_validate_json(template.model_dump_json()) == template


def test_the_example_in_the_documentation_works(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "templates.md").read_text(encoding="utf-8")
    example = page.split("```toml\n")[1].split("```")[0]
    (tmp_path / "western.toml").write_text(example, encoding="utf-8")
    western = load_library(tmp_path).get("western")
    assert contrast(western.theme.accent, "#ffffff") >= 4.5 and contrast(western.theme.accent, "#141414") >= 3

    wrong = example.replace('default = "Drought"', 'default = "Winter"').replace(
        'stage = "drafting"\nagent = "writer"', 'stage = "drafting"\nagent = "poet"'
    )
    with pytest.raises(Misconfigured) as caught:
        parse(wrong, "/home/me/my-templates/western.toml")
    assert caught.value.message in " ".join(page.split())
