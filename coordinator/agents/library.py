"""The templates that can be chosen: those built in, and those of the user's own folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from coordinator.chat.agent import ChatAgent
from coordinator.errors import InvalidMessage, Misconfigured
from coordinator.story.template import Template, checked, read

BUILT_IN = Path(__file__).parent / "templates"

MAX_FILE_BYTES = 256 * 1024
"""The built-in ones are near 12 kB; what is twenty times as long was put into the folder by mistake."""

MAX_ECHO = 60
"""Characters of a wrong name that an error repeats: enough to know one's own slip, too few to flood a log."""


class Library:
    """Templates by name, in order of name: those of stories, and agents to talk with. Immutable; read again by
    `load_library`."""

    def __init__(self, templates: Iterable[Template | ChatAgent]) -> None:
        ordered = sorted(templates, key=lambda each: each.name)
        self._templates = {template.name: template for template in ordered if isinstance(template, Template)}
        self._agents = {agent.name: agent for agent in ordered if isinstance(agent, ChatAgent)}

    def all(self) -> list[Template]:
        """Of stories."""
        return list(self._templates.values())

    def agents(self) -> list[ChatAgent]:
        """To talk with."""
        return list(self._agents.values())

    def agent(self, name: str) -> ChatAgent:
        """Raises InvalidMessage, naming the agents there are."""
        agent = self._agents.get(name)
        if agent is None:
            raise InvalidMessage(f"There is no agent {_echo(name)}. Choose one of: {', '.join(self._agents)}.")
        return agent

    def get(self, name: str) -> Template:
        """Raises InvalidMessage, naming the templates there are."""
        template = self._templates.get(name)
        if template is None:
            raise InvalidMessage(f"There is no template {_echo(name)}. Choose one of: {', '.join(self._templates)}.")
        return template

    def check_options(self, template: Template, theme_options: Mapping[str, str]) -> dict[str, str]:
        """The value of each of the template's options, its default where none was chosen.

        Raises InvalidMessage for an option that the template does not have or a value that the option does not take.
        """
        options = {option.name: option for option in template.theme.options}
        for name, value in theme_options.items():
            if name not in options:
                known = f"Its options are: {', '.join(options)}." if options else "It has none."
                raise InvalidMessage(f"Template '{template.name}' has no option {_echo(name)}. {known}")
            if value not in options[name].values:
                allowed = ", ".join(options[name].values)
                raise InvalidMessage(f"Option '{name}' can't be {_echo(value)}. Choose one of: {allowed}.")
        return template.theme.choices(theme_options)


def load_library(extra_folder: Path | None = None) -> Library:
    """Reads the built-in templates and those in `extra_folder`, of which one may replace a built-in of the same name.

    Reads files (a few ms): call it once, at start-up. Raises Misconfigured naming the file and what is
    wrong with it; no template is skipped silently.
    """
    templates = {template.name: template for template in _read_folder(BUILT_IN)}
    if extra_folder is not None:
        templates |= {template.name: template for template in _read_folder(extra_folder)}
    return Library(templates.values())


def _read_folder(folder: Path) -> list[Template | ChatAgent]:
    try:
        files = sorted(
            entry for entry in folder.iterdir() if entry.suffix == ".toml" and not entry.name.startswith(".")
        )
    except FileNotFoundError:
        raise Misconfigured(f"The folder of templates {folder} does not exist. Create it or unset it.") from None
    except NotADirectoryError:
        raise Misconfigured(f"{folder} is not a folder. Name the folder that holds the templates.") from None
    except OSError as error:
        raise Misconfigured(f"The folder of templates {folder} can't be read: {error.strerror}.") from error
    return [_read_file(file) for file in files]


def _read_file(file: Path) -> Template | ChatAgent:
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            raise Misconfigured(f"Template {file} is over {MAX_FILE_BYTES // 1024} KiB.")
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise Misconfigured(f"Template {file} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Misconfigured(f"Template {file} is not in UTF-8 (byte {error.start}). Save it as UTF-8.") from error
    fields = read(text, str(file))
    is_agent = fields.get("kind") == "chat"
    template = checked(ChatAgent, fields, str(file)) if is_agent else checked(Template, fields, str(file))
    if template.name != file.stem:
        raise Misconfigured(
            f"Template {file} is not valid: name: it says '{template.name}', the file says '{file.stem}'. "
            "Make them the same."
        )
    return template


def _echo(text: str) -> str:
    return repr(text if len(text) <= MAX_ECHO else text[:MAX_ECHO] + "…")
