"""Real wheels of other systems, by pip and by hash."""

import os
import subprocess
import sys

import pytest


def fetched(folder, pins, platform="win_amd64"):
    """{Python version: wheel} of {Python version: pin with its hash}; skips where they cannot be had, fails in CI."""
    runs = {}
    for version, pin in pins.items():
        wanted = folder / f"{version}.txt"
        wanted.write_text(f"{pin}\n", "utf-8")
        runs[version] = subprocess.Popen(
            f"{sys.executable} -m pip download --quiet --disable-pip-version-check --retries=1 --timeout=8 --no-deps "
            f"--require-hashes --only-binary=:all: --platform={platform} --python-version={version} "
            f"--dest={folder / version} -r{wanted}".split(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
    failed = [(version, said) for version, run in runs.items() if (said := run.communicate()[1]) and run.returncode]
    if failed:
        version, said = failed[0]
        why = f"{pins[version].partition(' ')[0]} for Python {version} cannot be had: {said.strip().splitlines()[-1]}"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return {version: next((folder / version).glob("*.whl")) for version in pins}
