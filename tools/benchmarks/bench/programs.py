"""Installing, building and running what a benchmark needs. Everything goes to build/."""

import fcntl
import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import isolated
from bench.errors import BenchError

ROOT = Path(__file__).resolve().parents[3]
RESULTS = ROOT / "build" / "bench"
GRACE_S = 20  # for a program that was asked to end


def shown(path):
    try:
        return str(Path(path).resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def commit():
    """The commit that is checked out, with "+" if files differ from it."""
    def git(*arguments):
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True,
                              text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    try:
        head = git("rev-parse", "--short=12", "HEAD")
        if head is None:
            return "unknown"
        return head + ("+" if git("status", "--porcelain") else "")
    except FileNotFoundError:
        return "unknown"


def run(command, *, what, log=None, **settings):
    """Waits for a command whose output nobody parses; it goes to standard error or a log."""
    out = open(log, "w", encoding="utf-8") if log else sys.stderr
    try:
        done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.STDOUT if log else None, check=False,
                              **settings)
    except FileNotFoundError as e:
        raise BenchError(f"{what} failed: {command[0]} is not there") from e
    finally:
        if log:
            out.close()
    if done.returncode != 0:
        if log:
            lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
            print("\n".join(lines[-30:]), file=sys.stderr)
        raise BenchError(f"{what} failed" + (f"; all of it is in {shown(log)}" if log else ""))


class Workplace:
    """Where one run of tools/bench builds, writes and reads. One at a time per clone."""

    def __init__(self, options, say):
        self.options = options
        self.say = say
        self.build = options.build.resolve() if options.build else ROOT / "build" / "release"
        self.seconds = options.seconds
        self.lock = None
        self.data = None

    def __enter__(self):
        RESULTS.mkdir(parents=True, exist_ok=True)
        self.lock = open(RESULTS / "lock", "w", encoding="ascii")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.say("another tools/bench is measuring; waiting for it")
            fcntl.flock(self.lock, fcntl.LOCK_EX)
        # All that is measured writes below here, so that everybody has the same disk.
        self.data = Path(tempfile.mkdtemp(prefix="data-", dir=RESULTS))
        return self

    def __exit__(self, *exception):
        shutil.rmtree(self.data, ignore_errors=True)
        self.lock.close()

    def folder(self, name):
        path = self.data / name
        path.mkdir()
        return path

    def make(self, *targets):
        """The programs of the release build, unless --build gave a directory."""
        if self.options.build:
            return
        run([ROOT / "tools/lib/install"], what="installing packages")
        if not (self.build / "build.ninja").exists():
            self.say("configuring the release build (once)")
            self.build.mkdir(parents=True, exist_ok=True)
            run(["cmake", "--preset", "release", "-DCROSSDOCK_TESTS=OFF"], cwd=ROOT,
                what="configuring the build", log=self.build / "configure.log")
        self.say("building what is missing: " + " ".join(targets))
        run(["ninja", "-C", self.build, *targets], what="the build",
            log=self.build / "build.log")

    def program(self, name):
        path = self.build / "bin" / name
        if not path.exists():
            raise BenchError(f"{shown(path)} is not there; leave --build away to build it")
        return path

    def output_of(self, command, *, what, seconds):
        """Standard output of a program that measures. It gets `seconds` and no longer; with
        whatever it started it is ended before this returns, also when we are interrupted."""
        environment = {k: v for k, v in os.environ.items()
                       if not k.startswith(("LANGCHAIN_", "LANGSMITH_", "RESTATE_"))}
        environment["TMPDIR"] = str(self.data)
        started = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, text=True, env=environment,
                                   start_new_session=True)
        try:
            text, _ = started.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as e:
            raise BenchError(f"{what} did not end within {seconds:.0f} s") from e
        finally:
            end_group(started)
        if started.returncode != 0:
            raise BenchError(f"{what} failed (exit code {started.returncode}); see above")
        return text


def end_group(started):
    """Ends a process and those that it started and left. They are a session of their own."""
    def tell(number):
        try:
            os.killpg(started.pid, number)
        except ProcessLookupError:
            pass

    if started.poll() is None:
        tell(signal.SIGTERM)
        try:
            started.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            pass
    tell(signal.SIGKILL)
    started.wait()
    started.stdout.close()


class Peers:
    """npm's packages for the peers, versions and hashes locked, and a Node.js of their own:
    Debian 12 has 18, they need 20."""

    source = ROOT / "tools" / "benchmarks" / "peers"
    folder = RESULTS / "peers"

    def __init__(self, place):
        self.place = place
        cpu = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        self.node_home = self.folder / "node_modules" / f"node-linux-{cpu}"
        self.node = self.node_home / "bin" / "node"
        self.isolated = isolated.possible()

    def prepare(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.source.iterdir():
            if path.is_file():
                shutil.copy2(path, self.folder / path.name)
        stamp = self.folder / "installed"
        wanted = hashlib.sha256((self.source / "package-lock.json").read_bytes()).hexdigest()
        if stamp.exists() and stamp.read_text(encoding="ascii") == wanted and self.node.exists():
            return
        stamp.unlink(missing_ok=True)
        run([ROOT / "tools/lib/install", "--peers"], what="installing what the peers need")
        self.place.say("installing the peers from npm (once)")
        run(["npm", "ci", "--ignore-scripts"], cwd=self.folder, what="npm ci",
            log=self.folder / "npm.log")
        if not self.node.exists():
            raise BenchError(f"npm has no Node.js for this machine ({platform.machine()}); "
                             "--no-peers measures without them")
        self.place.say("compiling the peers' SQLite (once, about a minute)")
        # By hand and not by its install script, which would fetch a program from elsewhere,
        # built for another Node.js.
        run([self.node, self.folder / "node_modules/node-gyp/bin/node-gyp.js", "rebuild",
             "--release", "--python=/usr/bin/python3", f"--nodedir={self.node_home}",
             "-C", self.folder / "node_modules/better-sqlite3"],
            cwd=self.folder, what="compiling better-sqlite3", log=self.folder / "gyp.log")
        stamp.write_text(wanted, encoding="ascii")

    def output_of(self, script, *arguments, what, seconds):
        command = [str(c) for c in (self.node, self.folder / script, *arguments)]
        if self.isolated:
            command = isolated.command(command)
        return self.place.output_of(command, what=what, seconds=seconds)
