"""Where caches and the lock file lie."""

from pathlib import Path

import pytest

from ipllvm_spec.spec.paths import cache_dir, lock_path


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    """Starts from an environment that chooses nothing."""
    for name in ("IPLLVM_CACHE", "XDG_CACHE_HOME", "IPLLVM_LOCK"):
        monkeypatch.delenv(name, raising=False)


def test_the_cache(tmp_path, monkeypatch):
    """IPLLVM_CACHE wins over XDG_CACHE_HOME, which wins over the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "ipllvm"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/invalid")
    assert cache_dir() == tmp_path / ".cache" / "ipllvm"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg" / "ipllvm"
    monkeypatch.setenv("IPLLVM_CACHE", "~/mine")
    assert cache_dir() == tmp_path / "mine"
    assert not cache_dir().exists()


def test_the_lock(tmp_path, monkeypatch):
    """The lock lies in the working folder unless the environment names another file."""
    monkeypatch.chdir(tmp_path)
    assert lock_path() == Path.cwd() / "ipllvm.lock"
    monkeypatch.setenv("IPLLVM_LOCK", "other.lock")
    assert lock_path() == tmp_path / "other.lock"
